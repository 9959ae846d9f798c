"""What is odd about a table: its alerts, worst first, and how good it is in a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from layouts import blocks, data_tabs, ids, links, words
from layouts.icons import icon
from services.alerts import THRESHOLDS, Alert
from services.cleaning.suggest import step_of
from services.quality import Quality

_LOOKS = {
    "change": ("triangle-alert", "Would change an answer"),
    "know": ("circle-alert", "Worth knowing"),
    "note": ("info", "Note"),
}
SHOWN = 40  # alerts; beyond, a table has one fault many times


def verdict(quality: Quality, found: Sequence[Alert]) -> Component:
    """How good the table is, and how many of its alerts matter."""
    said = f"{quality.word} data, quality {quality.said} of 100. "
    change = sum(alert.severity == "change" for alert in found)
    if not found:
        said += "Nothing odd was found."
    elif len(found) == 1:
        said += "One alert, which would change an answer." if change else "One alert, which changes no answer."
    elif change:
        said += f"{change:,} of {len(found):,} alerts would change an answer."
    else:
        said += f"None of {len(found):,} alerts would change an answer."
    return blocks.lede(said)


def measured(quality: Quality) -> html.Details:
    """How the number comes about: its four parts, each with its formula."""
    parts = [
        html.Div(
            [
                html.Dt([part.name, html.Span(f" weighs {words.percent(part.weight)}", className="quiet")]),
                html.Dd(
                    [
                        html.Strong(words.number_of(int(part.score * 10) / 10, 1)),
                        html.Span(f" {part.formula}: {part.counted}", className="quiet"),
                    ]
                ),
            ]
        )
        for part in quality.parts
    ]
    more = "Filling cells or merging spellings may show that a row repeats another one."
    return _popover("Quality", "scan-search", [html.Dl(parts), html.P(more, className="fine")])


def section(dataset: str, found: Sequence[Alert], hidden: Sequence[str]) -> list[Component]:
    """The alerts with what can be done about each; hidden ones behind their number."""
    shown = [alert for alert in found if alert.key not in hidden]
    away = [alert for alert in found if alert.key in hidden]
    bounds = html.Dl([html.Div([html.Dt(name), html.Dd(said)]) for name, said in THRESHOLDS])
    parts: list[Component] = [
        blocks.heading(
            "Alerts",
            "worst first" if len(shown) > 1 else None,
            actions=[_popover("Thresholds", "sliders-horizontal", [bounds])],
        )
    ]
    if shown:
        parts.append(html.Ul([_line(dataset, alert) for alert in shown[:SHOWN]], className="alerts"))
        if len(shown) > SHOWN:
            rest = html.Ul([_line(dataset, alert) for alert in shown[SHOWN:]], className="alerts")
            parts.append(html.Details([html.Summary(f"{len(shown) - SHOWN:,} more"), rest], className="twin"))
    else:
        parts.append(html.P("Nothing odd was found." if not away else "All alerts are hidden.", className="quiet"))
    if away:
        lines = html.Ul([_line(dataset, alert, hidden=True) for alert in away], className="alerts")
        parts.append(html.Details([html.Summary(f"{len(away):,} hidden"), lines], className="twin"))
    return parts


def of_column(dataset: str, name: str, found: Sequence[Alert]) -> list[Component]:
    """The alerts of one column, as they stand in its panel."""
    parts: list[Component] = []
    for alert in found:
        if name in alert.columns:
            parts.append(
                html.Div(
                    [
                        html.P([_mark(alert), html.Span([html.Strong(", ".join(alert.columns)), f" {alert.said}"])]),
                        html.P(f"{alert.means} {alert.advice}.", className="quiet"),
                        html.Div(_ways(dataset, alert), className="ways"),
                    ],
                    className="panel-alert",
                )
            )
    return parts


def _line(dataset: str, alert: Alert, *, hidden: bool = False) -> html.Li:
    subject = [html.Strong(_named(alert.columns)), " "] if alert.columns else []
    does, symbol, label = ("show", "eye", "Show again") if hidden else ("hide", "eye-off", "Hide")
    said = f"{label}: {', '.join(alert.columns)} {alert.said}"
    toggle = html.Button(
        icon(symbol), id=ids.ignore(dataset, alert.key, does), className="icon-button", type="button",
        title=label, **{"aria-label": said},
    )  # fmt: skip
    return html.Li(
        [
            _mark(alert),
            html.Div(
                [html.P([*subject, alert.said]), html.P(f"{alert.means} {alert.advice}.", className="quiet")],
                className="said",
            ),
            html.Div([*_ways(dataset, alert), toggle], className="ways"),
        ],
        className=f"alert-line alert-{alert.severity}",
    )


def _named(columns: Sequence[str]) -> str:
    """The names in a sentence; the first few of many."""
    listed = list(columns)
    if len(listed) > 5:
        listed = [*listed[:4], f"{len(listed) - 4} more"]
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}"


def _mark(alert: Alert) -> html.Span:
    symbol, label = _LOOKS[alert.severity]
    return icon(symbol, label=label, className=f"tone-{alert.severity}")


def _ways(dataset: str, alert: Alert) -> list[Component]:
    """Where one can go from an alert, as far as there are such pages."""
    ways = []
    if alert.where and data_tabs.has("/explore"):
        ways.append(
            blocks.button("Show rows", kind="link", href=links.rows(dataset, alert.where), className="lockable")
        )
    if step_of(alert.remedy) and data_tabs.has("/cleaning"):
        href = links.cleaning(dataset, alert.remedy)
        ways.append(blocks.button(alert.advice, small=True, href=href, className="lockable"))
    return ways


def _popover(label: str, symbol: str, body: Any) -> html.Details:
    opener = html.Summary([icon(symbol), html.Span(label)], className="btn btn-quiet btn-sm")
    return html.Details([opener, html.Div(body, className="pop-body")], className="pop", **{"data-pop": ""})
