"""Types: what was understood of a file, column by column, and how it is to be read instead."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from layouts import blocks, cards, controls, data_tabs, ids, runs, states, tables, words
from layouts.icons import icon
from layouts.pages import explore
from services.reading import ENCODINGS, ColumnReading, Reading
from services.schema import MEANS

PAGE = 60  # columns shown at once: each has five controls
DELIMITERS = {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Bar"}

_KINDS = (
    ("integer|", "Integer"), ("decimal|", "Decimal"), ("decimal|decimal comma", "Decimal, as 1.234,5"),
    ("decimal|decimal point", "Decimal, as 1,234.5"), ("flag|", "Yes or no"), ("date|", "Date"),
    ("date|day first", "Date, day first"), ("date|month first", "Date, month first"), ("datetime|", "Date and time"),
    ("datetime|day first", "Date and time, day first"), ("datetime|month first", "Date and time, month first"),
    ("text|", "Text"), ("category|", "Category"), ("identifier|", "Identifier"),
)  # fmt: skip
_NOUNS = {"integer": "whole number", "decimal": "number", "flag": "yes or no", "date": "date", "datetime": "date"}
_AUTO = "auto"
_REJECTS_SHOWN = 20


def kind_value(column: Mapping[str, Any], choice: ColumnReading) -> str:
    """What the choice of types shows for a column: kind and format."""
    kind = choice.kind or column["kind"]
    if kind is None:
        return "text|"
    value = f"{kind}|{choice.format or ''}"
    return value if value in dict(_KINDS) else f"{kind}|"


def missing() -> html.Div:
    """The page of a table whose file was not kept, or that is not there."""
    return blocks.page(
        blocks.header("Types"),
        states.empty(
            "There is nothing to check here",
            "This table was removed, or its file was not kept. Add its file again, and its types can be changed.",
            blocks.button("See your tables", kind="primary", href="/data"), height=280,
        ),
        *runs.slots({}), *runs.places(),
    )  # fmt: skip


def page(
    known: Mapping[str, Any],
    review: Mapping[str, Any],
    chosen: Reading,
    used: Reading,
    figures: Mapping[str, Any],
    head: Sequence[Mapping[str, Any]],
    rejects: Sequence[Sequence[str]],
    *,
    first: int = 0,
    control: Mapping[str, Any],
) -> html.Div:
    """Lay out the page; `chosen` waits to be read so, `used` is how it was read, `first` the place to begin at.

    `head` are the first rows as the table holds them, by place; `rejects` line, reason and text of some rejected lines.
    """
    columns = review["columns"]
    is_draft = bool(known.get("draft"))
    asked = [column for column in columns if question(column, used.of(column["from"]))]
    losing = [column for column in columns if lost(column, used.of(column["from"]))]
    title = "Check what we understood" if is_draft else known["name"]
    file = dcc.Input(type="file", id="choices-file", className="visually-hidden")
    load = html.Label(
        [icon("upload"), html.Span("Load choices"), file],
        className="btn btn-outline-secondary", htmlFor="choices-file",
    )  # fmt: skip
    shown = [_rows(place, columns[place], chosen, used, figures) for place in range(first, len(columns))[:PAGE]]
    return blocks.page(
        blocks.crumbs(["Added", "Check types", "Use"], "Check types") if is_draft else None,
        blocks.header(title, _read_as(known, review), [_whole_file(known, review, chosen), load]),
        None if is_draft else data_tabs.tabs(known["id"], "/types"),
        blocks.lede(verdict(len(columns), len(asked), losing)),
        html.P(
            "Nothing is changed in your file: it is kept, and can be read anew at any time. "
            "What you choose is used for the next file of these columns too.",
            className="about lead-in",
        ),
        html.Div(bar(known, changes(chosen, used)), id=ids.TYPES_BAR, className="types-bar", **{"aria-live": "polite"}),
        html.Div(id=ids.TYPES_SAID, role="alert"),
        *runs.places(),
        _table(shown, len(columns)),
        _turns(known["id"], first, len(columns)),
        _rejected(known, rejects) if known["rejected"] else None,
        blocks.section(
            blocks.heading(
                "First 100 rows, as they were read",
                actions=[
                    blocks.button(
                        "Save choices",
                        symbol="download",
                        small=True,
                        href=f"/_reading/{known['id']}.json",
                        target="_self",
                        download="",
                    )
                ],
            ),
            _head(known, head),
        ),
        dcc.Store(id=ids.LOAD_READING),
        dcc.Store(id=ids.types_of(), data=known["id"]),
        *runs.slots(dict(control)),
    )


def verdict(columns: int, asked: int, losing: Sequence[Mapping[str, Any]] = ()) -> str:
    """Say how many columns need a look; `losing` are those of which a choice keeps not every value."""
    if losing and not asked:
        if len(losing) > 1:
            return f"As you chose, {len(losing)} columns lose values."
        column, filled = losing[0], losing[0]["filled"]
        gone = words.count(filled - column["fits"])
        return f"As you chose, {column['name']} loses {gone} of {words.count(filled)} values."
    if not asked:
        return f"All {columns} columns are clear." if columns > 1 else "Its one column is clear."
    need = "needs a decision" if asked == 1 else "need a decision"
    return f"{columns - asked} of {words.plural(columns, 'column')} are clear. {asked} {need} from you."


def lost(column: Mapping[str, Any], used: ColumnReading) -> int:
    """How many values cannot be read as the type that was chosen for their column."""
    return column["filled"] - column["fits"] if column["kind"] is not None and used.kind is not None else 0


def changes(chosen: Reading, used: Reading) -> int:
    """How many choices wait to be read so."""
    places = {column.source for column in (*chosen.columns, *used.columns)}
    columns = sum(chosen.of(source) != used.of(source) for source in places)
    whole = ("encoding", "delimiter", "header", "sheet", "member")
    return columns + sum(getattr(chosen, name) != getattr(used, name) for name in whole)


def bar(known: Mapping[str, Any], waiting: int) -> list[Component]:
    """What can be done with the table now: read it anew while choices wait, else use it."""
    if waiting:
        with_ = words.plural(waiting, "change")
        return [
            blocks.button(f"Read again with {with_}", kind="primary", id=ids.read_again("again")),
            blocks.button("Drop the changes" if waiting > 1 else "Drop the change", id=ids.read_again("drop")),
            html.Span("Nothing is changed yet.", className="quiet"),
        ]
    if not known.get("draft"):
        said = "Read as shown. Change a type, a name or what is missing, and read it again."
        return [html.Span(said, className="quiet")]
    rows = words.plural(known["rows"], "row")
    return [blocks.button(f"Use these {rows}", kind="primary", id=ids.read_again("use"))]


def _read_as(known: Mapping[str, Any], review: Mapping[str, Any]) -> str:
    parts = [known["name"]] if known.get("draft") else []
    if "encoding" in review:
        parts += [review["shown"], DELIMITERS.get(review["delimiter"], review["delimiter"]).lower() or "one column"]
    else:
        parts.append(words.file_of(known))
    if "header" in review:
        parts.append(f"names in line {review['header']:,}" if review["header"] else "no line of names")
    parts.append(words.plural(known["rows"], "row"))
    if known["rejected"]:
        parts.append(f"{words.plural(known['rejected'], 'line')} set aside")
    return " · ".join(parts)


def _whole_file(known: Mapping[str, Any], review: Mapping[str, Any], chosen: Reading) -> Component | None:
    """How the file as a whole is read: what its kind leaves open."""
    fields: list[Component] = []

    def choose(what: str, label: str, options: Mapping[str, str], now: str, hint: str | None = None) -> None:
        select = dbc.Select(
            id=ids.read_as(what), value=now, options=[{"value": key, "label": said} for key, said in options.items()]
        )
        fields.append(_slot(what, controls.field(label, select, hint=hint)))

    if "encoding" in review:
        choose("encoding", "Encoding", {_AUTO: f"Find out ({review['shown']})", **ENCODINGS}, chosen.encoding or _AUTO,
               "Change it when letters with accents look wrong.")  # fmt: skip
    if "delimiter" in review:
        now = DELIMITERS.get(review["delimiter"], review["delimiter"]) or "none"
        choose("delimiter", "Cells are parted by", {_AUTO: f"Find out ({now.lower()})", **DELIMITERS, "^": "Caret",
               ":": "Colon", "~": "Tilde", " ": "Blank"}, chosen.delimiter or _AUTO)  # fmt: skip
    if "header" in review:
        line = dcc.Input(
            id=ids.read_as("header"), className="form-control", inputMode="numeric", debounce=True,
            value="" if chosen.header is None else str(chosen.header),
            placeholder=f"found: {review['header'] or 'none'}",
        )  # fmt: skip
        hint = "Empty: it is found out. 0: the file has no line of names."
        fields.append(_slot("header", controls.field("Line of the names", line, hint=hint)))
    for what, label in (("sheet", "Sheet"), ("member", "File in the archive")):
        several = parts(known, what)
        if len(several) > 1:
            choose(what, label, {each: each for each in several}, getattr(chosen, what) or part(known, what))
    if not fields:
        return None
    return cards.menu("Change reading", "sliders-horizontal", [html.Div(fields, className="menu-form")])


def parts(known: Mapping[str, Any], what: str) -> Sequence[str]:
    """The sheets, or the members of an archive, that a dataset's file has."""
    return (known.get("source") or {}).get(f"{what}s", ())


def part(known: Mapping[str, Any], what: str) -> str:
    """The one of them that was read."""
    read = (known.get("source") or {}).get(what, "")
    return next((each for each in parts(known, what) if each == read or each.endswith(f"/{read}")), read)


def _slot(name: str, field: Component) -> html.Div:
    """A control with the place where its error is said."""
    return html.Div([field, html.Div(id=ids.misread(name), className="error-slot", role="alert")])


def _table(rows: Sequence[Sequence[Component]], columns: int) -> html.Div:
    heads = ("Use", "Column", "Type", "Values that read so", "First values", "What we noticed")
    return html.Div(
        html.Table(
            [
                html.Caption("Columns and their types", className="visually-hidden"),
                html.Thead(html.Tr([html.Th(head, scope="col") for head in heads])),
                html.Tbody([part for parts in rows for part in parts]),
            ],
            className="dense types",
        ),
        className="table-frame", tabIndex=0, role="region", **{"aria-label": f"{columns} columns and their types"},
    )  # fmt: skip


def _rows(
    place: int, column: Mapping[str, Any], chosen: Reading, used: Reading, figures: Mapping[str, Any]
) -> list[Component]:
    """The line of a column, and below it what it asks."""
    source, choice = column["from"], chosen.of(column["from"])
    figure = next((each for each in figures["columns"] if each["name"] == column["name"]), {})
    keep = dbc.Checkbox(
        id=ids.typed("keep", place), value=choice.keep, label=html.Span(f"Use {source}", className="visually-hidden")
    )
    name = dcc.Input(
        id=ids.typed("name", place), value=choice.name, className="form-control name", debounce=True, maxLength=200,
    )  # fmt: skip
    wrong = html.Div(id=ids.misread(source), className="error-slot", role="alert")
    named = html.Div([_labelled(f"Name of {source}", name), wrong])
    kind = dbc.Select(
        id=ids.typed("kind", place), value=kind_value(column, choice), size="sm",
        options=[{"value": value, "label": said} for value, said in _KINDS],
    )  # fmt: skip
    asked = question(column, used.of(source))
    line = html.Tr(
        [
            html.Td(keep), html.Th(named, scope="row"), html.Td(_labelled(f"Type of {source}", kind)),
            html.Td(_share(column)),
            html.Td([html.Code(each[:40]) for each in column["first"]], className="raw"),
            html.Td([_noticed(column, figure, asked), _lost(column, used.of(source)), _missing(place, column, choice)]),
        ],
        className="asking" if asked else "",
    )  # fmt: skip
    if asked is None:
        return [line]
    said, rest, options = asked
    now = kind_value(column, choice)
    answers = dbc.RadioItems(
        id=ids.typed("answer", place), inline=True, value=now if now in dict(options) else options[0][0],
        options=[{"value": value, "label": label} for value, label in options],
    )  # fmt: skip
    note = html.Div([html.Div([html.Strong(said), " ", *rest], className="said"), answers], className="note note-watch")
    return [line, html.Tr([html.Td(), html.Td(note, colSpan=5)], className="decision")]


Question = tuple[str, list[Any], list[tuple[str, str]]]


def question(column: Mapping[str, Any], used: ColumnReading) -> Question | None:
    """What a person should decide about a column: the matter, more of it, and the answers (value, words).

    What was chosen already is not asked again.
    """
    if column["kind"] is None or used.kind is not None:
        return None
    orders, kind = column.get("orders"), column["kind"]
    if orders and orders["day first"] == orders["month first"]:
        day, month = _both_ways(column["both"])
        options = [(f"{kind}|day first", f"Day first: {day}"), (f"{kind}|month first", f"Month first: {month}")]
        return f"{column['both']} reads both ways.", ["Every date of the column does, so only you can know."], [
            options[0], options[1],
        ]  # fmt: skip
    if column.get("misfits"):
        many = column["filled"] - column["fits"]
        are = f"1 value is no {_NOUNS[kind]}" if many == 1 else f"{many:,} values are no {_NOUNS[kind]}s"
        shown = [html.Span([f"row {row:,} ", html.Code(cell[:40]), " "]) for row, cell in column["misfits"][:3]]
        more = [html.Span(f"and {many - 3:,} more")] if many > 3 else []
        return f"{are}.", [*shown, *more], [
            (f"{kind}|", "Leave empty" if many == 1 else "Leave them empty"), ("text|", "Keep the column as text"),
        ]  # fmt: skip
    if column.get("offers"):
        offers = column["offers"]
        options = [(f"{offer['kind']}|{offer['format']}", f"A number: {offer['to']}") for offer in offers]
        known = dict(_KINDS)
        options = [(value if value in known else f"decimal|{value.partition('|')[2]}", said) for value, said in options]
        return f"“{offers[0]['from']}” could be a number.", ["Its marks would be taken off."], [
            (f"{kind}|", f"Keep as {MEANS[kind].lower()}"), *options,
        ]  # fmt: skip
    return None


def _both_ways(text: str) -> tuple[str, str]:
    """A date as it reads day first, and month first."""
    one, other, year = (int(part) for part in re.findall(r"\d+", text)[:3])
    year += 0 if year > 99 else 2000 if year < 69 else 1900
    return words.day(dt.date(year, other, one)), words.day(dt.date(year, one, other))


def _share(column: Mapping[str, Any]) -> Any:
    if column["kind"] is None:
        return html.Span("left out", className="quiet")
    filled, fits = column["filled"], column["fits"]
    if not filled:
        return html.Span("no value", className="quiet")
    if fits == filled:
        return tables.bar(1, f"all of {words.count(filled)}")
    return tables.bar(fits / filled, f"all but {words.count(filled - fits)} of {words.count(filled)}")


def _noticed(column: Mapping[str, Any], figure: Mapping[str, Any], asked: Question | None) -> Component:
    parts: list[str] = []
    if column["kind"] == "identifier" and any(each.startswith("0") and len(each) > 1 for each in column["first"]):
        parts.append("leading zeros kept")
    if figure:
        missing = figure["missing"]
        if figure.get("distinct") == 1 and not figure.get("distinct_is_approximate"):
            parts.append("one value only")
        if missing:
            parts.append(f"{words.count(missing)} empty")
    orders = column.get("orders")
    if orders and orders["day first"] != orders["month first"]:
        best = max(orders, key=lambda each: orders[each])
        parts.append(f"{words.count(orders[best] - min(orders.values()))} dates read {best} only")
    badge = [blocks.badge("Your decision", "warning"), " "] if asked else []
    said = " · ".join(parts)
    return html.Div([*badge, html.Span(said[:1].upper() + said[1:], className="quiet")])


def _lost(column: Mapping[str, Any], used: ColumnReading) -> Component | None:
    """What a choice of type leaves empty, with examples."""
    many = lost(column, used)
    if not many:
        return None
    shown = [html.Code(cell[:30]) for _, cell in (column.get("misfits") or ())[:3]]
    said = f"{words.plural(many, 'value')} lost: no {_NOUNS.get(column['kind'], 'fitting value')}"
    return html.Div([blocks.badge(said, "warning"), html.Div(shown, className="raw")], className="lost")


def _missing(place: int, column: Mapping[str, Any], choice: ColumnReading) -> html.Details:
    """Which texts stand for a missing value."""
    tokens = column["tokens"] if choice.missing is None else list(choice.missing)
    said = f"Missing: {', '.join(tokens)}" if tokens else "Missing values"
    field = dcc.Input(
        id=ids.typed("missing", place), value=", ".join(tokens), debounce=True, className="form-control",
        placeholder="such as NA, ?, -999",
    )  # fmt: skip
    hint = html.Div("Texts that mean that there is no value, with commas between.", className="hint")
    labelled = _labelled(f"Texts that mean missing in {column['from']}", field)
    return html.Details([html.Summary(said), labelled, hint], className="tokens")


def _labelled(said: str, control: Component) -> html.Label:
    """A control in a cell of a table, whose label its column's head is to those who see it."""
    return html.Label([html.Span(said, className="visually-hidden"), control])


def _turns(dataset: str, first: int, columns: int) -> Component | None:
    """The ways to the other columns of a wide table."""
    if columns <= PAGE:
        return None
    links = [
        html.A(
            f"{start + 1}–{min(start + PAGE, columns)}", href=f"/types?dataset={dataset}&first={start}",
            className="text-link lockable" + (" active" if start == first else ""), **{"data-nav": ""},
        )
        for start in range(0, columns, PAGE)
    ]  # fmt: skip
    return html.Nav(["Columns ", *links], className="turns", **{"aria-label": "Columns"})


def _rejected(known: Mapping[str, Any], rejects: Sequence[Sequence[str]]) -> Component:
    columns = [
        tables.Column(title="Line", look="number"), tables.Column(title="Why", look="text"),
        tables.Column(title="Text", look="raw"),
    ]  # fmt: skip
    rows = [[f"{int(line):,}", reason, text[:200]] for line, reason, text in rejects[:_REJECTS_SHOWN]]
    left = known["rejected"] - len(rows)
    more = f"{words.plural(left, 'line')} more in the file" if left > 0 else None
    link = blocks.button(
        "Download them",
        symbol="download",
        small=True,
        href=f"/_rejects/{known['id']}.csv",
        target="_self",
        download="",
    )
    return blocks.section(
        blocks.heading("Lines set aside", "Not in the table: mend them in your file, and add it again", actions=[link]),
        tables.table(columns, rows, caption="Lines set aside", more=more),
        id="rejects",
    )


def _head(known: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Component:
    columns = [
        {**explore.column(f"c{place}", column), "sortable": False, "cellDataType": False}
        for place, column in enumerate(known["columns"])
    ]
    return tables.grid("types-head", columns, rows=rows, height=420, label=f"First rows of {known['name']}")
