"""The page of an analysis: what its form says, what its result shows."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import dash
from dash import ALL, MATCH, ClientsideFunction, Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from callbacks import pulse
from callbacks.house import House, house, workspace
from callbacks.intake import look
from layouts import analysis_page, blocks, controls, ids, places, runs, states, theme, words
from layouts.pages import data
from services import datasets, params, preflight, results, sampling, versions
from services import runs as past
from services.analysis import Analysis, Shape, find, find_all
from services.errors import Evicted, Expected, NotFound, ParamError
from services.jobs import lanes
from services.jobs.record import Record
from services.preflight import Forecast
from services.results import StoredResult
from services.samples import SAMPLES, Sample
from services.schema import Schema
from services.workspace import new_id

forms: dict[str, Callable[..., tuple[list[Component], list[Component]]]] = {}  # of pages that bring their own

_REMOVED_ANSWER = "This answer was removed meanwhile. Run again to make it anew."
_REMOVED = "This table was removed. Open another one, or add it again."


def register(app: Dash) -> None:
    """Register a page for every analysis that has one, and what all of them share."""
    for slug, analysis in find_all().items():
        if places.place(slug) is not None:
            title = f"{analysis.title} · DataInsights"
            dash.register_page(slug, path=f"/{slug}", title=title, name=analysis.title, layout=partial(page, slug))
    _form(app)
    _answer(app)


def page(
    slug: str, result: str | None = None, run: str | None = None, dataset: str | None = None, **more: Any
) -> html.Div:
    """Lay out the page of an analysis, with the result, the run or the dataset that the address names."""
    here, analysis, place = workspace(), find(slug), places.place(slug)
    assert place is not None
    opened = None
    if dataset and not result and not run:
        with contextlib.suppress(NotFound):
            opened = datasets.open_(here, dataset)
    followed = _run(run) if run and not result else None
    if followed is not None and followed.state == "done":
        result = followed.outcome
    stored = _stored(result) if result else None
    if (result and (stored is None or stored.about["slug"] != slug)) or (run and not result and followed is None):
        return _missing(analysis)
    known = _dataset(stored.about["dataset"] if stored else followed.dataset if followed else None)
    known = known or opened or datasets.current(here)
    if known is None:
        return analysis_page.empty(analysis, place, _samples(slug))
    if getattr(places.found()[slug], "OF_ROOT", False):
        known = _dataset(versions.root_of(known)) or known
    newest = past.newest(house().engine, here, slug, known["id"]) if stored is None and followed is None else None
    if newest is not None:
        stored = _last(slug, known["id"])
        if newest.record.state != "done" and not newest.marks.dismissed:
            followed = newest.record
    so_far = _stored(f"{followed.key}.{followed.partial}") if followed is not None and followed.partial else None
    schema = datasets.schema(known)
    values = params.propose(analysis.params, schema, known["roles"], sampling.proposed(known))
    control = {"action": "attach", "slug": slug, "dataset": known["id"]}
    if stored is not None:
        values = dict(stored.about["params"])
        control |= {"since": time.time(), "made": stored.about["made"]}
    if followed is not None and followed.state != "done":
        values = dict(followed.params)
        control |= {"job": followed.id} if run else {}
    if "ask" in more and not result and not run:
        values |= _given(analysis, more["ask"], schema)
        stored = so_far = None
    try:
        figures = datasets.profile(here, known["id"])
    except NotFound:
        return data.damaged(known)
    later = versions.newer(here, known) if slug not in forms else None
    own = forms[slug](known, more.get("add")) if slug in forms else None
    said = getattr(places.found()[slug], "before", None)
    lede = said(known, figures) if said else f"{words.plural(known['rows'], 'row')} are ready."
    return analysis_page.page(
        analysis,
        schema,
        values,
        control,
        next((each.ref for each in (so_far, stored) if each is not None), None),
        analysis_page.before(lede, place, _samples(slug), aims=_aims(analysis)),
        own,
        getattr(places.found()[slug], "FORM", "Question"),
        analysis_page.of_older(slug, known, later) if later else None,
        _others(analysis, known),
    )


def _aims(analysis: Analysis[Any]) -> bool:
    """Whether the analysis predicts a column."""
    columns = [each.kind for each in params.fields(analysis.params) if isinstance(each.kind, params.Column)]
    return any(column.role == "target" for column in columns)


def _others(analysis: Analysis[Any], known: dict[str, Any]) -> dict[str, tuple[str, Schema]]:
    """The visitor's other tables, where the analysis asks for one."""
    if not any(isinstance(each.kind, params.Dataset) for each in params.fields(analysis.params)):
        return {}
    every = [each for each in datasets.each(workspace()) if each["id"] != known["id"]]
    return {each["id"]: (each["name"], datasets.schema(each)) for each in every}


def _given(analysis: Analysis[Any], text: str, schema: Schema) -> dict[str, Any]:
    """The answers that an address fills in: those that could be given by hand, and checked again when it is run."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return params.acceptable(analysis.params, given, schema) if isinstance(given, dict) else {}


def _samples(slug: str) -> list[Sample]:
    """The samples that show what an analysis does."""
    return [sample for sample in SAMPLES if slug in sample.good_for]


def _missing(analysis: Analysis[Any]) -> html.Div:
    return blocks.page(
        blocks.header(analysis.title, analysis.summary),
        states.empty(
            "This result is not here", "It was removed, or belongs to another browser.",
            blocks.button("Ask again", kind="primary", href=f"/{analysis.slug}"), height=280,
        ),
        *runs.slots({}), *runs.places(),
    )  # fmt: skip


def _stored(ref: str | None) -> StoredResult | None:
    try:
        return results.find(workspace(), ref or "")
    except NotFound:
        return None


def _last(slug: str, dataset: str) -> StoredResult | None:
    """The visitor's newest answer of an analysis about a dataset."""
    for run in past.each(house().engine, workspace()):
        job = run.record
        if (job.slug, job.dataset, job.state) == (slug, dataset, "done"):
            stored = _stored(job.outcome)
            if stored is not None:
                return stored
    return None


def _run(job: str) -> Record | None:
    try:
        return house().engine.get(workspace(), job)
    except NotFound:
        return None


def _dataset(dataset: str | None) -> dict[str, Any] | None:
    try:
        return datasets.about(workspace(), dataset) if dataset else None
    except NotFound:
        return None


def _answers(states_list: list[dict[str, Any]]) -> dict[str, Any]:
    """The values of the form's controls by parameter; a blank is an empty text."""

    def said(value: Any) -> Any:
        return "" if value is None else value.strip() if isinstance(value, str) else value

    return {each["id"]["name"]: said(each.get("value")) for each in states_list}


def _form(app: Dash) -> None:
    # The bar with the button is drawn anew at every change. A callback of its clicks that writes beside the bar would
    # be asked for each time, and would replace the one of a click that is still on its way.
    app.clientside_callback(ClientsideFunction("datainsights", "press"), Input(ids.RUN, "n_clicks"))

    @app.callback(
        Output(ids.CONTROL, "data"),
        Output(ids.RESULT, "data"),
        Output(ids.error(ALL), "children"),
        Output(ids.field(ALL), "className"),
        Output(ids.STATE, "children", allow_duplicate=True),
        Input(ids.PRESSED, "data"),
        State(ids.param(ALL), "value"),
        State(ids.CONTROL, "data"),
        prevent_initial_call=True,
    )
    def ask(pressed: float | None, _: list[Any], control: dict[str, Any]) -> tuple[Any, ...]:
        """Check the question; show what is wrong beside its control, or ask the engine."""
        if not pressed:
            raise PreventUpdate
        names = [each["id"]["name"] for each in ctx.outputs_list[2]]
        clear = [None] * len(names), [""] * len(names)
        analysis = find(control["slug"])
        try:
            known = datasets.about(workspace(), control["dataset"])
            raw = _answers(ctx.states_list[0])
            question = params.canonical(params.parse(analysis.params, raw, datasets.schema(known)))
        except ParamError as error:
            said = [controls.said(error.message) if name == error.field else None for name in names]
            marked = ["wrong" if name == error.field else "" for name in names]
            return no_update, no_update, said, marked, no_update
        except NotFound:
            return no_update, no_update, *clear, runs.refused(_REMOVED)
        key = results.key(known["id"], analysis.slug, analysis.version, question)
        stored = _stored(key)
        if stored is not None and not stored.evicted():
            return no_update, key, *clear, []
        control.pop("job", None)
        asked = {**control, "action": "run", "params": question, "asked": new_id(), "at": time.time()}
        return asked, no_update, *clear, []

    @app.callback(
        Output(ids.RUN_BAR, "children"),
        Output(ids.field(ALL), "hidden"),
        Input(ids.param(ALL), "value"),
        Input(ids.RESULT, "data"),
        Input(ids.PULSE, "data"),
        State(ids.CONTROL, "data"),
    )
    def weigh(_: list[Any], shown: str | None, __: Any, control: dict[str, Any]) -> tuple[Any, Any]:
        """Say under the button what a run would cost, and whether the answer shown is this question's."""
        raw = _answers(ctx.inputs_list[0])
        analysis = find(control["slug"])
        try:
            known = datasets.about(workspace(), control["dataset"])
        except NotFound:
            return controls.run_bar("ready", _REMOVED, id=ids.RUN), [no_update] * len(ctx.outputs_list[1])
        told = {name: None if value == "" else value for name, value in raw.items()}
        declared = {each.name: each for each in params.fields(analysis.params)}
        hidden = [not declared[each["id"]["name"]].matters(told) for each in ctx.outputs_list[1]]
        stored = _stored(shown)
        return _run_bar(analysis, known, raw, None if stored is None or stored.is_partial else stored), hidden

    app.clientside_callback(
        ClientsideFunction("datainsights", "mended"),
        Output(ids.error(MATCH), "children", allow_duplicate=True),
        Output(ids.field(MATCH), "className", allow_duplicate=True),
        Input(ids.param(MATCH), "value"),
        prevent_initial_call=True,
    )

    # The sample that fits: its size is written into the form, and then it is asked as by a click on Run.
    app.clientside_callback(
        ClientsideFunction("datainsights", "use_rows"),
        Output(ids.param("sample_rows"), "value"),
        Output(ids.PRESSED, "data"),
        Input(ids.use_rows(ALL), "n_clicks"),
        prevent_initial_call=True,
    )


def _run_bar(
    analysis: Analysis[Any], known: dict[str, Any], raw: dict[str, Any], stored: StoredResult | None
) -> html.Div:
    try:
        parsed = params.parse(analysis.params, raw, datasets.schema(known))
    except ParamError as error:
        told = error.message if raw.get(error.field or "") else "Some choices are missing."
        return controls.run_bar("ready", told, id=ids.RUN)
    question = params.canonical(parsed)
    if stored is not None and stored.about["params"] == question and not stored.evicted():
        made = dt.datetime.fromtimestamp(stored.about["made"])
        return controls.run_bar("current", f"Answered at {made:%H:%M}. Change anything above to ask again.", id=ids.RUN)
    here = house()
    shape = Shape(known["rows"], len(known["columns"]))
    seen = preflight.forecast(here.home.server, analysis, shape, parsed, free_mb(here))
    peak, free = (f"{words.count(round(max(0, mb)))}{words.THIN}MB" for mb in (seen.cost.peak_mb, seen.free_mb))
    run = getattr(places.found().get(analysis.slug), "RUN", None)
    takes = f"About {peak} of {free} free, {words.about(seen.cost.seconds)}."
    another = lanes.holder(here.home.server, lanes.HEAVY) is not None
    waits = "Another run is on: yours starts after it. " if another else ""
    if not seen.fits:
        return _misfit(analysis, seen, f"about {peak} of {free} free.", waits)
    if another:
        return controls.run_bar("queue", f"{waits}{takes}", id=ids.RUN)
    if stored is not None:
        labels = {each.name: each.kind.label.lower() for each in params.fields(analysis.params)}
        shown = stored.about["params"]
        changed = [name for name, value in question.items() if shown.get(name) != value]
        if not changed:  # the same question: its large tables are not there any more
            return controls.run_bar("again", f"Makes the tables anew that made room. {takes}", id=ids.RUN)
        told = ", ".join(_shown(name, labels[name], shown.get(name)) for name in changed[:3])
        return controls.run_bar("again", f"The answer shown is for {told}. {takes}", id=ids.RUN, label=run)
    return controls.run_bar("ready", f"{takes} {_on(question, known['rows'])}", id=ids.RUN, label=run)


def _shown(name: str, label: str, value: Any) -> str:
    """An answer that was given, in a few words."""
    if name == "sample_rows":
        return "all rows" if value is None else f"{words.count(value)} rows"
    if isinstance(value, str) and len(value) > 60:
        return f"another {label}"
    return f"no {label}" if value is None else f"{label} {value}"


def _misfit(analysis: Analysis[Any], seen: Forecast, takes: str, waits: str) -> html.Div:
    """Offer the sample that fits; where every row is counted on disk anyway, only warn."""

    def line(advice: str) -> str:
        return f"{takes} {advice} {waits}".rstrip()

    if not analysis.holds_rows:
        told, label = line("It may be stopped; nothing else is harmed."), "Queue this run" if waits else "Run"
        return controls.run_bar("misfit", told, id=ids.RUN, label=label, bold="May not fit:")
    if seen.sample is None:
        told = line("No useful sample fits either.")
        return controls.run_bar("misfit", told, id=ids.RUN, label="Run anyway", bold="Will not fit:")
    rows = words.count(seen.sample)
    return controls.run_bar(
        "misfit",
        line(f"The largest sample that fits is {rows} rows."),
        id=ids.use_rows(seen.sample),
        label=f"Use {rows} rows",
        bold="Will not fit:",
        also=[blocks.button("Run anyway", id=ids.RUN)],
    )


def _on(question: dict[str, Any], rows: int) -> str:
    """On which rows a question will be asked."""
    sample = question.get("sample_rows")
    if sample is None or sample >= rows:
        return f"On all {words.count(rows)} rows."
    return f"On {words.count(sample)} of {words.count(rows)} rows."


def free_mb(here: House) -> float:
    """What a job will find free: the reader makes room for it, and a job before it will have ended."""
    held = sum(part["mb"] for part in pulse.measure(here)["parts"] if part["name"] not in {"Job", "Reader"})
    return here.limit.mb - here.engine.bounds.reserve_mb - held - preflight.SUPERVISOR_MB


def _answer(app: Dash) -> None:
    @app.callback(
        Output(ids.ANSWER, "children"),
        Output(ids.EXPORT, "children"),
        Output(ids.ASKED, "className"),
        Output(ids.LINE, "children"),
        Output(ids.drawn(), "data"),
        Input(ids.RESULT, "data"),
        Input(ids.THEME, "data"),
    )
    def show(ref: str | None, chosen: str | None) -> tuple[Any, ...]:
        """Draw the result, from memory when it was drawn before."""
        stored = _stored(ref)
        if stored is None:
            raise PreventUpdate
        try:
            past.see(house().engine, workspace(), stored.key)
            view, menu = drawn(stored, chosen or look())
        except (Evicted, NotFound, FileNotFoundError) as error:
            if stored.is_partial:  # a later one took its place meanwhile, and comes with the next poll
                raise PreventUpdate from None
            said = error.message if isinstance(error, Expected) else _REMOVED_ANSWER
            view, menu = [states.note("interrupted", said)], []
        return (
            view,
            menu,
            "controls-slot answered",
            _in_a_line(stored),
            stored.identity,
        )

    app.clientside_callback(
        ClientsideFunction("datainsights", "address"),
        Output(ids.DOWNLOAD, "id"),
        Input(ids.RESULT, "data"),
        prevent_initial_call=True,
    )


def _in_a_line(stored: StoredResult) -> str:
    """The question of an answer, where its form is folded away."""
    own = getattr(places.found()[stored.about["slug"]], "line", None)
    return (own or analysis_page.said_in_a_line)(stored.about["params"])


def drawn(stored: StoredResult, chosen: str) -> tuple[Any, Any]:
    """The view of a result and its export menu, memoised: drawing reads tables and sorts marks."""
    views, slug = house().views, stored.about["slug"]
    name = f"{workspace().visitor}-{stored.identity}-{chosen}"
    kept = views.get(name)
    if kept is None:
        place = places.place(slug)
        assert place is not None
        with theme.drawn_in(chosen):
            view = places.view(slug)(stored)
        menu = [] if stored.is_partial else analysis_page.export_menu(stored, place.exports)
        kept = json.dumps([view, menu], cls=_Plain)
        views.set(name, kept)
    view, menu = json.loads(kept)
    return view, menu


class _Plain(json.JSONEncoder):
    """Components as the JSON that Dash sends for them."""

    def default(self, o: Any) -> Any:
        return o.to_plotly_json() if hasattr(o, "to_plotly_json") else super().default(o)
