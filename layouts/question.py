"""The form of an analysis, drawn from the declaration of its parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from layouts import controls, ids
from services.params import Choice, Column, Date, Field, Flag, Number, Text, Values
from services.schema import Schema


def form(fields: Sequence[Field], schema: Schema, values: Mapping[str, Any]) -> list[Component]:
    """One control a parameter, with a rule between the columns and the rest."""
    drawn: list[Component] = []
    for place, each in enumerate(fields):
        if place and isinstance(fields[place - 1].kind, Column) and not isinstance(each.kind, Column):
            drawn.append(controls.rule())
        drawn.append(_field(each, schema, values))
    return drawn


def value_of(each: Field, values: Mapping[str, Any]) -> Any:
    """What the control shows at first: the answer asked for, else the default."""
    if each.name in values:
        return values[each.name]
    return None if each.required else each.default


def _field(each: Field, schema: Schema, values: Mapping[str, Any]) -> html.Div:
    drawn = controls.field(
        each.kind.label,
        _control(each, schema, value_of(each, values)),
        hint=each.kind.help or None,
        optional=each.optional,
    )
    if isinstance(each.kind, Flag):  # the box says its name itself
        drawn.children = drawn.children[1:]
    else:
        drawn.children[0].htmlFor = json.dumps(ids.param(each.name), sort_keys=True, separators=(",", ":"))
    error = html.Div(id=ids.error(each.name), className="error-slot", **{"aria-live": "polite"})
    return html.Div([drawn, error], id=ids.field(each.name), hidden=not each.matters(values))


def _control(each: Field, schema: Schema, value: Any) -> Component:
    kind, name = each.kind, ids.param(each.name)
    match kind:
        case Column(many=True):
            options = [column.name for column in schema if kind.takes(column)]
            return dcc.Dropdown(options, value, id=name, multi=True)
        case Column():
            options = [{"label": column.name, "value": column.name} for column in schema if kind.takes(column)]
            # A blank, since an empty value would show as no choice at all; it is read as none.
            none = {"label": "None" if each.optional else "Choose a column", "value": " "}
            return dbc.Select([none, *options], value or " ", id=name, size="sm")
        case Choice():
            options = [{"label": label, "value": option} for option, label in kind.options.items()]
            return dbc.Select(options, value, id=name, size="sm")
        case Number():
            # Not type="number": the browser would keep back what is out of bounds, and nobody could say why.
            mode = "numeric" if each.whole else "decimal"
            # Of 1,234,567 rows, :g alone would leave 1.23457e+06.
            shown = "" if value is None else f"{value:.15g}"
            return dbc.Input(id=name, value=shown, inputMode=mode, size="sm")
        case Date():
            return dbc.Input(id=name, type="date", value=str(value) if value else "", size="sm")
        case Flag():
            return dbc.Checkbox(id=name, value=bool(value), label=kind.label)
        case Text():
            return dbc.Input(id=name, value=value or "", maxLength=kind.longest, size="sm")
        case Values():
            return dcc.Dropdown([], value, id=name, multi=kind.many)
