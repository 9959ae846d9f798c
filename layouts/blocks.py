"""The parts of a page, top to bottom: header, answer, facts, pictures, caveats."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from dash import html
from dash.development.base_component import Component

from layouts.icons import icon

Content = Any  # what Dash takes as children: text, a component, a list of them, nothing

_BADGES = {
    "rows": ("outline", "check"),
    "sample": ("watch", "percent"),
    "partial": ("accent", "hourglass"),
    "older": ("watch", "history"),
    "evicted": ("outline", "trash-2"),
    "queued": ("outline", "hourglass"),
    "done": ("ok", "check"),
    "failed": ("crit", "circle-alert"),
    "stopped": ("high", "circle-stop"),
    "warning": ("watch", "triangle-alert"),
    "plain": ("outline", None),
}


def flat(*parts: Content) -> list[Any]:
    """Lay lists among `parts` out: Dash takes a list of children, but no list within it."""
    return [each for part in parts for each in (part if isinstance(part, list | tuple) else [part])]


@dataclass(frozen=True, kw_only=True)
class Twin:
    """A chart as a table: the first column names its row, the others are numbers but those in `texts`."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    more: str | None = None
    texts: Sequence[str] = ()

    def as_text(self) -> str:
        """Say it to the script that builds the table."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))


def page(*parts: Content, width: Literal["text", "wide"] = "wide") -> html.Div:
    """Hold a whole page: 1480 px at most, pages of text 1210."""
    return html.Div(flat(*parts), className=f"page page-{width}")


def header(title: str, question: Content = None, actions: Sequence[Component] = ()) -> html.Header:
    """Head a page with its title, the question as people ask it, and what can be done."""
    said = [html.P(question, className="question")] if question else []
    done = [html.Div(list(actions), className="actions")] if actions else []
    return html.Header([html.Div([html.H1(title), *said], className="titles"), *done], className="page-header")


def two_columns(controls: Component, answer: Content) -> html.Div:
    """Put the controls at the left, sticky, and the answer beside them."""
    return html.Div([controls, html.Div(answer, className="answer")], className="two-columns")


def hero(title: str, text: str) -> html.Header:
    """Greet who has no dataset yet."""
    return html.Header([html.H1(title), html.P(text)], className="hero")


def button(
    label: Content,
    *,
    kind: Literal["primary", "secondary", "quiet", "danger", "link"] = "secondary",
    symbol: str | None = None,
    small: bool = False,
    href: str | None = None,
    busy: bool = False,
    className: str = "",
    **attributes: Any,
) -> Component:
    """Make a button, or a link that looks like one; `busy` disables it and shows the loader."""
    looks = {
        "primary": "btn btn-primary",
        "secondary": "btn btn-outline-secondary",
        "quiet": "btn btn-quiet",
        "danger": "btn btn-quiet btn-quiet-danger",
        "link": "text-link",
    }
    shown = "loader" if busy else symbol
    children = [icon(shown), html.Span(label)] if shown else label
    classes = " ".join(part for part in (looks[kind], "btn-sm" * small, className) if part)
    if href is not None:
        inside = {"data-nav": ""} if href.startswith("/") and "target" not in attributes else {}
        return html.A(children, href=href, className=classes, **{**inside, **attributes})
    if busy:
        attributes = {**attributes, "disabled": True, "aria-busy": "true"}
    return html.Button(children, className=classes, type="button", **attributes)


def copy_link() -> Component:
    """Copy the address of the page; shell.js does it and says so."""
    return button("Copy link", symbol="link", **{"data-copy-link": ""})


def lede(text: Content, tone: Literal["final", "partial", "empty"] = "final") -> html.P:
    """Say the answer, the largest text of the page; quieter while it is not final."""
    return html.P(text, className=f"lede lede-{tone}")


def provenance(*parts: Content) -> html.Div:
    """Say what the answer rests on: a badge first, then texts and links, parted by dots."""
    shown: list[Content] = []
    for part in parts:
        if shown and not _is_badge(part) and not _is_badge(shown[-1]):
            shown.append(html.Span("\u00b7", className="dot", **{"aria-hidden": "true"}))
        shown.append(html.Span(part) if isinstance(part, str) else part)
    return html.Div(shown, className="provenance")


def badge(text: Content, kind: str = "plain") -> html.Span:
    """Say a state in an icon and a word.

    `kind` is one of rows, sample, partial, older, evicted, queued, done, failed, stopped, warning
    and plain.
    """
    look, symbol = _BADGES[kind]
    shown = [icon(symbol, size=14)] if symbol else []
    return html.Span([*shown, html.Span(text)], className=f"tag tag-{look}")


def filter_badge(text: str, id: Any) -> html.Button:
    """Show a filter of a grid, removed by a click."""
    return html.Button(
        [html.Span(text), icon("x", size=14)],
        id=id,
        className="tag tag-accent tag-filter",
        type="button",
        **{"aria-label": f"Remove the filter {text}"},
    )


def fact(label: str, number: Content, note: Content = None) -> html.Div:
    """State one fact; None is not known yet and keeps its place."""
    value = [html.Span(number)] if number is not None else [block(92, 16)]
    more = [html.Span(note, className="note")] if note is not None else []
    return html.Div([html.Dt(label), html.Dd([*value, *more])], className="fact")


def facts(*several: html.Div) -> html.Dl:
    """Set four to six facts between two hairlines."""
    return html.Dl(list(several), className=f"facts facts-{len(several)}")


def block(width: int | str, height: int = 14) -> html.Span:
    """Keep the place of what is not known yet, in its final size."""
    return html.Span(className="block", style={"width": width, "height": height}, **{"aria-hidden": "true"})


def heading(
    title: Content,
    subtitle: Content = None,
    *,
    badges: Sequence[Component] = (),
    actions: Sequence[Component] = (),
    id: str | None = None,
) -> html.Div:
    """Head a section; badges beside the title, actions at the right."""
    named = {"id": id} if id else {}
    aside = [html.Span(subtitle, className="subtitle")] if subtitle else []
    right = [html.Div(list(actions), className="actions")] if actions else []
    return html.Div([html.H2(title, **named), *badges, *aside, *right], className="heading")


def section(*parts: Content, id: str | None = None) -> html.Section:
    """Hold a heading and what belongs to it."""
    return html.Section(flat(*parts), className="section", **({"id": id} if id else {}))


def picture(title: str, subtitle: Content, graph: Component, twin: Component, *, main: bool = False) -> html.Figure:
    """Show a chart with its title and, for who reads rather than looks, the same as a table."""
    return html.Figure(
        [
            html.Figcaption(
                [
                    html.H2(title, className="lead-title" if main else ""),
                    *([html.Div(subtitle, className="subtitle")] if subtitle else []),
                ],
                className="stacked" if main else "",
            ),
            graph,
            html.Details(
                [html.Summary("Show as table"), html.Div(**{"data-twin": twin.as_text()})],
                className="twin",
            ),
        ],
        className="picture",
    )


def pair(left: Component, right: Component, *, lead: bool = False) -> html.Div:
    """Put two pictures side by side; with `lead` the left one is twice as wide."""
    return html.Div([left, right], className="pair" + (" pair-lead" if lead else ""))


def scale(low: str, high: str) -> html.Span:
    """Explain the sequential colours of a picture, in its subtitle."""
    steps = [html.Span(style={"background": f"var(--seq-{step})"}) for step in range(2, 7)]
    strip = html.Span(steps, className="strip", **{"aria-hidden": "true"})
    return html.Span([low, strip, high], className="scale")


def caveats(notes: Sequence[str | tuple[str, str]], *, id: str = "caveats") -> html.Section:
    """List what to keep in mind: the fact in bold, then what it means.

    A plain sentence is parted after its first full stop.
    """
    items = []
    for each in notes:
        bold, meaning = each if isinstance(each, tuple) else _parted(each)
        items.append(html.Li(flat(html.Strong(bold), " ", meaning)))
    return section(heading("Caveats", id=id), html.Ul(items, className="caveats"))


def tabs(links: Sequence[tuple[str, str]], current: str, label: str) -> html.Nav:
    """Part a page into views, each with an address of its own."""
    return html.Nav(
        [
            html.A(
                text,
                href=href,
                className="page-tab",
                **{"data-nav": "", **({"aria-current": "page"} if href == current else {})},
            )
            for text, href in links
        ],
        className="page-tabs",
        **{"aria-label": label},
    )


def crumbs(steps: Sequence[str], current: str) -> html.Ol:
    """Show where in a few steps one is; those before are ticked."""
    at = list(steps).index(current)
    items = [
        html.Li(
            [icon("check", size=14), step] if place < at else step,
            **({"aria-current": "step"} if place == at else {}),
        )
        for place, step in enumerate(steps)
    ]
    return html.Ol(items, className="crumbs")


def strip(*parts: Content) -> html.Div:
    """Set one line on a surface: roles, a running model, an undo."""
    return html.Div(flat(*parts), className="line-card")


def pairs(rows: Sequence[tuple[str, Content]]) -> html.Dl:
    """List names and values, value at the right."""
    return html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in rows], className="pairs")


def side_panel(title: Content, subtitle: Content, close: Component, body: Content, *, label: str) -> html.Aside:
    """Open details at the right, 400 px; over the page where there is no room."""
    return html.Aside(
        [
            html.Div([html.H2(title), close], className="side-head"),
            html.P(subtitle, className="side-subtitle"),
            html.Div(body, className="side-body"),
        ],
        className="side-panel",
        **{"aria-label": label},
    )


def _is_badge(part: Content) -> bool:
    return "tag " in (getattr(part, "className", None) or "")


def _parted(sentence: str) -> tuple[str, str]:
    first, stop, rest = sentence.partition(". ")
    return first + stop.strip(), rest
