"""The cleaning page: the recipe is kept as it is changed, and tried on the first rows; a run applies it to all."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from flask import Blueprint, Response, jsonify

from callbacks import analyses
from callbacks.house import house, workspace
from layouts import controls, ids
from layouts.pages import cleaning
from layouts.pages.data import undo
from services import alerts, datasets, params, versions
from services.cleaning import book, suggest
from services.cleaning.book import Book
from services.cleaning.preview import Preview, Shown, preview
from services.cleaning.recipe import Planned, Recipe, parse
from services.cleaning.step import find
from services.errors import Expected, NotFound, ParamError
from services.params import Pairs, Values, Where
from services.table import DATA

routes = Blueprint("cleaning", __name__)

_TURN = threading.Lock()  # two clicks must not both change what the recipe was before


def register(app: Dash) -> None:
    """Wire the rail; the run itself is every analysis'."""
    analyses.forms["cleaning"] = form
    _choose(app)
    _change(app)


@routes.get("/_recipe/<dataset>.json")
def save(dataset: str) -> Response:
    """The recipe of a dataset as it is now, for another table or the command line."""
    here = workspace()
    known = datasets.about(here, dataset)
    answer = jsonify(book.read(here.dataset(known["id"])).recipe.as_json())
    answer.headers["Content-Disposition"] = 'attachment; filename="recipe.json"'
    return answer


def form(known: dict[str, Any], add: str | None = None) -> tuple[list[Component], list[Component]]:
    """The rail of a table, and its first rows as the recipe makes them; `add` is a remedy that an alert offers."""
    folder = workspace().dataset(known["id"])
    kept = book.read(folder)
    planned = _offered(add)
    if planned is not None and not any(planned in state.steps for state in kept.states):  # a reload adds nothing
        kept = kept.added(planned)
        book.write(folder, kept)
    seen, rail = _drawn(known, kept)
    asked = cleaning.form(_asked(kept.recipe), rail, cleaning.chooser(), known["id"])
    here = workspace()
    found, opened = versions.each(here, known["id"]), datasets.current(here)
    gone = [each for each in datasets.removed(here) if versions.root_of(each) == known["id"]]
    above = [*undo(gone), html.Div(cleaning.rows(seen), id=ids.BEFORE_AFTER)]
    return asked, [*above, *cleaning.history(found, opened["id"] if opened else "")]


def _offered(add: str | None) -> Planned | None:
    try:
        return suggest.step_of(json.loads(add)) if add else None
    except (ValueError, TypeError, AttributeError, KeyError):
        return None


def _asked(recipe: Recipe) -> str:
    """The recipe as a run is asked with it: the same steps are the same question."""
    return json.dumps(Recipe(recipe.active).as_json(), ensure_ascii=False, separators=(",", ":"))


def _seen(known: Mapping[str, Any], recipe: Recipe) -> Preview:
    path = workspace().dataset(known["id"]) / DATA
    ask = house().reader.ask

    def fetch(sql: str) -> list[list[Any]]:
        return ask(path, sql)

    return preview(fetch, datasets.schema(known), known["rows"], recipe)


def _drawn(known: Mapping[str, Any], kept: Book) -> tuple[Preview, list[Component]]:
    try:
        seen = _seen(known, kept.recipe)
    except Expected as error:  # the reader is busy, or this is too much for it: the recipe is there all the same
        seen = Preview(
            steps=[Shown()] * len(kept.recipe.steps), schema=datasets.schema(known), rows=0, of=known["rows"], after=0,
            note=error.message,
        )  # fmt: skip
    try:
        odd = alerts.alerts(datasets.profile(workspace(), known["id"]))
    except NotFound:
        odd = []
    rail = cleaning.rail(
        known["id"],
        kept.recipe.steps,
        seen,
        undoes=kept.undoes,
        redoes=kept.redoes,
        suggested=suggest.suggestions(odd, kept.recipe),
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
        step = find(slug)
        # The columns that it finds where it stands.
        earlier = Recipe(kept.recipe.steps[:editing] if editing is not None else kept.recipe.steps)
        schema = _seen(known, earlier).schema
        drawn = cleaning.step_form(step, schema, values, editing=editing is not None)
        return drawn, [], no_update, [{"editing": editing, "slug": slug}]


def _change(app: Dash) -> None:
    @app.callback(
        Output(ids.RAIL, "children"),
        Output(ids.BEFORE_AFTER, "children"),
        Output(ids.param("recipe"), "value"),
        Output(ids.STEP_SAID, "children", allow_duplicate=True),
        Output(ids.STEP_FORM, "children", allow_duplicate=True),
        Output(ids.STEP_CHOICE, "value", allow_duplicate=True),
        Output(ids.step_error(ALL), "children"),
        Input(ids.RECIPE_CLICK, "data"),
        State(ids.step_param(ALL), "value"),
        State(ids.cleaned_of(ALL), "id"),
        State(ids.cleaned_of(ALL), "data"),
        prevent_initial_call=True,
    )
    def change(
        asked: dict[str, Any] | None, _: list[Any], stores: list[dict[str, Any]], states: list[dict[str, Any]]
    ) -> tuple[Any, ...]:
        """Add, change, move, skip or remove a step; undo and redo."""
        if not asked or asked["does"] == "edit":
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
            return no_update, no_update, no_update, elsewhere, no_update, no_update, said
        except Expected as error:
            said = controls.said(error.message)
            return no_update, no_update, no_update, said, no_update, no_update, [None] * len(names)
        seen, rail = _drawn(known, after)
        done = asked["does"] == "add"
        return (
            rail, cleaning.rows(seen), _asked(after.recipe), [],
            [] if done else no_update, " " if done else no_update, [None] * len(names),
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
            return kept.edited(
                place, lambda step: Planned(slug=step.slug, params=step.params, on=not step.on, note=step.note)
            )
        case "up" | "down":
            return kept.moved(place, -1 if asked["does"] == "up" else 1)
        case "suggest" | "safe":
            offered = suggest.suggestions(alerts.alerts(datasets.profile(workspace(), known["id"])), kept.recipe)
            if asked["does"] == "safe":
                steps = tuple(each.planned for each in offered if each.is_safe)
                return kept.changed((*kept.recipe.steps, *steps))
            return kept.added(offered[place].planned) if place < len(offered) else kept
        case "load":
            return kept.changed(parse(str(asked.get("text", ""))).steps)
        case "add":
            return _added(kept, known, state)
    raise PreventUpdate


def _added(kept: Book, known: Mapping[str, Any], state: Mapping[str, Any]) -> Book:
    """The recipe with the step that was filled in, checked against the columns that it finds."""
    editing, slug = state.get("editing"), state.get("slug", "")
    step = find(slug)
    declared = {each.name: each for each in params.fields(step.params)}
    raw: dict[str, Any] = {}
    for each in ctx.states_list[0]:
        name = each["id"]["name"]
        if name in declared and not isinstance(declared[name].kind, Where):
            raw[name] = _given(declared[name].kind, each.get("value"))
    earlier = Recipe(kept.recipe.steps[:editing] if editing is not None else kept.recipe.steps)
    schema = _seen(known, earlier).schema
    if editing is not None and editing < len(kept.recipe.steps):
        old = kept.recipe.steps[editing]
        raw |= {name: value for name, value in old.params.items() if isinstance(declared[name].kind, Where)}
    question = params.canonical(params.parse(step.params, raw, schema))
    plain = {
        name: value
        for name, value in question.items()
        if declared[name].required or value != _default(declared[name].default)
    }
    planned = Planned(slug=slug, params=plain)
    tried = _seen(known, Recipe((*earlier.steps, planned))).steps[-1]
    if tried.wrong and tried.field:  # a choice that cannot be; what the data refuses is said on the step
        raise ParamError(tried.wrong, field=tried.field)
    if editing is None:
        return kept.added(planned)
    return kept.edited(editing, lambda step: Planned(slug=slug, params=plain, on=step.on, note=step.note))


def _default(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _given(kind: params.Kind, value: Any) -> Any:
    """What a control says, as the parameter takes it."""
    if isinstance(kind, Values) and isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(kind, Pairs) and isinstance(value, str):
        pairs = [line.partition("=") for line in value.splitlines() if line.strip()]
        return [[old.strip(), new.strip()] for old, _, new in pairs]
    if value is None:
        return "" if not isinstance(kind, params.Column | params.Choice) else None
    return value
