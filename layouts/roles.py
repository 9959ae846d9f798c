"""Which column plays which role: one choice a role, said once for every analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from layouts import blocks, controls, ids
from layouts.icons import icon
from services import datasets, roles

NONE = " "  # an empty value would show as no choice at all


def section(known: Mapping[str, Any], told: Component | None = None) -> list[Component]:
    """Every role with the columns that can play it; `known` is the dataset, `told` what became of the last choice."""
    schema = datasets.schema(known)
    proposed, playing = roles.propose(schema), known["roles"]
    able = {role: roles.fitting(role, schema) for role in roles.ROLES}
    fields = [
        _field(known["id"], role, able[role], playing.get(role), proposed.get(role))
        for role in roles.ROLES
        if able[role]
    ]
    without = [role for role in roles.ROLES if not able[role]]
    back = blocks.button("Use what is proposed", symbol="undo-2", small=True, id=ids.ROLES_PROPOSED)
    return [
        blocks.heading("Roles", "said once, used by every analysis as its first choice", actions=[back]),
        html.Div(fields, className="role-fields"),
        html.P(f"No column of this table can be the {_listed(without)}.", className="fine") if without else None,
        html.Div(told, id=ids.ROLES_SAID, className="roles-said", role="status"),
    ]


def kept(ready: Sequence[str]) -> Component:
    """Say that the roles were kept, and which analyses can run with them now."""
    more = f" Ready to run: {', '.join(ready)}." if ready else " No analysis can run with these alone."
    return html.Span([icon("circle-check", size=14), html.Span([html.Strong("Saved."), more])], className="kept")


def refused(message: str) -> Component:
    """Say why they were not kept."""
    return html.Span(controls.said(message), className="error")


def _field(
    dataset: str, role: str, able: Sequence[str], playing: str | None, proposed: str | None
) -> html.Div:  # fmt: skip
    options = [{"label": "None", "value": NONE}]
    for name in able:
        options.append({"label": f"{name} (proposed)" if name == proposed else name, "value": name})
    shown = playing if playing in able else NONE
    control = dbc.Select(options, shown, id=ids.role(dataset, role), size="sm")
    return controls.field(role.capitalize(), control, hint=roles.MEANINGS[role])


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
