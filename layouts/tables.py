"""Tables: dense ones in HTML, and the grid for rows by the thousand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import dash_ag_grid as dag
from dash import html
from dash.development.base_component import Component

from layouts.blocks import Content, block
from layouts.controls import STEP_ICONS, StepState
from layouts.icons import icon

Look = Literal["name", "text", "quiet", "number", "quiet-number", "bar", "advice", "raw", "link"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a dense table; `unit` stands quietly behind its title.

    Numbers stand right. A bar and a piece of advice go where there is no room for them.
    """

    title: str
    look: Look = "text"
    unit: str | None = None
    sorted: Literal["ascending", "descending"] | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row; None in a cell is a number not known yet. `reason` replaces the cells from the
    third on, for a row that has none: a model that was stopped or skipped.
    """

    cells: Sequence[Content]
    tone: Literal["plain", "selected", "baseline", "waiting", "running"] = "plain"
    reason: Content = None


def table(
    columns: Sequence[Column],
    rows: Sequence[Row | Sequence[Content]],
    *,
    caption: str,
    more: str | None = None,
    id: Any = None,
) -> html.Div:
    """Draw a dense table; `caption` is its name for who cannot see it, `more` a last quiet line."""
    body = [_row(each if isinstance(each, Row) else Row(cells=each), columns) for each in rows]
    if more:
        body.append(html.Tr(html.Td(more, colSpan=len(columns)), className="more"))
    drawn = html.Table(
        [
            html.Caption(caption, className="visually-hidden"),
            html.Thead(html.Tr([_head(column) for column in columns])),
            html.Tbody(body),
        ],
        className="dense",
    )
    return html.Div(
        drawn,
        className="table-frame",
        tabIndex=0,
        role="region",
        **{"aria-label": caption, **({"id": id} if id else {})},
    )


def with_share(number: str, share: str) -> list[Component]:
    """Set a quiet share beside a number, each in its own column of figures."""
    return [html.Span(number), html.Span(share, className="share")]


def bar(share: float, text: str, *, strong: bool = False) -> html.Div:
    """Draw `share` (0 to 1, of the longest) as a bar in the cell, its text at the right."""
    width = f"{max(share, 0.01) * 100:.1f}%"
    mark = html.Span(className="fill" + (" strong" if strong else ""), style={"width": width})
    return html.Div(
        [html.Span(mark, className="in-cell", **{"aria-hidden": "true"}), html.Span(text)],
        className="bar-cell",
    )


def dot(at: float, *, low: float | None = None, high: float | None = None, tone: str = "rest") -> html.Span:
    """Mark a score on the scale the column shares, 0 to 1, with its spread if known.

    `tone` is rest, best or open (not final).
    """
    spread = (
        [html.Span(className="spread", style={"left": f"{low:.2%}", "width": f"{high - low:.2%}"})]
        if low is not None and high is not None
        else []
    )
    mark = html.Span(className=f"mark mark-{tone}", style={"left": f"{at:.2%}"})
    return html.Span([*spread, mark], className="dot-scale", **{"aria-hidden": "true"})


def state(kind: StepState, text: str) -> html.Span:
    """Say how far a model or a run is, in an icon and a word."""
    return html.Span([icon(STEP_ICONS[kind]), html.Span(text)], className=f"state state-{kind}")


def score(mean: str, spread: str | None = None) -> list[Component]:
    """Say a score in bold with what it varies by, quietly."""
    quiet = [html.Span(f" \u00b1 {spread}", className="quiet")] if spread else []
    return [html.Strong(mean), *quiet]


def raw(text: str | None) -> str:
    """A cell as it stands in the table, with the spaces at its ends to be seen."""
    if text is None:
        return "(missing)"
    kept = text.strip(" ")
    at = text.find(kept)
    return text[:200] if not kept else f"{'␣' * at}{kept}{'␣' * (len(text) - at - len(kept))}"[:200]


def grid(
    id: Any,
    columns: Sequence[dict[str, Any]],
    *,
    rows: Sequence[dict[str, Any]] | None = None,
    height: int = 378,
    label: str,
    options: dict[str, Any] | None = None,
    **attributes: Any,
) -> html.Div:
    """Show rows that are asked for by page; with `rows` given, those and no more.

    `columns` are ag-grid column definitions; `"type": "number"` sets a column right in tabular
    figures.
    """
    model = {"rowData": list(rows)} if rows is not None else {"rowModelType": "infinite"}
    pages = {} if rows is not None else {"cacheBlockSize": 200, "maxBlocksInCache": 5}
    drawn = dag.AgGrid(
        id=id,
        columnDefs=list(columns),
        defaultColDef={
            "sortable": True,
            "resizable": True,
            "suppressMovable": True,
            "suppressHeaderMenuButton": True,
            "minWidth": 88,
            "flex": 1,
        },
        dashGridOptions={
            "theme": {"function": "themeQuartz"},
            "columnTypes": {
                "number": {
                    "headerClass": "ag-right-aligned-header",
                    "cellClass": "ag-right-aligned-cell",
                }
            },
            "suppressCellFocus": False,
            "animateRows": False,
            "suppressColumnMoveAnimation": True,
            "ensureDomOrder": True,
            # A row without its cells in the page is no row to a screen reader; our columns are few.
            "suppressColumnVirtualisation": True,
            **pages,
            **(options or {}),
        },
        className="grid",
        style={"height": height, "width": "100%"},
        **model,
        **attributes,
    )
    return html.Div(drawn, className="grid-frame", role="group", **{"aria-label": label})


def _head(column: Column) -> html.Th | html.Td:
    unit = [html.Span(f" {column.unit}", className="unit")] if column.unit else []
    order = {"aria-sort": column.sorted} if column.sorted else {}
    if not column.title:
        return html.Td()
    return html.Th([column.title, *unit], scope="col", className=f"look-{column.look}", **order)


def _row(row: Row, columns: Sequence[Column]) -> html.Tr:
    shown = len(columns) if row.reason is None else 2
    cells = [_cell(cell, column) for cell, column in zip(row.cells[:shown], columns)]
    if row.reason is not None:
        cells.append(html.Td(row.reason, colSpan=len(columns) - shown, className="reason"))
    return html.Tr(cells, className=f"row-{row.tone}")


def _cell(cell: Content, column: Column) -> html.Th | html.Td:
    classes = f"look-{column.look}"
    if column.look == "name":
        return html.Th(cell, scope="row", className=classes)
    return html.Td(block(44, 10) if cell is None else cell, className=classes)
