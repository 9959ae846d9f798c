"""Which steps would mend what is odd about a table: from its alerts, worst first, the safe ones apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.alerts import Alert
from services.cleaning.recipe import Planned, Recipe


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A step that would mend an alert; `is_safe` when it loses nothing."""

    planned: Planned
    why: str
    rows: int
    is_safe: bool


def step_of(remedy: Mapping[str, Any]) -> Planned | None:
    """The step that a remedy of an alert names, filled in; None where none would mend it."""
    column, slug = remedy.get("column"), remedy.get("step")
    match slug:
        case "filter":
            return Planned(slug="filter", params={"where": remedy["where"]}) if remedy.get("where") else None
        case "drop_duplicates":
            return Planned(slug="drop_duplicates")
        case "drop_column":
            return Planned(slug="drop_column", params={"columns": [column]})
        case "to_missing":
            if not remedy.get("values"):
                return None
            return Planned(slug="to_missing", params={"columns": [column], "values": list(map(str, remedy["values"]))})
        case "fill":
            by = "mode" if remedy.get("by") == "value" else remedy.get("by", "median")
            return Planned(slug="fill", params={"columns": [column], "by": by})
        case "group_rare" | "merge_spellings":
            return Planned(slug=slug, params={"column": column})
        case "to_number":
            return Planned(slug="to_number", params={"columns": [column]})
        case "cap":
            limits = {name: remedy[name] for name in ("low", "high") if remedy.get(name) is not None}
            asked = {"columns": [column], "how": "limits", "action": "cap", **limits}
            return Planned(slug="outliers", params=asked if limits else {**asked, "how": "iqr"})
        case "log":
            return Planned(slug="scale", params={"columns": [column], "to": "log"})
        case "mask":
            return Planned(slug="mask", params={"columns": [column]})
    return None


def suggestions(alerts: Sequence[Alert], recipe: Recipe) -> list[Suggestion]:
    """Steps for `alerts`, worst first, that `recipe` does not have yet."""
    there = [(step.slug, dict(step.params)) for step in recipe.steps]
    found: list[Suggestion] = []
    for alert in alerts:
        planned = step_of(alert.remedy)
        if planned is None or (planned.slug, dict(planned.params)) in there:
            continue
        there.append((planned.slug, dict(planned.params)))
        safe = planned.step.safe or alert.kind == "constant"
        named = ", ".join(alert.columns)
        found.append(Suggestion(planned=planned, why=f"{named} {alert.said}".strip(), rows=alert.rows, is_safe=safe))
    return found
