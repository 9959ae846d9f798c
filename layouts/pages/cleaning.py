"""Data Cleaning: the recipe as a rail of steps, the first rows as it makes them, and what came of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from layouts import answers, blocks, controls, ids, question, tables, words
from layouts.icons import icon
from layouts.places import Place
from services.cleaning.chain import Applied
from services.cleaning.preview import Preview, Shown
from services.cleaning.recipe import LONGEST_NOTE, Planned
from services.cleaning.spelling import Cluster
from services.cleaning.step import GROUPS, Step, find_all, listed
from services.cleaning.suggest import Suggestion
from services.params import fields
from services.results import StoredResult
from services.schema import Schema

PLACE = Place(
    group="Data",
    label="Cleaning",
    icon="brush-cleaning",
    brief="Mend what is wrong, step by step, with undo.",
    exports=(("data", "csv"), ("data", "xlsx"), ("data", "json"), ("steps", "csv"), ("changes", "csv")),
)
FORM, RUN = "Recipe", "Apply to all rows"
OF_ROOT = True  # the page is of the table that versions are made of
MOST_SUGGESTED = 6
_LINK = {"data-nav": ""}
_MOST_MAPPED = 20  # columns that are asked for at once
_MOST_CLUSTERS = 50

Pairs = Sequence[tuple[str, str]]
NOTE = "~note"  # no parameter is called like this


def line(asked: Mapping[str, Any]) -> str:
    """The recipe in a line, where it is folded away."""
    return words.plural(asked.get("recipe", "").count('"step"'), "step")


def before(known: Mapping[str, Any], _: Mapping[str, Any]) -> str:
    """What stands in the answer's place before the first run."""
    return f"Nothing of these {words.plural(known['rows'], 'row')} is changed until you apply the steps."


# The rail -----------------------------------------------------------------------------------------


def rail(
    dataset: str,
    recipe: Sequence[Planned],
    seen: Preview,
    *,
    undoes: bool,
    redoes: bool,
    suggested: Sequence[Suggestion],
    lacks: Sequence[str] = (),
    names: Sequence[str] = (),
) -> list[Component]:
    """The steps in their order, each with what it does to the rows that were looked at.

    `lacks` are columns that the recipe speaks of and the table does not have; `names` those it has.
    """
    head = html.Div(
        [
            _tool("undo", 0, "undo-2", "Undo", disabled=not undoes),
            _tool("redo", 0, "redo-2", "Redo", disabled=not redoes),
            html.Span(words.plural(len(recipe), "step") if recipe else "No steps yet", className="quiet"),
            html.Span(className="rail-gap"),
            _load(),
            blocks.button("Save", small=True, href=f"/_recipe/{dataset}.json", target="_self", download="")
            if recipe
            else None,
        ],
        className="rail-head",
    )
    cards = [_card(place, each, seen.steps[place], len(recipe)) for place, each in enumerate(recipe)]
    asked = [_mapping(lacks, names)] if lacks else []
    return [head, *asked, html.Ol(cards, className="rail-steps"), *_suggested(suggested)]


def _mapping(lacks: Sequence[str], names: Sequence[str]) -> html.Div:
    """Which columns stand for those that the recipe looks for in vain."""
    lines = []
    for lack in lacks[:_MOST_MAPPED]:
        options = [{"label": "As it is", "value": " "}, *({"label": name, "value": name} for name in names)]
        same = next((name for name in names if name.lower() == lack.lower()), " ")
        lines.append(controls.field(lack, dbc.Select(options, same, id=ids.mapped(lack), size="sm")))
    head = (
        f"{words.plural(len(lacks), 'column')} of this recipe {'is' if len(lacks) == 1 else 'are'} not in this table."
    )
    return html.Div(
        [
            html.P([html.Strong(head), " Say which stand for them."]),
            *lines,
            blocks.button("Use these columns", kind="secondary", small=True, **clicks("map")),
        ],
        className="rail-mapping",
    )


def clicks(does: str, place: int = 0) -> dict[str, str]:
    """What makes a button change the recipe: add, edit, off, up, down, remove, undo, redo, suggest, safe.

    Not through callbacks of the buttons: the rail is drawn anew while a click may be on its way, and would take it
    along.
    """
    return {"data-recipe": does, "data-place": str(place)}


def _tool(does: str, place: int, symbol: str, label: str, *, disabled: bool = False) -> html.Button:
    return html.Button(
        icon(symbol), className="icon-button", type="button", title=label, disabled=disabled,
        **{"aria-label": label, **clicks(does, place)},
    )  # fmt: skip


def _load() -> html.Label:
    """The way in of a recipe that was saved, of this table or of another."""
    field = dcc.Input(type="file", id="recipe-file", className="visually-hidden")
    return html.Label(
        ["Load", field],
        className="btn btn-outline-secondary btn-sm",
        htmlFor="recipe-file",
        title="A recipe from a file",
    )


def _card(place: int, planned: Planned, shown: Shown, many: int) -> html.Li:
    title, number = planned.step.title, place + 1
    tools = html.Div(
        [
            _tool(
                "off",
                place,
                "eye" if not planned.on else "eye-off",
                f"{'Use' if not planned.on else 'Skip'} step {number}",
            ),
            _tool("up", place, "arrow-up", f"Move step {number} up", disabled=place == 0),
            _tool("down", place, "arrow-down", f"Move step {number} down", disabled=place == many - 1),
            _tool("edit", place, "pencil", f"Change step {number}"),
            _tool("remove", place, "trash-2", f"Remove step {number}"),
        ],
        className="rail-tools",
    )
    state = "off" if not planned.on else "wrong" if shown.wrong else "waits" if shown.waits else "on"
    return html.Li(
        [
            html.Div(
                [html.Span(str(number), className="rail-number"), html.Strong(title), tools], className="rail-title"
            ),
            _said(planned, shown),
            html.P(planned.note, className="quiet") if planned.note else None,
        ],
        className=f"rail-step rail-{state}",
    )


def _said(planned: Planned, shown: Shown) -> html.P:
    if not planned.on:
        return html.P("Skipped.", className="quiet")
    if shown.wrong:
        return html.P(controls.said(shown.wrong), className="error", role="alert")
    if shown.waits:
        return html.P("Waits for the step above to be mended.", className="quiet")
    if shown.did is None:
        return html.P("Not tried yet.", className="quiet")
    return html.P(shown.did.said)


def _suggested(suggested: Sequence[Suggestion]) -> list[Component]:
    if not suggested:
        return []
    lines = [
        html.Li(
            [
                html.Span(each.why, className="quiet"),
                blocks.button(each.planned.step.title, symbol="plus", small=True, **clicks("suggest", place)),
            ]
        )
        for place, each in enumerate(suggested[:MOST_SUGGESTED])
    ]
    safe = sum(each.is_safe for each in suggested)
    every = (
        [blocks.button(f"Add the {words.plural(safe, 'safe one')}", small=True, **clicks("safe"))] if safe > 1 else []
    )
    head = blocks.heading(
        "Suggested", "from the alerts; safe ones lose nothing" if every else "from the alerts", actions=every
    )
    return [html.Div([head, html.Ul(lines, className="suggested")], className="rail-suggested")]


def chooser(slug: str | None = None) -> html.Div:
    """Choose the step to add."""
    options: list[dict[str, Any]] = [{"label": "Choose a step", "value": " "}]
    for group in GROUPS:
        every = [step for step in find_all().values() if step.group == group]
        options += [{"label": f"{group}: {step.title.lower()}", "value": step.slug} for step in every]
    select = dbc.Select(options, slug or " ", id=ids.STEP_CHOICE, size="sm")
    return html.Div(
        [
            controls.field("Add a step", select),
            html.Div(id=ids.STEP_FORM),
            html.Div(id=ids.STEP_SAID, role="alert"),
            html.Div(id=ids.STEP_TRIED, **{"aria-live": "polite"}),
        ],
        className="chooser",
    )


def step_form(
    step: Step[Any],
    schema: Schema,
    values: Mapping[str, Any],
    others: Mapping[str, tuple[str, Schema]],
    *,
    editing: bool,
    note: str = "",
) -> list[Component]:
    """The controls of a step, and the button that adds or changes it; `others` are tables that it may name."""
    asked = question.form(fields(step.params), schema, values, question.STEP, others)
    label = "Change the step" if editing else "Add the step"
    remark = dbc.Input(id=ids.step_param(NOTE), value=note, maxLength=LONGEST_NOTE, size="sm")
    return [
        html.P(step.summary, className="hint"),
        *asked,
        controls.field("Remark", remark, optional=True),
        blocks.button(label, kind="secondary", symbol="check" if editing else "plus", **clicks("add")),
        dcc.Store(id=ids.OTHER_COLUMNS, data={id: columns.names for id, (_, columns) in others.items()}),
    ]


def tried(did: Applied, seen: Preview, clusters: Sequence[Cluster] | None, chosen: Pairs) -> list[Component]:
    """What the step that is filled in would do to the rows that were looked at.

    `clusters` are the spellings that may be merged, `chosen` the pairs of them that are, all of them where it is empty.
    """
    part = "all rows" if seen.rows == seen.of else f"the first {words.count(seen.rows)} rows"
    lost = f" {words.plural(did.counts.lost, 'value')} would be lost." if did.counts.lost else ""
    parts: list[Component] = [html.P([html.Strong(f"On {part}: "), did.said, lost])]
    if clusters is not None:
        parts.append(_clusters(clusters, chosen))
    elif did.examples:
        lines = []
        for each in did.examples:
            old, new = (html.Code(tables.raw(each[side])) for side in ("before", "after"))
            lines.append(html.Li([f"{each['column']}: ", old, " → ", new]))
        parts.append(html.Ul(lines, className="tried-examples"))
    return [html.Div(parts, className="tried")]


def _clusters(clusters: Sequence[Cluster], chosen: Pairs) -> Component:
    """Groups of spellings, each to be taken or left."""
    if not clusters:
        return html.P("No two spellings of one thing were found.", className="quiet")
    shown = clusters[:_MOST_CLUSTERS]
    lines = []
    for place, each in enumerate(shown):
        spelt = listed([f"“{value}” ({count:,})" for value, count in each.values])
        taken = not chosen or set(each.pairs) <= set(chosen)
        lines.append(html.Li(dbc.Checkbox(id=ids.cluster(place), value=taken, label=f"{each.becomes}: {spelt}")))
    more = f" The first {_MOST_CLUSTERS} of {len(clusters):,} are shown." if len(clusters) > _MOST_CLUSTERS else ""
    return html.Div(
        [
            html.P(f"Untick what is not the same thing.{more}", className="quiet"),
            html.Ul(lines, className="clusters"),
            dcc.Store(id=ids.CLUSTERS, data=[each.pairs for each in shown]),
        ]
    )


def form(recipe: str, rail_parts: Sequence[Component], add: Component, dataset: str) -> list[Component]:
    """What stands where other pages have their form: the rail, and the recipe as the run is asked with it."""
    return [
        html.Div(list(rail_parts), id=ids.RAIL, className="rail"),
        add,
        html.Div(dcc.Input(id=ids.param("recipe"), value=recipe, type="text"), hidden=True),
        html.Div(html.Div(id=ids.error("recipe"), className="error-slot", role="alert"), id=ids.field("recipe")),
        dcc.Store(id=ids.cleaned_of(dataset), data={"editing": None}),
        dcc.Store(id=ids.RECIPE_CLICK),
        dcc.Store(id=ids.COLUMN_LOOKED_AT),
    ]


# What was made before ---------------------------------------------------------------------------


def history(versions: Sequence[Mapping[str, Any]], current: str) -> list[Component]:
    """The table and what was made of it, oldest first; nothing where there is only the table."""
    if len(versions) < 2:
        return []
    columns = [
        tables.Column(title="Version", look="name"), tables.Column(title="Rows", look="number"),
        tables.Column(title="Columns", look="number"), tables.Column(title="Steps", look="number"),
        tables.Column(title="On disk", look="number"), tables.Column(title="Made", look="quiet"),
        tables.Column(title="", look="link"),
    ]  # fmt: skip
    shown = [_version(each, current) for each in versions]
    head = blocks.heading("Versions", "each is a table of its own; analyses name the one they ran on")
    return [blocks.section(head, tables.table(columns, shown, caption="Versions"), id="versions")]


def _version(each: Mapping[str, Any], current: str) -> list[Any]:
    link = html.A(each["name"], href=f"/data?dataset={each['id']}", className="text-link lockable", **_LINK)
    named = html.Span(f" {each['name']}", className="visually-hidden")
    does: list[Component] = []
    if "cleaned" in each:
        href = f"/versions?after={each['id']}"
        does = [
            html.A(["Compare", named], href=href, className="text-link lockable", **_LINK),
            html.Button(["Remove", named], id=ids.remove(each["id"]), className="text-link", type="button"),
        ]
    return [
        html.Div([link, *([blocks.badge("Open", "done")] if each["id"] == current else [])], className="table-name"),
        words.count(each["rows"]), words.count(len(each["columns"])),
        words.count(len(each["cleaned"]["recipe"]["steps"])) if "cleaned" in each else words.NONE,
        words.size(each.get("on_disk") or 0), words.moment(dt.datetime.fromtimestamp(each["made"])),
        html.Div(does, className="table-does"),
    ]  # fmt: skip


# What came of it ----------------------------------------------------------------------------------


def view(result: StoredResult) -> html.Div:
    """Draw what each step did, and the way to the version that came of it."""
    facts, about = result.facts, result.about
    made = about.get("made_dataset")
    gone = facts["rows_before"] - facts["rows_after"]
    lede = (
        f"{words.plural(facts['cells'], 'cell')} mended, {words.plural(max(gone, 0), 'row')} dropped: "
        f"{words.plural(facts['rows_after'], 'row')} in {words.plural(facts['columns_after'], 'column')}."
    )
    ways = [
        blocks.button("Open the cleaned table", kind="primary", href=f"/data?dataset={made}"),
        blocks.button("Look at its rows", href=f"/explore?dataset={made}"),
        blocks.button("Compare with before", href=f"/versions?after={made}"),
        blocks.button("Parquet", symbol="download", href=f"/_tables/{made}.parquet", target="_self", download=""),
    ]
    steps = [
        tables.Column(title="Step", look="number"), tables.Column(title="What it did", look="text"),
        tables.Column(title="Rows after", look="number"), tables.Column(title="Cells", look="number"),
        tables.Column(title="Values lost", look="number"),
    ]  # fmt: skip
    done = [
        [
            str(each["step"]),
            each["did"],
            words.count(each["rows_after"]),
            words.count(each["cells"]),
            words.count(each["lost"]),
        ]
        for each in result.rows("steps")
    ]
    return answers.answer(
        result,
        lede if facts["steps"] else "No step was applied: the table is as it was.",
        [
            ("Rows", f"{words.count(facts['rows_before'])} → {words.count(facts['rows_after'])}"),
            ("Columns", f"{words.count(facts['columns_before'])} → {words.count(facts['columns_after'])}"),
            ("Cells changed", words.count(facts["cells"])),
            ("Values lost", words.count(facts["lost"])),
            *_better(about.get("quality") or ()),
        ],
        html.Div(ways, className="actions") if made else None,
        _taken_along(result),
        blocks.section(blocks.heading("Steps", "counted over every row"), tables.table(steps, done, caption="Steps")),
        _examples(result),
    )


def _better(quality: Sequence[int | None]) -> list[tuple[str, str]]:
    """How good the table was, and is now."""
    if None in quality or len(quality) != 2:
        return []
    return [("Quality of 100", " → ".join(map(str, quality)))]


def _taken_along(result: StoredResult) -> Component | None:
    """The recipe, and the scripts that do the same without us."""
    named = {
        "recipe.json": "Recipe (JSON)", "clean.py": "pandas script", "clean.sql": "SQL for DuckDB",
        "cleaning_report.html": "Report (HTML)", "cleaning_report.md": "Report (Markdown)",
        "data_dictionary.html": "Data dictionary (HTML)", "data_dictionary.md": "Data dictionary (Markdown)",
        "summary.json": "Summary (JSON)",
    }  # fmt: skip
    links = [
        blocks.button(
            label, symbol="download", small=True, href=f"/_files/{result.key}/{name}", target="_self", download=""
        )
        for name, label in named.items()
        if name in result.about.get("files", ())
    ]  # fmt: skip
    if not links or result.is_partial:
        return None
    head = blocks.heading("Take it along", "each script runs by itself and makes the same table")
    return blocks.section(head, html.Div(links, className="actions"))


def _examples(result: StoredResult) -> Component | None:
    found = result.rows("changes")
    if not found:
        return None
    columns = [
        tables.Column(title="Step", look="number"), tables.Column(title="Row", look="number"),
        tables.Column(title="Column", look="text"), tables.Column(title="Before", look="raw"),
        tables.Column(title="After", look="raw"),
    ]  # fmt: skip
    shown = [
        [
            str(each["step"]),
            words.count(each["row"]),
            each["column"],
            tables.raw(each["before"]),
            tables.raw(each["after"]),
        ]
        for each in found[:50]
    ]
    return blocks.section(
        blocks.heading("Examples", "of what changed"), tables.table(columns, shown, caption="Examples")
    )
