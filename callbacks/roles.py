"""Which column plays which role: chosen on the data page, kept at once."""

from __future__ import annotations

from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from callbacks.house import workspace
from layouts import ids, places
from layouts import roles as drawn
from services import chains, datasets, roles
from services.analysis import find_all
from services.errors import Expected, ParamError


def register(app: Dash) -> None:
    """Register what keeps a choice, and what goes back to the proposal."""

    @app.callback(
        Output(ids.ROLES_SAID, "children"),
        Input(ids.role(ALL, ALL), "value"),
        prevent_initial_call=True,
    )
    def assign(_: list[str | None]) -> Any:
        """Keep what was chosen; when nothing was, as on a page that was just drawn, say nothing."""
        said = ctx.inputs_list[0]
        if not said:
            raise PreventUpdate
        here, dataset = workspace(), said[0]["id"]["dataset"]
        playing = {each["id"]["name"]: (each.get("value") or "").strip() for each in said}
        try:
            known = datasets.about(here, dataset)
            before = {role: name for role, name in known["roles"].items() if role in playing}
            if before == {role: name for role, name in playing.items() if name}:
                raise PreventUpdate
            known["roles"] = datasets.assign(here, dataset, playing)
        except Expected as error:
            return drawn.refused(error.message)
        return drawn.kept(_ready(known))

    @app.callback(
        Output(ids.ROLES, "children"),
        Output(ids.ROLES_SAID, "children", allow_duplicate=True),
        Input(ids.ROLES_PROPOSED, "n_clicks"),
        State(ids.role(ALL, ALL), "id"),
        prevent_initial_call=True,
    )
    def propose(clicks: int | None, named: list[dict[str, str]]) -> tuple[Any, Any]:
        """Go back to the roles that the names and types propose."""
        if not clicks or not named:
            raise PreventUpdate
        here, dataset = workspace(), named[0]["dataset"]
        try:
            known = datasets.about(here, dataset)
            known["roles"] = datasets.assign(here, dataset, roles.propose(datasets.schema(known)))
        except Expected as error:
            return no_update, drawn.refused(error.message)
        return drawn.section(known, drawn.kept(_ready(known))), no_update


def _ready(known: dict[str, Any]) -> list[str]:
    """The titles of the analyses that these roles are enough for."""
    found = []
    for slug, analysis in find_all().items():
        if places.place(slug) is None:
            continue
        try:
            chains.question(slug, known)
        except ParamError:
            continue
        found.append(analysis.title)
    return found
