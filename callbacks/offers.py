"""What can be asked of a dataset without a choice, and what must be chosen first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from callbacks.analyses import forms, free_mb
from callbacks.house import house, workspace
from layouts import places
from layouts.offers import Offer
from layouts.pages import my_runs
from services import chains, datasets, params, preflight, roles, runs
from services.analysis import Analysis, Shape, find_all
from services.errors import ParamError
from services.params import Column


def each(known: dict[str, Any]) -> list[Offer]:
    """Every analysis that has a page with a form like others', as it would be asked of a dataset."""
    free = free_mb(house())
    return [offer(slug, known, free) for slug in find_all() if places.place(slug) is not None and slug not in forms]


def offer(slug: str, known: dict[str, Any], free: float) -> Offer:
    """An analysis as it would be asked of a dataset without a choice, or what must be chosen first."""
    analysis, place = find_all()[slug], places.place(slug)
    assert place is not None
    try:
        parsed, proposed = chains.question(slug, known)
    except ParamError as error:
        lacks = _lacks(analysis, known)
        return Offer(slug=slug, title=analysis.title, place=place, missing=error.message, lacks=lacks)
    labels = {each.name: each.kind.label for each in params.fields(analysis.params)}
    stored = chains.answer(workspace(), slug, known["id"], parsed)
    cost = preflight.predict(house().home.server, analysis, Shape(known["rows"], len(known["columns"])), parsed)
    return Offer(
        slug=slug,
        title=analysis.title,
        place=place,
        columns=[(labels[name], column) for name, column in proposed.items() if name not in chains.SAMPLE],
        cost=cost,
        fits=cost.peak_mb <= free,
        answered=stored.about["made"] if stored is not None else None,
        result=stored.key if stored is not None else None,
    )


def followed(made: Offer, dataset: str) -> Offer:
    """The offer with the visitor's newest run of it, whatever that asked: on its way, or answered."""
    run = runs.newest(house().engine, workspace(), made.slug, dataset)
    if run is None or made.missing:
        return made
    job = run.record
    if job.is_live:
        return replace(made, live=my_runs.address(job))
    if job.state == "done" and made.answered is None:
        return replace(made, answered=job.ended or job.made, result=job.outcome)
    return made


def _lacks(analysis: Analysis[Any], known: dict[str, Any]) -> list[str]:
    """The columns that are missing, where they are roles; else none: its own page has to say what it needs."""
    schema = datasets.schema(known)
    proposed = params.propose(analysis.params, schema, known["roles"])
    missing = []
    for each in params.fields(analysis.params):
        if not each.required or each.name in proposed:
            continue
        kind = each.kind
        if not isinstance(kind, Column) or kind.many or kind.role not in roles.ROLES:
            return []
        missing.append(kind.role)
    return missing
