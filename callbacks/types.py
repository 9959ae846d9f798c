"""The types page: choices are kept as they are made, the file is read anew with them, or used as it was read."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

import dash
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, html, no_update
from dash.exceptions import PreventUpdate
from flask import Blueprint, Response, jsonify

from callbacks import grids
from callbacks.house import house, workspace
from layouts import controls, ids, runs, states
from layouts.pages import data, types
from services import datasets, export, readings, versions
from services.errors import Expected, NotFound, ParamError
from services.reading import ColumnReading, Reading, parse
from services.workspace import Workspace

routes = Blueprint("types", __name__)

_REJECTS = 20  # lines shown
_CONTROLS = (*(ids.typed(what, ALL) for what in ("keep", "name", "kind", "missing")), ids.read_as(ALL))


def register(app: Dash) -> None:
    """Register the page and what its controls do."""
    dash.register_page("types", path="/types", title="Types · DataInsights", name="Types", layout=_page)

    # The answer to a column's question is a type, and a type may be its answer.
    app.clientside_callback(
        ClientsideFunction("datainsights", "answer_type"),
        Output(ids.typed("kind", ALL), "value"),
        Output(ids.typed("answer", ALL), "value"),
        Input(ids.typed("kind", ALL), "value"),
        Input(ids.typed("answer", ALL), "value"),
        State(ids.typed("answer", ALL), "options"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(ids.TYPES_BAR, "children"),
        Output(ids.TYPES_SAID, "children"),
        Output(ids.misread(ALL), "children"),
        *(Input(each, "value") for each in _CONTROLS),
        State(ids.types_of(ALL), "data"),
        prevent_initial_call=True,
    )
    def choose(*values: Any) -> tuple[Any, ...]:
        """Keep what was chosen; what cannot be is said at its control."""
        here, dataset = workspace(), next(iter(values[-1]), "")
        names = [each["id"]["name"] for each in ctx.outputs_list[2]]
        try:
            known, review = datasets.about(here, dataset), readings.review(here, dataset)
        except NotFound:
            raise PreventUpdate from None
        used = readings.used(known)
        try:
            reading = _kept(here, known, review, ctx.inputs_list)
        except ParamError as error:
            at = [error.field == name for name in names]
            said = [] if any(at) else states.note("failed", error.message)
            waiting = types.changes(readings.chosen(here, known), used)
            return types.bar(known, waiting), said, [controls.said(error.message) if wrong else None for wrong in at]
        return types.bar(known, types.changes(reading, used)), [], [None] * len(names)

    @app.callback(
        Output(ids.misread(ALL), "children", allow_duplicate=True),
        Input(ids.TICKET, "data"),
        prevent_initial_call=True,
    )
    def ended(ticket: dict[str, Any] | None) -> list[Any]:
        """Say at its control what the file could not be read as."""
        try:
            job = house().engine.get(workspace(), (ticket or {}).get("job", ""))
        except NotFound:
            raise PreventUpdate from None
        if job.task != "ingest" or not job.field:
            raise PreventUpdate
        names = [each["id"]["name"] for each in ctx.outputs_list]
        return [controls.said(job.message) if name == job.field else None for name in names]

    @app.callback(
        Output(ids.CONTROL, "data", allow_duplicate=True),
        Output(ids.URL, "href", allow_duplicate=True),
        Output(ids.STATE, "children", allow_duplicate=True),
        Input(ids.read_again(ALL), "n_clicks"),
        *(State(each, "value") for each in _CONTROLS),
        State(ids.types_of(ALL), "data"),
        State(ids.CONTROL, "data"),
        prevent_initial_call=True,
    )
    def go_on(clicks: list[int | None], *values: Any) -> tuple[Any, Any, Any]:
        """Read the file anew with the choices, drop them, or use the table as it was read."""
        if not any(clicks):
            raise PreventUpdate
        (dataset,), control = values[-2:]
        here = workspace()
        try:
            known = datasets.about(here, dataset)
            if ctx.triggered_id["at"] == "drop":
                readings.choose(here, known, readings.used(known))
                return no_update, f"/types?dataset={dataset}&dropped={int(time.time())}", no_update
            # Who chooses and clicks at once may be here before the choice is kept.
            reading = _kept(here, known, readings.review(here, dataset), ctx.states_list[: len(_CONTROLS)])
            if ctx.triggered_id["at"] == "use" and not types.changes(reading, readings.used(known)):
                readings.accept(here, dataset)
                return no_update, f"/data?dataset={dataset}", no_update
            job = read_again(known)
        except Expected as error:
            return no_update, no_update, runs.refused(error.message)
        return {**control, "action": "attach", "job": job, "back": "/types", "at": time.time()}, no_update, []

    @app.callback(
        Output(ids.URL, "href", allow_duplicate=True),
        Output(ids.TYPES_SAID, "children", allow_duplicate=True),
        Input(ids.LOAD_READING, "data"),
        State(ids.types_of(ALL), "data"),
        prevent_initial_call=True,
    )
    def load(sent: dict[str, Any] | None, shown: list[str]) -> tuple[Any, Any]:
        """Take choices from a file that was saved here; those for columns that this table lacks fall away."""
        if not sent:
            raise PreventUpdate
        here, dataset = workspace(), shown[0]
        try:
            known, review = datasets.about(here, dataset), readings.review(here, dataset)
            wanted = _loaded(str(sent.get("text")))
            fitting = wanted.among(column["from"] for column in review["columns"])
            if wanted.columns and not fitting.columns:
                raise ParamError(f"“{sent.get('name')}” is about other columns: none of them is in this table.")
            readings.choose(here, known, fitting)
        except Expected as error:
            return no_update, states.note("failed", error.message)
        return f"/types?dataset={dataset}&loaded={int(time.time())}", no_update


def read_again(known: dict[str, Any]) -> str:
    """Have the file of a dataset read anew with the choices that wait: the id of the job."""
    here = workspace()
    asked = {"dataset": known["id"], "reading": readings.chosen(here, known).as_json()}
    return house().engine.take_in(here, asked, f"Reading {known['name']} again", known["bytes"]).id


@routes.get("/_reading/<dataset>.json")
def save(dataset: str) -> Response:
    """The choices for a dataset, as a file for another one of the same columns."""
    known = datasets.about(workspace(), dataset)
    answer = jsonify(readings.chosen(workspace(), known).as_json())
    answer.headers["Content-Disposition"] = 'attachment; filename="reading.json"'
    return answer


@routes.get("/_rejects/<dataset>.csv")
def rejects(dataset: str) -> Response:
    """The lines of a file that did not become rows: number, reason, text."""
    path = workspace().dataset(dataset) / datasets.REJECTS
    if not path.is_file():
        raise NotFound("No line of this file was set aside.")

    def written() -> Iterator[str]:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                yield ",".join(f'"{export.safe(cell).replace(chr(34), chr(34) * 2)}"' for cell in row) + "\r\n"

    headers = {"Content-Disposition": 'attachment; filename="lines_set_aside.csv"'}
    return Response(written(), mimetype="text/csv", headers=headers)


def _page(dataset: str | None = None, first: str = "0", **_: Any) -> html.Div:
    here = workspace()
    try:
        known = datasets.open_(here, dataset) if dataset else datasets.current(here)
        if known is None:
            return types.missing()
        known = datasets.about(here, versions.root_of(known))  # what was cleaned is of its types already
        review = readings.review(here, known["id"])
    except NotFound:
        return types.missing()
    try:
        figures = datasets.profile(here, known["id"])
        head, _count = grids.of_dataset(known, {"startRow": 0, "endRow": 100})
    except NotFound:
        return data.damaged(known)
    except Expected:  # the reader is busy or gone: the rows are not what this page is for
        head = []
    start = int(first) if first.isascii() and first.isdecimal() and len(first) < 6 else 0
    return types.page(
        known, review, readings.chosen(here, known), readings.used(known), figures, head, _rejected(here, known),
        first=start - start % types.PAGE if start < len(review["columns"]) else 0,
        control={"action": "attach", "slug": "ingest", "dataset": None, "back": "/types", "since": time.time()},
    )  # fmt: skip


def _rejected(here: Any, known: dict[str, Any]) -> list[list[str]]:
    path = here.dataset(known["id"]) / datasets.REJECTS
    with suppress(OSError), path.open(encoding="utf-8", newline="") as file:
        return [row for row in islice(csv.reader(file), 1, 1 + _REJECTS) if len(row) == 3]
    return []


def _loaded(text: str) -> Reading:
    try:
        return parse(json.loads(text))
    except (ValueError, RecursionError):
        raise ParamError("This is no file of reading choices. Choose one that was saved on the Types page.") from None


def _kept(here: Workspace, known: dict[str, Any], review: dict[str, Any], shown: list[Any]) -> Reading:
    """Keep the choices as the controls that are `shown` say them."""
    given = [(each["id"], each.get("value")) for group in shown for each in group]
    reading = _reading(given, known, review, readings.chosen(here, known))
    readings.choose(here, known, reading)
    return reading


def _reading(
    given: list[tuple[dict[str, Any], Any]], known: dict[str, Any], review: dict[str, Any], before: Reading
) -> Reading:
    """The choices as the controls of the page show them; columns that are not on it keep theirs."""
    columns = review["columns"]
    chosen = {column["from"]: before.of(column["from"]) for column in columns}
    whole: dict[str, Any] = {}
    for of, value in given:
        if of["type"] == "read-as":
            is_as_found = getattr(before, of["what"]) is None and value == types.part(known, of["what"])
            whole[of["what"]] = None if is_as_found else _whole(of["what"], value)
            continue
        column = columns[of["place"]]
        source = column["from"]
        chosen[source] = _column(chosen[source], column, of["what"], value)
    sent = replace(before, **whole, columns=tuple(chosen.values()))
    return parse(sent.as_json()).among(chosen)


def _whole(what: str, value: Any) -> Any:
    if value in {None, "", "auto"}:
        return None
    if what == "header":
        text = str(value).strip()
        if not (text.isascii() and text.isdecimal() and len(text) < 6):
            raise ParamError("The line of the names is a number, or 0 for none.", field="header")
        return int(text)
    return value


def _column(choice: ColumnReading, column: dict[str, Any], what: str, value: Any) -> ColumnReading:
    if what == "keep":
        return replace(choice, keep=bool(value))
    if what == "name":
        return replace(choice, name=str(value or ""))
    if what == "missing":
        tokens = tuple(each.strip() for each in str(value or "").split(",") if each.strip())
        is_as_found = choice.missing is None and sorted(tokens) == sorted(column["tokens"])
        return choice if is_as_found else replace(choice, missing=tokens)
    if value == types.kind_value(column, choice):
        return choice
    kind, _, form = str(value).partition("|")
    return replace(choice, kind=kind, format=form or None)  # type: ignore[arg-type]
