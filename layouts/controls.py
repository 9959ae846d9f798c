"""The column that asks: fields, the run bar, and what it turns into during a run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dash import html
from dash.development.base_component import Component

from layouts import words
from layouts.blocks import Content, button, flat
from layouts.icons import icon

RunState = Literal["ready", "again", "queue", "misfit", "current", "busy"]
StepState = Literal["done", "running", "waiting", "stopped", "failed", "skipped"]

# Label, icon of the line below. A run that does not fit is renamed by who knows what fits.
_RUN: dict[str, tuple[str, str]] = {
    "ready": ("Run", "memory-stick"),
    "again": ("Run again", "history"),
    "queue": ("Queue this run", "hourglass"),
    "misfit": ("Run on a sample", "triangle-alert"),
    "current": ("Up to date", "check"),
    "busy": ("Starting", "memory-stick"),
}
STEP_ICONS: dict[str, str] = {
    "done": "circle-check",
    "running": "loader",
    "waiting": "circle-dashed",
    "stopped": "circle-stop",
    "failed": "circle-alert",
    "skipped": "skip-forward",
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a run; `aside` is how long it took, or how far it is."""

    label: str
    state: StepState
    aside: str | None = None


def column(children: Content, *, title: str = "Question", line: Content = None) -> html.Aside:
    """Hold the controls; on a small screen they fold into `line`, which says what is asked.

    Without a line nothing folds: before the first run, and during one.
    """
    folded = (
        [
            html.Div(
                [
                    icon("sliders-horizontal"),
                    html.Span(line, className="text"),
                    html.Button(
                        "Change",
                        className="text-link",
                        type="button",
                        **{"data-unfold": "", "aria-expanded": "false"},
                    ),
                ],
                className="controls-line",
            )
        ]
        if line is not None
        else []
    )
    return html.Aside(
        [*folded, html.Div(flat(html.H2(title), children), className="controls-body")],
        className="controls" + (" foldable" if line is not None else ""),
        **{"aria-label": title},
    )


def field(
    label: str,
    control: Component,
    *,
    hint: Content = None,
    optional: bool = False,
    error: str | None = None,
) -> html.Div:
    """Label a control above, explain it below; an error takes the place of the hint."""
    name = [label, html.Span(" optional", className="optional")] if optional else label
    below = []
    if error:
        below = [html.Div(said(error), className="error")]
    elif hint:
        below = [html.Div(hint, className="hint")]
    target = getattr(control, "id", None)
    if isinstance(target, dict):  # as Dash writes it into the page
        target = json.dumps(target, sort_keys=True, separators=(",", ":"))
    labelled = {"htmlFor": target} if target else {}
    return html.Div(
        [html.Label(name, **labelled), control, *below],
        className="field" + (" wrong" if error else ""),
    )


def said(error: str) -> list[Component]:
    """What is wrong with a control's answer, as it stands below it."""
    return [icon("circle-alert", size=14), html.Span(error)]


def rule() -> html.Hr:
    """Part groups of fields."""
    return html.Hr(className="rule")


def run_bar(
    state: RunState,
    line: Content,
    *,
    id: Any,
    label: str | None = None,
    bold: str | None = None,
    also: Sequence[Component] = (),
) -> html.Div:
    """End the controls with the button that runs and, under it, what a run would cost.

    `bold` starts the line ("Will not fit:"); `also` are further buttons, full width.
    """
    named, symbol = _RUN[state]
    shut = state in ("current", "busy")
    start = [html.Strong(bold, className="bold"), " "] if bold else []
    text = label or named
    return html.Div(
        [
            html.Button(
                [icon("loader"), html.Span(text)] if state == "busy" else text,
                id=id,
                type="button",
                className="btn btn-primary run",
                disabled=shut,
                **({"aria-busy": "true"} if state == "busy" else {}),
            ),
            html.Div(
                [icon(symbol, size=14), html.Span(flat(*start, line))],
                className=f"preflight preflight-{state}",
            ),
            *also,
        ],
        className="run-bar",
    )


def running(
    step: str,
    *,
    done: int,
    total: int,
    share: float,
    elapsed: float,
    left: float | None,
    mb: float | None,
    job: str | None,
    steps: Sequence[Step] = (),
    skip: str | None = None,
    question: Content = None,
) -> html.Div:
    """Show a run in place of the controls; only its owner, who knows `job`, may cancel it or `skip` its step."""
    times = [f"{words.clock(elapsed)} so far"]
    if left is not None:
        times.append(f"{words.about(left)} left")
    spent = ", ".join(times) + (f" \u00b7 {words.megabytes(mb)}" if mb is not None else "")
    stop = [button("Cancel", className="wide", **{"data-cancel": job, "data-name": "the run"})] if job else []
    if job and skip:
        said_to = {"data-skip": job, "data-step": skip}
        stop.append(button(f"Skip \u201c{skip}\u201d", kind="quiet", className="wide", **said_to))
        stop.append(button("Stop after this one", kind="quiet", className="wide", **{"data-enough": job}))
    return html.Div(
        [
            html.Div(
                [html.Span(step, className="now"), html.Span(f"{done} of {total}")],
                className="step-line",
            ),
            progress(share, label=step),
            html.Div(spent, className="times"),
            *stop,
            *([rule(), step_list(steps)] if steps else []),
            *([rule(), html.P(question, className="fine")] if question else []),
        ],
        className="running",
    )


def step_list(steps: Sequence[Step]) -> html.Ol:
    """List steps with their states, in order."""
    return html.Ol(
        [
            html.Li(
                [
                    icon(STEP_ICONS[step.state], label=step.state.capitalize()),
                    html.Span(step.label, className="label"),
                    html.Span(step.aside, className="aside"),
                ],
                className=f"step step-{step.state}",
            )
            for step in steps
        ],
        className="steps",
    )


def waiting(
    place: int,
    *,
    starts: float | None,
    queue: Sequence[tuple[str, str, str]],
    job: str,
    why: Content = None,
) -> html.Div:
    """Show the queue in place of the controls.

    `queue` is icon, name and aside of each run up to this one, which is the last.
    """
    lines = [
        html.Li(
            [
                icon(symbol),
                html.Span(name, className="label"),
                html.Span(aside, className="aside"),
            ],
            className="step" + (" step-mine" if at == len(queue) - 1 else ""),
        )
        for at, (symbol, name, aside) in enumerate(queue)
    ]
    return html.Div(
        [
            html.Div(f"{words.ordinal(place)} in the queue", className="now"),
            html.Div(
                f"starts in {words.about(starts)}" if starts is not None else "starts by itself",
                className="times",
            ),
            html.Ol(lines, className="steps"),
            button("Withdraw", className="wide", **{"data-cancel": job}),
            *([html.P(why, className="fine")] if why else []),
        ],
        className="running",
    )


def progress(share: float, *, label: str, thin: bool = False) -> html.Div:
    """Draw how far something is, 0 to 1."""
    return html.Div(
        html.Div(className="fill", style={"width": f"{share * 100:.1f}%"}),
        className="bar" + (" bar-thin" if thin else ""),
        role="progressbar",
        **{
            "aria-label": label,
            "aria-valuenow": str(round(share * 100)),
            "aria-valuemin": "0",
            "aria-valuemax": "100",
        },
    )
