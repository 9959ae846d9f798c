"""What can be asked of a table, as cards: what is ready, what it would use and cost, and what is missing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dash import html
from dash.development.base_component import Component

from layouts import blocks, cards, ids, words
from layouts.places import Place
from services.analysis import Cost


@dataclass(frozen=True, kw_only=True)
class Offer:
    """An analysis as it would be asked: of which columns, at what cost, or what is to be chosen before."""

    slug: str
    title: str
    place: Place
    columns: Sequence[tuple[str, str]] = ()  # label, column
    cost: Cost | None = None
    fits: bool = True
    answered: float | None = None  # when, in seconds since 1970
    result: str | None = None  # its answer then
    live: str | None = None  # the address of its run, when one waits or runs
    missing: str = ""
    lacks: Sequence[str] = ()  # what roles of the table could say: customer, date


def ready(offer: Offer, *, runs: bool = False, ticks: bool = True) -> Component:
    """The card of an analysis that can be asked; with `runs` it is asked from here."""
    columns = [html.Span([f"{label.lower()} ", html.Strong(column)]) for label, column in offer.columns]
    asked: list[Any] = [offer.place.brief]
    if columns:
        asked.append(html.Span(columns, className="asks"))
    href, action, cost, state, press = f"/{offer.slug}", "Open", None, None, None
    if offer.live is not None:
        href, action, state = offer.live, "Watch", blocks.badge("On its way", "queued")
    elif offer.answered is not None:
        at = dt.datetime.fromtimestamp(offer.answered)
        href, action, state = f"{href}?result={offer.result}", "Open result", blocks.badge(f"Done {at:%H:%M}", "done")
    else:
        if offer.cost is not None:
            cost = f"{words.about(offer.cost.seconds)}, {words.megabytes(offer.cost.peak_mb)}"
        if not offer.fits:
            state = blocks.badge("May not fit", "warning")
        elif runs:
            action, press = "Options", _run(offer)
    return cards.ready_card(
        offer.title, offer.place.icon, asked, href=href, action=action, cost=cost, state=state, press=press,
        tick=cards.tick(ids.tick(offer.slug), offer.title) if ticks else None,
    )  # fmt: skip


def needing(offer: Offer, dataset: str) -> Component:
    """The card of an analysis that needs a choice: where to make it is one click away."""
    if not offer.lacks:
        return cards.needs_card(
            offer.title, offer.place.icon, offer.missing, href=f"/{offer.slug}", action="Choose on its page"
        )
    needs = html.Span(["Needs ", *_listed(offer.lacks), "."])
    href = f"/data?dataset={dataset}#{ids.ROLES}"
    return cards.needs_card(offer.title, offer.place.icon, needs, href=href, action="Pick a column")


def foot(bar: Sequence[Component]) -> html.Div:
    """Below the cards: the button that runs what is ticked, and why it could not."""
    return html.Div(
        [
            html.Div(id=ids.SEVERAL_NOTE, role="status"),
            html.Div(list(bar), id=ids.SEVERAL_BAR, className="several-bar"),
        ],
        className="several-foot",
    )


def _run(offer: Offer) -> Component:
    label = ["Run", html.Span(f" {offer.title}", className="visually-hidden")]
    return blocks.button(label, kind="link", id=ids.run_now(offer.slug))


def _listed(missing: Sequence[str]) -> list[Any]:
    found: list[Any] = []
    for at, name in enumerate(missing):
        found += [" and " if at == len(missing) - 1 > 0 else ", " if at else "", "a column for the ", html.Strong(name)]
    return found
