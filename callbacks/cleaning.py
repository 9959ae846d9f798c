"""The cleaning page: the recipe is kept as it is changed, and tried on the first rows; a run applies it to all."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from flask import Blueprint, Response, jsonify

from callbacks import analyses
from callbacks.house import house, workspace
from layouts import cleaned, controls, ids
from layouts.pages import cleaning
from layouts.pages.data import undo
from services import alerts, datasets, params, versions
from services.cleaning import book, fitting, spelling, suggest
from services.cleaning.book import Book
from services.cleaning.others import beside
from services.cleaning.preview import Preview, Shown, preview
from services.cleaning.recipe import LONGEST_NOTE, Planned, Recipe, parse
from services.cleaning.shape import Shape, shape
from services.cleaning.step import Step, find
from services.errors import Expected, NotFound, ParamError
from services.params import Pairs, Values, Where
from services.quality import quality
from services.reader import Superseded
from services.schema import Schema
from services.table import DATA

routes = Blueprint("cleaning", __name__)

_TURN = threading.Lock()  # two clicks must not both change what the recipe was before


def register(app: Dash) -> None:
    """Wire the rail; the run itself is every analysis'."""
    analyses.forms["cleaning"] = form
    _choose(app)
    _try(app)
    _change(app)
    _list(app)


@routes.get("/_recipe/<dataset>.json")
def save(dataset: str) -> Response:
    """The recipe of a dataset as it is now, for another table or the command line."""
    here = workspace()
    known = datasets.about(here, dataset)
    recipe = book.read(here.dataset(known["id"])).recipe
    named = {each["id"]: each["name"] for each in datasets.each(here)}
    answer = jsonify(recipe.naming(named).as_json())  # an id means nothing elsewhere
    answer.headers["Content-Disposition"] = 'attachment; filename="recipe.json"'
    return answer


def form(known: dict[str, Any], add: str | None = None) -> tuple[list[Component], list[Component]]:
    """The rail of a table, and its first rows as the recipe makes them; `add` is a remedy that an alert offers."""
    here = workspace()
    folder = here.dataset(known["id"])
    kept = book.read(folder)
    planned = _offered(add)
    if planned is not None and not any(planned in state.steps for state in kept.states):  # a reload adds nothing
        kept = kept.added(planned)
        book.write(folder, kept)
    seen, rail = _drawn(known, kept)
    asked = cleaning.form(_asked(kept.recipe), rail, cleaning.chooser(), known["id"])
    found, opened = versions.each(here, known["id"]), datasets.current(here)
    gone = [each for each in datasets.removed(here) if versions.root_of(each) == known["id"]]
    above = [*undo(gone), *_standing(known, found), cleaned.panel(seen, _shape(known, seen, None))]
    made = html.Div(cleaning.history(found, opened["id"] if opened else ""), id=ids.history_of(known["id"]))
    return asked, [*above, made]


def _list(app: Dash) -> None:
    @app.callback(
        Output(ids.history_of(ALL), "children"),
        Input(ids.RESULT, "data"),
        State(ids.history_of(ALL), "id"),
        prevent_initial_call=True,
    )
    def relist(_: str | None, lists: list[dict[str, Any]]) -> list[Any]:
        """List the version that came of a run."""
        drawn = []
        for each in lists:
            here = workspace()
            found, opened = versions.each(here, each["dataset"]), datasets.current(here)
            drawn.append(cleaning.history(found, opened["id"] if opened else ""))
        return drawn


def _standing(known: Mapping[str, Any], found: list[dict[str, Any]]) -> list[Component]:
    """How good the table is, and how good its newest version."""
    try:
        good = [quality(datasets.profile(workspace(), each["id"]), each) for each in (known, found[-1])]
    except NotFound:
        return []
    return [cleaned.standing(good[0], good[1].said if len(found) > 1 else None)]


def _offered(add: str | None) -> Planned | None:
    try:
        return suggest.step_of(json.loads(add)) if add else None
    except (ValueError, TypeError, AttributeError, KeyError):
        return None


def _asked(recipe: Recipe) -> str:
    """The recipe as a run is asked with it: the same steps are the same question."""
    return json.dumps(Recipe(recipe.active).as_json(), ensure_ascii=False, separators=(",", ":"))


def _seen(known: Mapping[str, Any], recipe: Recipe, ask: Any = None) -> Preview:
    path = workspace().dataset(known["id"]) / DATA
    asked = ask or house().reader.ask

    def fetch(sql: str) -> list[list[Any]]:
        return asked(path, sql)

    return preview(fetch, datasets.schema(known), known["rows"], recipe, beside(path))


def _shape(known: Mapping[str, Any], seen: Preview, column: str | None) -> Shape | None:
    """How a column lies before and after: the one that was chosen, or the one that the last step changed most."""
    schema = datasets.schema(known)
    if column is None or (column not in schema and column not in seen.schema):
        changed = next((step.did.counts.columns for step in reversed(seen.steps) if step.did), {})
        column = max(changed, key=lambda name: changed[name], default=None)
    if column is None or seen.chain is None or (column not in schema and column not in seen.schema):
        return None
    try:
        return shape(seen.chain, schema, column)
    except Expected:  # the rows are there without it
        return None


def _drawn(known: Mapping[str, Any], kept: Book) -> tuple[Preview, list[Component]]:
    schema = datasets.schema(known)
    try:
        seen = _seen(known, kept.recipe)
    except Expected as error:  # the reader is busy, or this is too much for it: the recipe is there all the same
        steps = [Shown()] * len(kept.recipe.steps)
        seen = Preview(steps=steps, schema=schema, rows=0, of=known["rows"], after=0, note=error.message)
    try:
        odd = alerts.alerts(datasets.profile(workspace(), known["id"]))
    except NotFound:
        odd = []
    lacks = fitting.lacking(kept.recipe, schema) if any(step.wrong for step in seen.steps) else []
    rail = cleaning.rail(
        known["id"],
        kept.recipe.steps,
        seen,
        undoes=kept.undoes,
        redoes=kept.redoes,
        suggested=suggest.suggestions(odd, kept.recipe),
        lacks=lacks,
        names=schema.names,
    )
    return seen, rail


def _choose(app: Dash) -> None:
    @app.callback(
        Output(ids.STEP_FORM, "children"),
        Output(ids.STEP_SAID, "children"),
        Output(ids.STEP_CHOICE, "value"),
        Output(ids.cleaned_of(ALL), "data"),
        Input(ids.STEP_CHOICE, "value"),
        Input(ids.RECIPE_CLICK, "data"),
        State(ids.cleaned_of(ALL), "id"),
        prevent_initial_call=True,
    )
    def choose(slug: str | None, asked: dict[str, Any] | None, stores: list[dict[str, Any]]) -> tuple[Any, ...]:
        """Show the controls of the step that is to be added, or of the one that is to be changed."""
        known = datasets.about(workspace(), stores[0]["dataset"])
        values: Mapping[str, Any] = {}
        editing = None
        kept = book.read(workspace().dataset(known["id"]))
        if ctx.triggered_id == ids.RECIPE_CLICK:
            if not asked or asked["does"] != "edit" or not 0 <= int(asked["place"]) < len(kept.recipe.steps):
                raise PreventUpdate
            editing = int(asked["place"])
            planned = kept.recipe.steps[editing]
            slug, values = planned.slug, planned.params
        if not slug or not slug.strip():
            return [], [], no_update, [{"editing": None}]
        state = {"editing": editing, "slug": slug}
        try:
            return _step_form(known, kept, state, values), [], no_update, [state]
        except Expected as error:
            return [], controls.said(error.message), no_update, [{"editing": None}]


def _step_form(known: Mapping[str, Any], kept: Book, state: Mapping[str, Any], values: Mapping[str, Any]) -> list[Any]:
    """The controls of a step, for the columns that it finds where it stands."""
    editing = state["editing"]
    schema = _seen(known, _earlier(kept, editing)).schema
    every = [each for each in datasets.each(workspace()) if each["id"] != known["id"]]
    others = {each["id"]: (each["name"], datasets.schema(each)) for each in every}
    note = kept.recipe.steps[editing].note if editing is not None else ""
    return cleaning.step_form(find(state["slug"]), schema, values, others, editing=editing is not None, note=note)


def _earlier(kept: Book, editing: int | None) -> Recipe:
    """The steps before the one that is filled in."""
    return Recipe(kept.recipe.steps if editing is None else kept.recipe.steps[:editing])


def _try(app: Dash) -> None:
    @app.callback(
        Output(ids.STEP_TRIED, "children"),
        Output(ids.BEFORE_AFTER, "children", allow_duplicate=True),
        Output(ids.COLUMN_LOOKED_AT, "data"),
        Input(ids.step_param(ALL), "value"),
        Input(ids.RECIPE_CLICK, "data"),
        State(ids.COLUMN_LOOKED_AT, "data"),
        State(ids.cleaned_of(ALL), "id"),
        State(ids.cleaned_of(ALL), "data"),
        prevent_initial_call=True,
    )
    def attempt(
        _: list[Any], asked: dict[str, Any] | None, column: str | None, stores: list[Any], states: list[Any]
    ) -> tuple[Any, ...]:
        """Show what the step that is filled in would do; or the column that was clicked."""
        clicked = ctx.triggered_id == ids.RECIPE_CLICK
        if clicked and (not asked or asked["does"] != "column"):
            raise PreventUpdate
        column = str(asked.get("name", "")) if clicked and asked else column
        known = datasets.about(workspace(), stores[0]["dataset"])
        kept, state = book.read(workspace().dataset(known["id"])), states[0] or {}
        raw = _raw(find(state["slug"]), ctx.inputs_list[0]) if state.get("slug") and ctx.inputs_list[0] else {}
        ask = house().reader.asker(f"cleaning {workspace().visitor}")
        try:
            seen, planned = _attempted(known, kept, state, raw, ask)
        except Superseded:
            raise PreventUpdate from None
        except ParamError:  # not filled in yet
            if not clicked:
                return [], no_update, no_update
            seen, planned = _attempted(known, kept, {}, {}, ask)
        except Expected as error:
            return controls.said(error.message), no_update, no_update
        told: list[Any] = []
        if planned is not None and seen.steps[-1].did is not None:
            told = cleaning.tried(seen.steps[-1].did, seen, *_clusters(known, kept, state, planned, ask))
        elif planned is not None:
            told = controls.said(seen.steps[-1].wrong) if seen.steps[-1].wrong else []
        return told, cleaned.rows(seen, _shape(known, seen, column)), column

    app.clientside_callback(
        ClientsideFunction("datainsights", "theirs"),
        Output(ids.step_param("theirs"), "options"),
        Output(ids.step_param("take"), "options"),
        Input(ids.step_param("table"), "value"),
        State(ids.OTHER_COLUMNS, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("datainsights", "clustered"),
        Output(ids.step_param("pairs"), "value"),
        Input(ids.cluster(ALL), "value"),
        State(ids.CLUSTERS, "data"),
        State(ids.step_param("pairs"), "value"),
        prevent_initial_call=True,
    )


def _attempted(
    known: Mapping[str, Any], kept: Book, state: Mapping[str, Any], raw: Mapping[str, Any], ask: Any
) -> tuple[Preview, Planned | None]:
    """The recipe with the step that is filled in at its place; the recipe itself, where none is."""
    if not raw:
        return _seen(known, kept.recipe, ask), None
    earlier = _earlier(kept, state["editing"])
    planned = _planned(find(state["slug"]), raw, _seen(known, earlier, ask).schema)
    return _seen(known, Recipe((*earlier.steps, planned)), ask), planned


def _clusters(
    known: Mapping[str, Any], kept: Book, state: Mapping[str, Any], planned: Planned, ask: Any
) -> tuple[list[spelling.Cluster] | None, list[tuple[str, str]]]:
    """The clusters that a step which merges spellings may merge, and the pairs that it does."""
    if planned.slug != "merge_spellings":
        return None, []
    before = _seen(known, _earlier(kept, state["editing"]), ask).chain
    assert before is not None
    found = spelling.counted(before.fetch, planned.params["column"])
    method = planned.params.get("alike", "fingerprint")
    return spelling.clusters(found, method), [(old, new) for old, new in planned.params.get("pairs", ())]


def _change(app: Dash) -> None:
    @app.callback(
        Output(ids.RAIL, "children"),
        Output(ids.BEFORE_AFTER, "children"),
        Output(ids.param("recipe"), "value"),
        Output(ids.STEP_SAID, "children", allow_duplicate=True),
        Output(ids.STEP_FORM, "children", allow_duplicate=True),
        Output(ids.STEP_CHOICE, "value", allow_duplicate=True),
        Output(ids.step_error(ALL), "children"),
        Output(ids.STEP_TRIED, "children", allow_duplicate=True),
        Input(ids.RECIPE_CLICK, "data"),
        State(ids.step_param(ALL), "value"),
        State(ids.cleaned_of(ALL), "id"),
        State(ids.cleaned_of(ALL), "data"),
        State(ids.mapped(ALL), "value"),
        State(ids.COLUMN_LOOKED_AT, "data"),
        prevent_initial_call=True,
    )
    def change(
        asked: dict[str, Any] | None,
        _: list[Any],
        stores: list[dict[str, Any]],
        states: list[dict[str, Any]],
        __: list[str],
        column: str | None,
    ) -> tuple[Any, ...]:
        """Add, change, move, skip or remove a step; undo and redo."""
        if not asked or asked["does"] in {"edit", "column"}:
            raise PreventUpdate
        names = [each["id"]["name"] for each in ctx.outputs_list[6]]
        here = workspace()
        known = datasets.about(here, stores[0]["dataset"])
        folder = here.dataset(known["id"])
        try:
            after = _turned(folder, lambda kept: _after(kept, asked, known, states[0] or {}))
        except ParamError as error:
            said = [controls.said(error.message) if name == error.field else None for name in names]
            elsewhere = [] if error.field in names else controls.said(error.message)
            return *[no_update] * 3, elsewhere, no_update, no_update, said, no_update
        except Expected as error:
            said = controls.said(error.message)
            return *[no_update] * 3, said, no_update, no_update, [None] * len(names), no_update
        seen, rail = _drawn(known, after)
        done = asked["does"] == "add"
        return (
            rail, cleaned.rows(seen, _shape(known, seen, column)), _asked(after.recipe), [],
            [] if done else no_update, " " if done else no_update, [None] * len(names), [] if done else no_update,
        )  # fmt: skip


def _turned(folder: Path, change: Callable[[Book], Book]) -> Book:
    """Change the recipe kept in `folder`. What a change asks of the reader is asked before the turn, not during it."""
    while True:
        kept = book.read(folder)
        after = change(kept)
        with _TURN:
            if book.read(folder) == kept:
                book.write(folder, after)
                return after


def _after(kept: Book, asked: Mapping[str, Any], known: Mapping[str, Any], state: Mapping[str, Any]) -> Book:
    """The recipe after a click."""
    place = int(asked["place"])
    match asked["does"]:
        case "undo":
            return kept.undone()
        case "redo":
            return kept.redone()
        case "remove":
            return kept.edited(place, lambda _: None)
        case "off":
            return kept.edited(place, lambda step: replace(step, on=not step.on))
        case "up" | "down":
            return kept.moved(place, -1 if asked["does"] == "up" else 1)
        case "suggest" | "safe":
            offered = suggest.suggestions(alerts.alerts(datasets.profile(workspace(), known["id"])), kept.recipe)
            if asked["does"] == "safe":
                steps = tuple(each.planned for each in offered if each.is_safe)
                return kept.changed((*kept.recipe.steps, *steps))
            return kept.added(offered[place].planned) if place < len(offered) else kept
        case "map":
            given = {each["id"]["name"]: (each.get("value") or "").strip() for each in ctx.states_list[3]}
            return kept.changed(fitting.renamed(kept.recipe, {old: new for old, new in given.items() if new}).steps)
        case "load":
            there = {each["name"]: each["id"] for each in reversed(datasets.each(workspace()))}
            return kept.changed(parse(str(asked.get("text", ""))).naming(there).steps)
        case "add":
            return _added(kept, known, state)
    raise PreventUpdate


def _added(kept: Book, known: Mapping[str, Any], state: Mapping[str, Any]) -> Book:
    """The recipe with the step that was filled in, checked against the columns that it finds."""
    editing, step = state.get("editing"), find(state.get("slug", ""))
    given = ctx.states_list[0]
    note = next((str(each.get("value") or "") for each in given if each["id"]["name"] == cleaning.NOTE), "")
    raw = _raw(step, given)
    if editing is not None and editing < len(kept.recipe.steps):
        kinds = {each.name: each.kind for each in params.fields(step.params)}
        old = kept.recipe.steps[editing].params
        raw |= {name: value for name, value in old.items() if isinstance(kinds[name], Where)}
    earlier = _earlier(kept, editing)
    planned = replace(_planned(step, raw, _seen(known, earlier).schema), note=note.strip()[:LONGEST_NOTE])
    tried = _seen(known, Recipe((*earlier.steps, planned))).steps[-1]
    if tried.wrong and tried.field:  # a choice that cannot be; what the data refuses is said on the step
        raise ParamError(tried.wrong, field=tried.field)
    if editing is None:
        return kept.added(planned)
    return kept.edited(editing, lambda step: replace(planned, on=step.on))


def _raw(step: Step[Any], given: list[dict[str, Any]]) -> dict[str, Any]:
    """What the controls of a step say, as its parameters take it."""
    declared = {each.name: each for each in params.fields(step.params)}
    raw: dict[str, Any] = {}
    for each in given:
        name = each["id"]["name"]
        if name in declared and not isinstance(declared[name].kind, Where):
            raw[name] = _given(declared[name].kind, each.get("value"))
    return raw


def _planned(step: Step[Any], raw: Mapping[str, Any], schema: Schema) -> Planned:
    """A step as it was filled in, without what it would be unasked."""
    declared = {each.name: each for each in params.fields(step.params)}
    question = params.canonical(params.parse(step.params, raw, schema))
    plain = {
        name: value
        for name, value in question.items()
        if declared[name].required or value != _default(declared[name].default)
    }
    return Planned(slug=step.slug, params=plain)


def _pair(line: str) -> list[Any]:
    """A pair as it is written on a line: `old = new`, or as JSON where that would lose a space or a sign."""
    try:
        found = json.loads(line) if line.startswith("[") else None
    except ValueError:
        found = None
    if isinstance(found, list):
        return found
    old, _, new = line.partition("=")
    return [old.strip(), new.strip()]


def _default(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _given(kind: params.Kind, value: Any) -> Any:
    """What a control says, as the parameter takes it."""
    if isinstance(kind, Values) and isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(kind, Pairs) and isinstance(value, str):
        return [_pair(line.strip()) for line in value.splitlines() if line.strip()]
    if value is None:
        return "" if not isinstance(kind, params.Column | params.Choice | params.Theirs) else None
    return value.strip() if isinstance(kind, params.Dataset) and isinstance(value, str) else value
