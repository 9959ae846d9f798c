"""Run several analyses: tick them, see how they go one after another."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from layouts import blocks, cards, controls, ids, offers, runs, states, words
from layouts.icons import icon
from layouts.offers import Offer
from layouts.pages import my_runs
from services.chains import REMOVED, Chain, Part

_ENDS = {
    "failed": "failed", "killed": "stopped", "interrupted": "interrupted", "cancelled": "cancelled",
    REMOVED: "removed",
}  # fmt: skip


def page(several: Sequence[Offer], data: str, chain: Chain | None, about: dict[str, Any], *, first: bool) -> html.Div:
    """Lay out the page; the chain stands `first` when it is what the visitor came for.

    `about` is what the callbacks of the page need to know: {dataset, chain}.
    """
    ready = [offer for offer in several if not offer.missing]
    needing = [offer for offer in several if offer.missing]
    asking = [
        blocks.section(
            blocks.heading(
                "Ready to run",
                f"{words.plural(len(ready), 'analysis', 'analyses')} of {data}",
                actions=[blocks.button("Tick all", small=True, id=ids.TICK_ALL)] if len(ready) > 1 else [],
            ),
            cards.cards(*(offers.ready(offer) for offer in ready)),
            offers.foot(bar()),
        )
        if ready
        else None,
        blocks.section(
            blocks.heading("Needs a choice first", words.plural(len(needing), "analysis", "analyses")),
            cards.needs_cards(
                ", ".join(offer.title for offer in needing),
                *(offers.needing(offer, about.get("dataset", "")) for offer in needing),
            ),
        )
        if needing
        else None,
    ]
    going = html.Div(view(chain, dt.datetime.now()) if chain else [], id=ids.CHAIN)
    return blocks.page(
        _header(),
        *([going, *asking] if first else [*asking, going]),
        dcc.Store(id=ids.SEVERAL, data=about),
        dcc.Store(id=ids.CHAIN_NEWS),
        *runs.slots({}),
        *runs.places(),
    )


def empty() -> html.Div:
    """Say that there is no table to ask about."""
    return blocks.page(
        _header(),
        states.empty(
            "Add a table first",
            "Then tick the analyses to run on it. Each answer is on its own page; you can close the tab meanwhile.",
            blocks.button("Add a table", kind="primary", href="/"), height=280,
        ),
        *runs.slots({}),
        *runs.places(),
    )  # fmt: skip


def missing() -> Component:
    """Say that what the address names is not here."""
    return states.note(
        "stale", "These runs are not here as one.",
        "What was asked together is no longer known, or belongs to another browser. Your runs are in My runs.",
        [blocks.button("My runs", href="/runs")],
    )  # fmt: skip


def bar(
    ticked: Sequence[Offer] = (), free_mb: float = 0, *, waits: bool = False, refused: str | None = None
) -> list[Component]:
    """The button that runs what is ticked, and what that would cost; `waits` when another run is on."""
    label = f"Run {words.plural(len(ticked), 'analysis', 'analyses')}" if ticked else "Run analyses"
    state, line = _cost(ticked, free_mb, waits) if ticked else ("ready", [_HOW])
    if refused:
        state, line = "misfit", [refused]
    symbol = {"ready": "memory-stick", "misfit": "triangle-alert", "queue": "hourglass"}[state]
    return [
        blocks.button(label, kind="primary", id=ids.RUN_SEVERAL, disabled=not ticked),
        html.Div([icon(symbol, size=14), html.Span(line)], className=f"preflight preflight-{state}"),
    ]


_HOW = "They run one after another, in this order. One that fails does not stop the others."


def _cost(ticked: Sequence[Offer], free_mb: float, waits: bool) -> tuple[str, list[Any]]:
    asked = [offer for offer in ticked if offer.answered is None and offer.cost is not None]
    known = len(ticked) - len(asked)
    said = []
    if asked:
        seconds, most = sum(o.cost.seconds for o in asked), max(o.cost.peak_mb for o in asked)  # type: ignore[union-attr]
        takes = words.about(seconds)
        free = f"{words.count(round(max(0, free_mb)))}{words.THIN}MB"
        said.append(f"{takes[:1].upper()}{takes[1:]} in all, at most {words.megabytes(most)} of {free} free.")
    if known:
        said.append(f"{known} of {len(ticked)} answered already." if asked else "All answered already: shown at once.")
    misfits = [offer.title for offer in asked if not offer.fits]
    if misfits:
        named = misfits[0] if len(misfits) == 1 else f"{len(misfits)} of them"
        may = f"{named} may be stopped for memory; the others run all the same."
        return "misfit", [html.Strong("May not fit:", className="bold"), f" {may} ", " ".join(said)]
    if waits and asked:
        return "queue", [" ".join(["Another run is on: these start after it.", *said])]
    return "ready", [" ".join(said)]


def view(chain: Chain, now: dt.datetime) -> Component:
    """Draw a chain: what is done, what runs, what waits; and the way to each answer."""
    made = my_runs.when(dt.datetime.fromtimestamp(chain.made), now)
    kind = "queued" if chain.is_live else "done" if chain.counts() == {"done": len(chain.parts)} else "stopped"
    actions = [blocks.button("Cancel all", small=True, id=ids.cancel_all(chain.id))] if chain.is_live else []
    return blocks.section(
        blocks.heading(
            words.plural(len(chain.parts), "analysis", "analyses"),
            f"of {chain.data}, asked at {made}",
            badges=[blocks.badge(said(chain), kind)],
            actions=actions,
        ),
        html.Ol([_part(part) for part in chain.parts], className="parts"),
    )


def said(chain: Chain) -> str:
    """How far a chain is, in a few words: 3 analyses done; 2 of 3 done, 1 failed."""
    counts, total = chain.counts(), len(chain.parts)
    for state, number in counts.items():
        if number == total:
            return f"{words.plural(total, 'analysis', 'analyses')} {_ENDS.get(state, state)}"
    others = [f"{number} {_ENDS[state]}" for state, number in counts.items() if state != "done"]
    return ", ".join([f"{counts.get('done', 0)} of {total} done", *others])


def address(chain: str) -> str:
    """Where a chain is shown."""
    return f"/several?chain={chain}"


def _header() -> Component:
    return blocks.header("Run several analyses", "What does this table say, asked in several ways in one go?")


def _part(part: Part) -> html.Li:
    """One part in a line: how it is, what there is to say, what can be done."""
    job = part.job
    symbol, word, tone = my_runs.STATES.get(part.state, ("circle-dashed", "Removed", "plain"))
    below: list[Component] = [html.Span(_told(part), className="told")] if _told(part) else []
    if job is not None and job.state == "running":
        share = job.done / job.total if job.total else 0.0
        below = [
            html.Span(job.label or "Starting", className="told"),
            controls.progress(min(share, 1.0), label=part.title, thin=True),
        ]
    took = words.duration(job.seconds) if job is not None and job.started and not job.is_live else ""
    return html.Li(
        [
            html.Div([html.Strong(part.title), *below], className="what"),
            html.Span([icon(symbol), html.Span(word)], className=f"state state-{tone}"),
            # While it runs assets/chains.js says here how far it is.
            html.Span(took or None, className="far"),
            html.Div(_actions(part), className="actions"),
        ],
        key=f"{part.place}-{part.state}",
        className=f"part part-{part.state}",
        **({"data-part": job.id} if job is not None else {}),
    )


def _told(part: Part) -> str:
    job = part.job
    if job is None:
        return "Answered before it was asked here." if part.is_answered else "Its run and its answer were removed."
    if job.incident:
        return f"This is our mistake. Incident {job.incident}."
    return "" if job.is_live or job.state == "done" else job.message


def _actions(part: Part) -> list[Component]:
    """Open, watch, withdraw; each is heard with the name of the part."""

    def named(label: str) -> list[Any]:
        return [label, html.Span(f" {part.title}", className="visually-hidden")]

    job = part.job
    if job is not None and job.state == "queued":
        return [blocks.button(named("Withdraw"), kind="link", **{"data-cancel": job.id})]
    if job is not None and job.state == "running":
        return [
            blocks.button(named("Watch"), kind="link", href=my_runs.address(job)),
            blocks.button(named("Cancel"), kind="link", **{"data-cancel": job.id}),
        ]
    if part.is_answered:  # by this run, or since
        return [blocks.button(named("Open"), kind="link", href=f"/{part.slug}?result={part.key}")]
    return [blocks.button(named("See why"), kind="link", href=my_runs.address(job))] if job is not None else []
