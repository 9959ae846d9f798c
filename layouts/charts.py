"""Charts as plain dicts, from plain lists, in the colours of the theme being drawn in.

Nothing here imports plotly: a figure is what the browser draws from, and a dict says it all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from math import log10
from typing import Any, Literal

from dash import dcc, html

from layouts import theme, words

FONT = "Inter Variable, Inter, system-ui, sans-serif"

PAD = "\u2004"

Figure = dict[str, Any]
Number = float | int | None
Scale = Literal["sequential", "diverging"]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Marks that belong together; a label names them in the chart, in their colour.

    `tone` is "rest" or the number of a category, from 0.
    """

    x: Sequence[Any]
    y: Sequence[Any]
    label: str | None = None
    label_at: tuple[Any, Any] | None = None
    tone: Literal["rest"] | int = "rest"
    names: Sequence[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line; None in `y` is a gap."""

    y: Sequence[Number]
    label: str
    x: Sequence[Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A note on a point: a number in bold, and at most three words."""

    x: Any
    y: float
    bold: str
    text: str = ""


def graph(
    figure: Figure,
    id: Any = None,
    height: int = 300,
    *,
    label: str | None = None,
    className: str = "",
) -> dcc.Graph | html.Div:
    """Show a figure at its fixed height; `label` names it for who cannot see it."""
    shown = dcc.Graph(
        figure=figure,
        config={"displayModeBar": False, "responsive": True},
        responsive=True,
        style={"height": height},
        className=className,
        **({"id": id} if id is not None else {}),
    )
    if label is None:
        return shown
    return html.Div(shown, role="img", className="chart", **{"aria-label": label})


def treemap(
    labels: Sequence[str],
    values: Sequence[float],
    colours_by: Sequence[float],
    texts: Sequence[Sequence[str]],
    *,
    brief: Sequence[str] | None = None,
    scale: Scale = "sequential",
) -> Figure:
    """Tile an area by `values`, coloured from the lowest to the highest of `colours_by`.

    `texts` are the lines under each name; tiles too small for them show the one of `brief`.
    Give the graph the class "treemap": shell.js then keeps a click from zooming in, and passes
    it on as clickData.
    """
    grounds = _grounds(colours_by, scale)
    inks = [theme.ink(ground) for ground in grounds]
    areas = [value / (sum(values) or 1) for value in values]
    shown = [[brief[at]] if brief and areas[at] < 0.055 else lines for at, lines in enumerate(texts)]
    # Smaller, so that the name of a small tile still fits; below that plotly leaves it out.
    font = {"color": inks, "size": [13 if a > 0.045 else 10.5 for a in areas], "family": FONT}
    trace = {
        "type": "treemap",
        "labels": list(labels),
        "parents": [""] * len(labels),
        "values": list(values),
        "ids": list(labels),
        # Each line starts with a space of its own: plotly sets the text hard at the tile's edge.
        "text": [f"<br>{PAD}".join(lines) for lines in shown],
        "customdata": ["<br>".join(lines) for lines in texts],
        # A tile under two hundredths has room for the hover only.
        "texttemplate": [f"{PAD}<b>%{{label}}</b><br>{PAD}%{{text}}" if each >= 0.02 else "" for each in areas],
        "hovertemplate": "<b>%{label}</b><br>%{customdata}<extra></extra>",
        "textfont": font,
        "insidetextfont": font,
        "textposition": "top left",
        "branchvalues": "total",
        "pathbar": {"visible": False},
        "tiling": {"packing": "squarify", "pad": 3},
        "marker": {
            "colors": grounds,
            "line": {"width": 0},
            "pad": {"t": 0, "l": 0, "r": 0, "b": 0},
        },
        "root": {"color": "rgba(0,0,0,0)"},
        "sort": True,
    }
    layout = _layout(margin={"l": 0, "r": 0, "t": 0, "b": 0})
    return {"data": [trace], "layout": layout}


def heatmap(
    x: Sequence[Any],
    y: Sequence[Any],
    z: Sequence[Sequence[Number]],
    *,
    x_title: str = "",
    y_title: str = "",
    texts: Sequence[Sequence[str]] | None = None,
    scale: Scale = "sequential",
    hover: str | None = None,
    ends: tuple[float, float] | None = None,
) -> Figure:
    """Colour a table of numbers and write each into its cell; an absent one stays empty.

    Diverging is symmetric around nothing; `hover` is a plotly hover template; `ends` are those of
    the scale where they are not the least and the greatest number.
    """
    colours = theme.palette()
    ramp = getattr(colours, scale)
    present = [cell for row in z for cell in row if cell is not None]
    high = max(present, default=1.0)
    low = min(present, default=0.0)
    if scale == "diverging":
        high = max(abs(low), abs(high)) or 1.0
        low = -high
    low, high = ends or (low, high)
    spread = (high - low) or 1.0
    # As many numbers as fit are read; beyond that the colour and the hover must do.
    written = len(x) <= 24
    notes = [
        {
            "x": column,
            "y": line,
            "text": _cell_text(z, texts, line, column, high),
            "showarrow": False,
            "font": {
                "size": 12 if len(x) <= 12 else 10,
                "color": theme.ink(theme.blend(ramp, (cell - low) / spread)),
            },
        }
        for line, row in enumerate(z)
        for column, cell in enumerate(row)
        if written and cell is not None
    ]
    trace = {
        "type": "heatmap",
        "x": list(range(len(x))),
        "y": list(range(len(y))),
        "z": [list(row) for row in z],
        "customdata": [[[line, column] for column in x] for line in y],
        "colorscale": [[at / (len(ramp) - 1), colour] for at, colour in enumerate(ramp)],
        "zmin": low,
        "zmax": high,
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "hoverongaps": False,
        "hovertemplate": hover
        or f"{y_title} %{{customdata[0]}}<br>{x_title} %{{customdata[1]}}<br><b>%{{z:,}}</b><extra></extra>",
    }
    layout = _layout(
        annotations=notes,
        xaxis={
            **_axis(x_title, grid=False),
            "tickvals": list(range(len(x))),
            "ticktext": [str(each) for each in x],
            "zeroline": False,
        },
        yaxis={
            **_axis(y_title, grid=False),
            "tickvals": list(range(len(y))),
            "ticktext": [str(each) for each in y],
            "zeroline": False,
        },
    )
    return {"data": [trace], "layout": layout}


def scatter(
    groups: Sequence[Group],
    *,
    x_title: str = "",
    y_title: str = "",
    log_x: bool = False,
    log_y: bool = False,
    size: float = 5,
    hover: str | None = None,
) -> Figure:
    """Draw marks, those at rest muted and the rest labelled in their colour."""
    colours = theme.palette()
    traces, notes = [], []
    for group in groups:
        colour = colours.mark if group.tone == "rest" else colours.categories[group.tone]
        traces.append(
            {
                "type": "scattergl" if len(group.x) > 2_000 else "scatter",
                "mode": "markers",
                "x": list(group.x),
                "y": list(group.y),
                "name": group.label or "",
                "marker": {
                    "color": colour,
                    "size": size,
                    "opacity": 0.75 if group.tone == "rest" else 1,
                },
                **({"text": list(group.names)} if group.names else {}),
                "hovertemplate": hover
                or ("<b>%{text}</b><br>" if group.names else "")
                + f"{x_title} %{{x:,}}<br>{y_title} %{{y:,}}<extra></extra>",
            }
        )
        if group.label and group.label_at:
            notes.append(
                _note(
                    *_on_axes(group.label_at, log_x, log_y),
                    group.label if group.tone == "rest" else f"<b>{group.label}</b>",
                    colours.muted if group.tone == "rest" else colour,
                )
            )
    layout = _layout(
        annotations=notes,
        xaxis=_axis(x_title, log=log_x),
        yaxis=_axis(y_title, log=log_y),
    )
    return {"data": traces, "layout": layout}


def bars(
    x: Sequence[Any],
    y: Sequence[Number],
    *,
    x_title: str = "",
    y_title: str = "",
    lying: bool = False,
    highlight: Sequence[int] | None = None,
) -> Figure:
    """Compare amounts; lying bars read best with long names, the first on top.

    With `highlight`, those in the accent and the rest muted.
    """
    colours = theme.palette()
    shades: Any = colours.accent
    if highlight is not None:
        shades = [colours.accent if at in highlight else colours.mark for at in range(len(x))]
    trace = {
        "type": "bar",
        "x": list(y) if lying else list(x),
        "y": list(x) if lying else list(y),
        "orientation": "h" if lying else "v",
        "marker": {"color": shades, "line": {"width": 0}},
        "hovertemplate": "%{y}<br><b>%{x:,}</b><extra></extra>" if lying else "%{x}<br><b>%{y:,}</b><extra></extra>",
    }
    named = {"type": "category", "showgrid": False}
    along, across = _axis(x_title, grid=lying), _axis(y_title, grid=not lying)
    if lying:
        across |= {**named, "autorange": "reversed", "dtick": 1}  # each bar has its name
    elif x and isinstance(x[0], str) and not _is_date(x[0]):
        along |= named
    layout = _layout(bargap=0.3 if lying else 0.06, xaxis=along, yaxis=across)
    return {"data": [trace], "layout": layout}


def histogram(
    edges: Sequence[float],
    counts: Sequence[int],
    median: float | None = None,
    *,
    x_title: str = "",
    y_title: str = "",
    shade_above: float | None = None,
    shade_label: str = "",
) -> Figure:
    """Draw counts between `edges` (one more than counts), the median dotted.

    Values above `shade_above` lie on a soft ground, which says why.
    """
    colours = theme.palette()
    trace = {
        "type": "bar",
        "x": [(low + high) / 2 for low, high in pairwise(edges)],
        "width": [(high - low) * 0.94 for low, high in pairwise(edges)],
        "y": list(counts),
        "customdata": [[words.short(low), words.short(high)] for low, high in pairwise(edges)],
        "marker": {"color": colours.accent, "line": {"width": 0}},
        "hovertemplate": "%{customdata[0]} to %{customdata[1]}<br><b>%{y:,}</b><extra></extra>",
    }
    shapes, notes = [], []
    if shade_above is not None:
        shapes.append(_ground(shade_above, max(edges), colours.watch_soft))
        notes.append(_note(shade_above, 1, shade_label, colours.watch, yref="paper", yanchor="top"))
    if median is not None:
        shapes.append(_upright(median, colours.text))
        notes.append(
            _note(
                median,
                1,
                f"<b>median {words.count(median) if float(median).is_integer() else words.short(median, 4)}</b>",
                colours.text,
                yref="paper",
                yanchor="top",
            )
        )
    layout = _layout(
        shapes=shapes,
        annotations=notes,
        xaxis={**_axis(x_title, grid=False), "range": [min(edges), max(edges)]},
        yaxis={**_axis(y_title), "rangemode": "tozero"},
    )
    return {"data": [trace], "layout": layout}


def line(
    x: Sequence[Any],
    y: Sequence[Number],
    *,
    x_title: str = "",
    y_title: str = "",
    marks: Sequence[Mark] = (),
    from_zero: bool = False,
) -> Figure:
    """Follow one thing over time; notes where something is worth saying."""
    return lines(
        x,
        [Series(y=y, label="")],
        x_title=x_title,
        y_title=y_title,
        marks=marks,
        from_zero=from_zero,
    )


def lines(
    x: Sequence[Any],
    series: Sequence[Series],
    *,
    x_title: str = "",
    y_title: str = "",
    marks: Sequence[Mark] = (),
    highlight: Sequence[int] = (0, 1),
    from_zero: bool = False,
) -> Figure:
    """Follow several things, each labelled at its end in its colour.

    Beyond five, only those of `highlight` (two at most) are in colour.
    """
    colours = theme.palette()
    traces, notes = [], []
    for at, each in enumerate(series):
        many = len(series) > 5
        lead = not many or at in highlight
        place = list(highlight).index(at) if many and lead else at
        colour = colours.accent if len(series) == 1 else colours.categories[place] if lead else colours.mark
        along = list(each.x if each.x is not None else x)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": along,
                "y": list(each.y),
                "name": each.label,
                "line": {"color": colour, "width": 2 if lead else 1.25},
                "hovertemplate": (f"{each.label}<br>" if each.label else "") + "%{x}<br><b>%{y:,}</b><extra></extra>",
            }
        )
        ends = [place for place, number in enumerate(each.y) if number is not None]
        # Beyond eight even the ends are a crowd: only what is in colour has a name.
        if each.label and ends and (lead or len(series) <= 8):
            notes.append(
                _note(
                    along[ends[-1]],
                    each.y[ends[-1]],
                    f"<b>{each.label}</b>" if lead else each.label,
                    colour if lead else colours.muted,
                    yanchor="middle",
                )
            )
    _part(notes, [number for each in series for number in each.y if number is not None])
    # Highlighted lines lie on top of those at rest.
    traces.sort(key=lambda trace: trace["line"]["width"])
    more_traces, more_notes = _marked(marks)
    layout = _layout(
        annotations=notes + more_notes,
        xaxis=_axis(x_title, grid=False, along=x),
        yaxis={**_axis(y_title), **({"rangemode": "tozero"} if from_zero else {})},
    )
    if any(each.label for each in series):
        longest = max(len(each.label) for each in series)
        layout["margin"]["r"] = 16 + 7 * longest
    return {"data": traces + more_traces, "layout": layout}


def pointed(figure: Figure) -> Figure:
    """The figure with one more mark, its last trace, which is moved in the browser."""
    colours = theme.palette()
    mark = {
        "type": "scatter", "mode": "markers", "x": [], "y": [], "hoverinfo": "skip",
        "marker": {"size": 11, "color": "rgba(0,0,0,0)", "line": {"width": 3, "color": colours.accent}},
    }  # fmt: skip
    return {**figure, "data": [*figure["data"], mark]}


def forecast(
    past_x: Sequence[Any],
    past_y: Sequence[Number],
    future_x: Sequence[Any],
    future_y: Sequence[Number],
    *,
    low: Sequence[Number],
    high: Sequence[Number],
    label: str = "forecast, 80\u202f%",
    x_title: str = "",
    y_title: str = "",
) -> Figure:
    """Follow the past into a forecast, dashed within its band."""
    colours = theme.palette()
    joined_x = [*past_x[-1:], *future_x]
    joined_y, lows, highs = ([*past_y[-1:], *ends] for ends in (future_y, low, high))
    band = {
        "type": "scatter",
        "mode": "lines",
        "x": joined_x + joined_x[::-1],
        "y": highs + lows[::-1],
        "fill": "toself",
        "fillcolor": theme.faded(colours.accent, 0.14),
        "line": {"width": 0},
        "hoverinfo": "skip",
    }
    hover = "%{x}<br><b>%{y:,}</b><extra></extra>"
    past = {
        "type": "scatter",
        "mode": "lines",
        "x": list(past_x),
        "y": list(past_y),
        "line": {"color": colours.text_2, "width": 1.5},
        "hovertemplate": hover,
    }
    future = {
        "type": "scatter",
        "mode": "lines",
        "x": joined_x,
        "y": joined_y,
        "line": {"color": colours.accent, "width": 2, "dash": "4px,3px"},
        "hovertemplate": hover,
    }
    layout = _layout(
        shapes=[_upright(past_x[-1], colours.muted)],
        annotations=[
            _note(past_x[-1], 1, label, colours.accent, yref="paper", yanchor="top"),
        ],
        xaxis=_axis(x_title, grid=False, along=[*past_x[:1], *future_x[-1:]]),
        yaxis=_axis(y_title),
    )
    return {"data": [band, past, future], "layout": layout}


def area(
    x: Sequence[Any],
    y: Sequence[Number],
    *,
    x_title: str = "",
    y_title: str = "",
) -> Figure:
    """Fill what lies under a line: a total as it grows."""
    figure = line(x, y, x_title=x_title, y_title=y_title, from_zero=True)
    figure["data"][0] |= {
        "fill": "tozeroy",
        "fillcolor": theme.faded(theme.palette().accent, 0.14),
    }
    return figure


def spark(counts: Sequence[float], *, strong: bool = False) -> html.Div:
    """Draw a tiny histogram for a table, in html: a hundred of them cost nothing."""
    top = max(counts, default=0) or 1
    columns = [html.Span(style={"height": f"{max(each / top, 0.03):.0%}"}) for each in counts]
    return html.Div(columns, className="spark" + (" strong" if strong else ""), **{"aria-hidden": "true"})


def _layout(**more: Any) -> dict[str, Any]:
    colours = theme.palette()
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": colours.text_2},
        "margin": {"l": 8, "r": 8, "t": 16, "b": 8},
        "showlegend": False,
        "separators": ".,",
        "hovermode": "closest",
        "dragmode": False,
        "hoverlabel": {
            "bgcolor": colours.raised,
            "bordercolor": colours.line,
            "font": {"family": FONT, "size": 12, "color": colours.text},
            "align": "left",
        },
        "autosize": True,
        # The template plotly brings along draws a blue ground and white lines.
        "template": {},
        "bargap": 0.06,
        **more,
    }


def _axis(title: str, *, grid: bool = True, log: bool = False, along: Sequence[Any] = ()) -> dict[str, Any]:
    """Describe an axis; dates `along` it are said as briefly as their span allows."""
    colours = theme.palette()
    titled = {"title": {"text": title, "font": {"size": 12, "color": colours.text_2}}}
    # On a log axis 1, 3, 10, 30 are even enough to read and few enough to see.
    ticks = (
        {"tickvals": [m * 10**e for e in range(-3, 10) for m in (1, 3)], "tickformat": ",~g"}
        if log
        else {"nticks": 6, "tickformat": None}
    )
    return {
        **(titled if title else {}),
        "type": "log" if log else "-",
        "showgrid": grid,
        "gridcolor": colours.line_soft,
        "gridwidth": 1,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "tickfont": {"size": 11, "color": colours.muted},
        "ticklabelstandoff": 6,
        "automargin": True,
        "fixedrange": True,
        "ticklabeloverflow": "allow",
        "exponentformat": "none",
        "separatethousands": True,
        **ticks,
        **_dates(along),
    }


def _dates(along: Sequence[Any]) -> dict[str, Any]:
    ends = [end for end in (*along[:1], *along[-1:]) if isinstance(end, str) and _is_date(end)]
    if len(ends) < 2:
        return {}
    first, last = (date.fromisoformat(f"{end}-01"[:10]) for end in ends)
    days = (last - first).days
    if days <= 2:
        return {"type": "date"}
    said = "%-d %b" if days <= 62 else "%b" if days <= 370 else "%b %Y" if days <= 1500 else "%Y"
    return {"type": "date", "tickformat": said}


def _part(notes: list[dict[str, Any]], drawn: Sequence[float]) -> None:
    """Push labels apart that would cover each other, upwards from the lowest."""
    # A plot of 220 px has about 170 for its lines; in a taller one labels part a little more.
    pixel = ((max(drawn, default=1) - min(drawn, default=0)) or 1) / 170
    below = float("-inf")
    for note in sorted(notes, key=lambda note: note["y"]):
        place = max(note["y"] / pixel, below + 14)
        note["yshift"] = place - note["y"] / pixel
        below = place


def _note(x: Any, y: Any, text: str, colour: str, **place: Any) -> dict[str, Any]:
    # A breath of canvas behind it: a label may lie over marks and grid.
    return {
        "x": x,
        "y": y,
        "text": text,
        "showarrow": False,
        "bgcolor": theme.faded(theme.palette().canvas, 0.7),
        "borderpad": 1,
        "xanchor": "left",
        "xshift": 6,
        "font": {"size": 12, "color": colour},
        **place,
    }


def _marked(marks: Sequence[Mark]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    colours = theme.palette()
    if not marks:
        return [], []
    points = {
        "type": "scatter",
        "mode": "markers",
        "x": [mark.x for mark in marks],
        "y": [mark.y for mark in marks],
        "marker": {"color": colours.accent, "size": 6},
        "hoverinfo": "skip",
    }
    notes = [
        _note(
            mark.x,
            mark.y,
            f"<b>{mark.bold}</b>" + (f", {mark.text}" if mark.text else ""),
            colours.text,
            xanchor="right",
            yanchor="bottom",
            xshift=0,
            yshift=6,
        )
        for mark in marks
    ]
    return [points], notes


def _upright(x: Any, colour: str) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": colour, "width": 1, "dash": "2px,3px"},
    }


def _ground(low: Any, high: Any, colour: str) -> dict[str, Any]:
    return {
        "type": "rect",
        "x0": low,
        "x1": high,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "fillcolor": colour,
        "line": {"width": 0},
        "layer": "below",
    }


def _grounds(numbers: Sequence[float], scale: Scale) -> list[str]:
    ramp = getattr(theme.palette(), scale)
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    if scale == "diverging":
        high = max(abs(low), abs(high))
        low = -high
    spread = (high - low) or 1.0
    # The palest step vanishes on the canvas: a tile starts at the second.
    start = 0.2 if scale == "sequential" else 0.0
    # Amounts are skewed: by their root the many small ones still differ.
    power = 0.5 if scale == "sequential" else 1.0
    return [theme.blend(ramp, start + (1 - start) * ((number - low) / spread) ** power) for number in numbers]


def _cell_text(
    z: Sequence[Sequence[Number]],
    texts: Sequence[Sequence[str]] | None,
    line: int,
    column: int,
    high: float,
) -> str:
    number = z[line][column]
    said = texts[line][column] if texts else words.short(number or 0, 2)
    if not texts and float(number or 0).is_integer():
        said = words.count(number or 0)
    return f"<b>{said}</b>" if number == high else said


def _on_axes(at: tuple[Any, Any], log_x: bool, log_y: bool) -> tuple[Any, Any]:
    """Notes on a log axis are placed by exponent, unlike marks."""
    x, y = at
    return (log10(x) if log_x else x), (log10(y) if log_y else y)


def _is_date(text: str) -> bool:
    return len(text) >= 7 and text[:4].isdigit() and text[4] == "-"
