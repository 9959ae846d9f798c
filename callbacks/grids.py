"""Rows that a grid asks for: of a table of a result, and of the open dataset."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dash import ALL, MATCH, ClientsideFunction, Dash, Input, Output, State, ctx, html
from dash.exceptions import PreventUpdate

from callbacks.house import house, workspace
from layouts import blocks, ids, words
from services import reader, results
from services.errors import DataError, Evicted, Expected, NotFound
from services.explore import filters, order
from services.jobs.tasks import key_of
from services.reader import NotNow, TooMuch
from services.results import StoredResult

MOST_ROWS = 1_000  # that are sent at once
FAILED = 60.0  # seconds in which rows that could not be sorted are not sorted anew

Rows = tuple[list[dict[str, Any]], int]


def register(app: Dash) -> None:
    """Wire every grid that asks for its rows by page."""
    _of_result(app)


def _of_result(app: Dash) -> None:
    @app.callback(
        Output(ids.grid(MATCH), "getRowsResponse"),
        Output(ids.picked(MATCH), "children"),
        Input(ids.grid(MATCH), "getRowsRequest"),
        State(ids.RESULT, "data"),
        prevent_initial_call=True,
    )
    def rows(asked: dict[str, Any] | None, ref: str | None) -> tuple[Any, Any]:
        """Answer a grid: some rows, and how many there are, sorted and filtered on the server."""
        if asked is None:
            raise PreventUpdate
        table = ctx.triggered_id["table"]
        try:
            stored = results.find(workspace(), ref or "")
        except NotFound:
            raise PreventUpdate from None
        try:
            found, count = of_result(stored, table, asked)
        except (Evicted, Expected) as error:
            return _NONE, error.message
        told = _told(table, asked.get("filterModel") or {}, count, stored.tables[table]["rows"])
        return {"rowData": found, "rowCount": count}, told

    app.clientside_callback(
        ClientsideFunction("datainsights", "pick"),
        Output(ids.grid(MATCH), "filterModel"),
        Input(ids.pick(MATCH, ALL, ALL), "n_clicks"),
        Input(ids.mark(MATCH, ALL), "clickData"),
        Input(ids.unpick(MATCH, ALL), "n_clicks"),
        prevent_initial_call=True,
    )


class Sorting(Exception):
    """The rows come when the job that sorts them has ended; `count` is how many there may be until then."""

    def __init__(self, said: str, count: int) -> None:
        super().__init__(said)
        self.said, self.count = said, count


def wait(sorting: Sorting, grid: dict[str, Any]) -> Any:
    """Say that rows are sorted; assets/explore.js has the grid ask again while this stands."""
    named = json.dumps(grid, sort_keys=True, separators=(",", ":"))
    return html.Span(f"{sorting.said}…", className="sorting", **{"data-sorting": named, "data-at": str(time.time())})


_NONE = {"rowData": [], "rowCount": 0}


def of_result(stored: StoredResult, table: str, asked: Mapping[str, Any]) -> Rows:
    """Rows `startRow` to `endRow` of a table under the grid's sort and filter, and how many match."""
    path = stored.file(table)
    names = {column["name"]: column["name"] for column in stored.tables[table]["columns"]}
    if path.suffix == ".json":
        start, stop, sort, where = _asked(asked, names)
        return reader.page_of(stored.rows(table), start, stop, sort=sort, where=where)
    return _read(path, names, stored.tables[table]["rows"], asked)


def of_dataset(
    known: Mapping[str, Any], asked: Mapping[str, Any], also: Mapping[str, Any] | None = None, *, asker: str = ""
) -> Rows:
    """The same of a dataset, whose columns the grid knows by their place: c0, c1, ...

    `also` is a filter besides the grid's, `asker` the page that asks.

    Raises
    ------
    Superseded
        The page asked for other rows meanwhile.
    Sorting
        A job sorts them first.
    """
    names = {f"c{place}": column["name"] for place, column in enumerate(known["columns"])}
    start, stop, sort, where = _asked(asked, names)
    question = order.Question(
        folder=workspace().dataset(known["id"]), columns=list(names.values()), rows=known["rows"],
        where=filters.both(also or {}, where), sort=[each for each in sort if each[0] in names.values()],
    )  # fmt: skip
    stop = min(stop, start + MOST_ROWS)
    if question.needs_order(stop) and not question.file.exists():
        raise _sorting(known, question)
    try:
        ask = house().reader.asker(f"{known['id']}.{asker}") if asker else house().reader.ask
        count = count_of(known, question, ask)
        found = [dict(zip(names, row, strict=True)) for row in question.page(ask, start, stop)]
    except NotNow:
        raise
    except TooMuch:
        if question.file.exists() or not (question.where or question.sort):
            raise
        raise _sorting(known, question) from None
    for place, column in enumerate(known["columns"]):
        if column["kind"] == "datetime":
            for row in found:
                row[f"c{place}"] = row[f"c{place}"] and row[f"c{place}"].replace("T", " ")
    return found, count


def count_of(known: Mapping[str, Any], question: order.Question, ask: reader.Ask) -> int:
    """How many rows match: counted once for a dataset and a filter."""
    if not question.where:
        return question.rows
    views = house().views
    name = f"count-{known['id']}-{replace(question, sort=()).key}"
    count = views.get(name)
    if count is None:
        count = question.count(ask)
        views.set(name, count)
    return count


def _sorting(known: Mapping[str, Any], question: order.Question) -> Sorting:
    """Have the rows sorted, unless that failed just now: then say why."""
    here, engine = workspace(), house().engine
    asked = {"dataset": known["id"], "where": question.where, "sort": [list(each) for each in question.sort]}
    key = key_of("order", asked)
    last = next((job for job in engine.mine(here) if job.key == key), None)
    if last is not None and not last.is_live and last.state != "done" and time.time() - (last.ended or 0) < FAILED:
        raise DataError(last.message)
    job = last if last is not None and last.is_live else engine.order(here, asked, known["rows"])
    return Sorting(job.title, known["rows"])


def _read(path: Path, names: Mapping[str, str], rows: int, asked: Mapping[str, Any]) -> Rows:
    """A page of a Parquet file of `rows` rows; `names` are its columns by the name that the grid has for them."""
    start, stop, sort, where = _asked(asked, names)
    columns, ask = list(names.values()), house().reader.ask
    found = ask(path, *reader.page(columns, start, min(stop, start + MOST_ROWS), sort=sort, where=where))
    if where:
        condition, bound = reader.conditions(columns, where)
        rows = ask(path, f"SELECT count(*) FROM FILE WHERE {condition}", bound)[0][0]
    return [dict(zip(names, row, strict=True)) for row in found], rows


def _asked(
    asked: Mapping[str, Any], names: Mapping[str, str]
) -> tuple[int, int, Sequence[tuple[str, bool]], dict[str, Any]]:
    """From, to, sort and filter of a grid's question, by the columns' own names."""
    start, stop = int(asked.get("startRow", 0)), int(asked.get("endRow", 100))
    sort = [(names.get(each["colId"], each["colId"]), each["sort"] == "desc") for each in asked.get("sortModel") or []]
    where = {names.get(name, name): wanted for name, wanted in (asked.get("filterModel") or {}).items()}
    return start, stop, sort, where


def _told(table: str, where: Mapping[str, Any], count: int, total: int) -> Any:
    if not where:
        return words.count(total)
    texts = [f"{name.capitalize()}: {rule.get('filter', rule.get('type'))}" for name, rule in where.items()]
    badge = blocks.filter_badge(", ".join(texts), ids.unpick(table))
    return [badge, f" {words.count(count)} of {words.count(total)}"]
