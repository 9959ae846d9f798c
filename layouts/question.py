"""The form of an analysis, drawn from the declaration of its parameters."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from layouts import controls, ids
from services.params import Choice, Column, Dataset, Date, Field, Flag, Number, Pairs, Text, Theirs, Values, Where
from services.schema import Schema


@dataclass(frozen=True)
class Ids:
    """What the parts of a form are called: the control of a parameter, what surrounds it, where its error is said."""

    param: Callable[[str], Any] = ids.param
    field: Callable[[str], Any] = ids.field
    error: Callable[[str], Any] = ids.error


ANALYSIS = Ids()
STEP = Ids(ids.step_param, ids.step_field, ids.step_error)


def form(
    fields: Sequence[Field],
    schema: Schema,
    values: Mapping[str, Any],
    called: Ids = ANALYSIS,
    others: Mapping[str, tuple[str, Schema]] | None = None,
) -> list[Component]:
    """One control a parameter, with a rule between the columns and the rest.

    `others` are the tables that may be chosen beside this one: by id, their names and columns.
    """
    drawn: list[Component] = []
    for place, each in enumerate(fields):
        if place and isinstance(fields[place - 1].kind, Column) and not isinstance(each.kind, Column):
            drawn.append(controls.rule())
        drawn.append(_field(each, schema, values, called, others or {}))
    return drawn


def value_of(each: Field, values: Mapping[str, Any]) -> Any:
    """What the control shows at first: the answer asked for, else the default."""
    if each.name in values:
        return values[each.name]
    return None if each.required else each.default


def _field(
    each: Field, schema: Schema, values: Mapping[str, Any], called: Ids, others: Mapping[str, tuple[str, Schema]]
) -> html.Div:
    value, name = value_of(each, values), called.param(each.name)
    if isinstance(each.kind, Dataset):
        control = _other(others, value, name)
    elif isinstance(each.kind, Theirs):
        other = others.get(values.get(each.kind.of) or "")
        control = dcc.Dropdown(other[1].names if other else [], list(value or ()), id=name, multi=True)
    else:
        control = _control(each, schema, value, name)
    drawn = controls.field(
        each.kind.label,
        control,
        hint=each.kind.help or None,
        optional=each.optional,
    )
    if isinstance(each.kind, Flag):  # the box says its name itself
        drawn.children = drawn.children[1:]
    else:
        drawn.children[0].htmlFor = json.dumps(called.param(each.name), sort_keys=True, separators=(",", ":"))
    error = html.Div(id=called.error(each.name), className="error-slot", **{"aria-live": "polite"})
    return html.Div([drawn, error], id=called.field(each.name), hidden=not each.matters(values))


def _line(old: str, new: str) -> str:
    """A pair on a line; as JSON where a space or a sign would get lost."""
    plain = "=" not in old and not any(text != text.strip() or "\n" in text for text in (old, new))
    return f"{old} = {new}" if plain and not old.startswith("[") else json.dumps([old, new], ensure_ascii=False)


def _other(others: Mapping[str, tuple[str, Schema]], value: str | None, name: Any) -> Component:
    options = [{"label": called, "value": id} for id, (called, _) in others.items()]
    first = "Choose a table" if options else "There is no other table yet"
    return dbc.Select([{"label": first, "value": " "}, *options], value or " ", id=name, size="sm")


def _control(each: Field, schema: Schema, value: Any, name: Any) -> Component:
    kind = each.kind
    match kind:
        case Column(many=True):
            options = [column.name for column in schema if kind.takes(column)]
            return dcc.Dropdown(options, list(value or ()), id=name, multi=True)
        case Column():
            options = [{"label": column.name, "value": column.name} for column in schema if kind.takes(column)]
            # A blank, since an empty value would show as no choice at all; it is read as none.
            none = {"label": "None" if each.optional else "Choose a column", "value": " "}
            return dbc.Select([none, *options], value or " ", id=name, size="sm")
        case Choice(many=True):
            options = [{"label": label, "value": option} for option, label in kind.options.items()]
            return dcc.Dropdown(options, list(value or ()), id=name, multi=True)
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
            listed = [str(one) for one in value or ()]
            return dbc.Input(id=name, value=", ".join(listed), size="sm", debounce=True)
        case Pairs():
            lines = [_line(old, new) for old, new in value or ()]
            return dbc.Textarea(id=name, value="\n".join(lines), rows=4, placeholder="one to a line: old = new")
        case Where():
            return html.Span(json.dumps(value) if value else "Nothing", id=name, className="quiet")
