"""The charts of Explore, from what they are drawn from; with a picture for each value where one is asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from layouts import charts, theme, words
from layouts.blocks import Twin
from services.explore.axes import MISSING
from services.explore.chart import Drawn

Figure = dict[str, Any]
Row = Sequence[Any]

ROWS_IN_TWIN = 500
_DWARFS = 4  # times the largest: what is so much larger is told, not drawn
_ADDED = ("count", "sum")


def figure(drawn: Drawn) -> Figure:
    """The chart; without what would leave nothing to see of the others."""
    dwarfing = _dwarfing(drawn)
    drawn = replace(drawn, rows=[row for row in drawn.rows if not dwarfing & set(row[:-1])])
    makers: dict[str, Callable[[Drawn], Figure]] = {
        "histogram": _pictures, "bar": _pictures, "line": _pictures, "scatter": _scatter, "box": _box,
        "violin": _violin, "heatmap": _heatmap, "correlation": _correlation,
    }  # fmt: skip
    return makers[drawn.spec.type](drawn)


def subtitle(drawn: Drawn) -> str:
    """What is to be said beside the title."""
    dwarfing = _dwarfing(drawn)
    more = [f"{' and '.join(sorted(dwarfing))} would dwarf the rest, and stands in the table"] if dwarfing else []
    return ". ".join([*drawn.notes, *more])


def _dwarfing(drawn: Drawn) -> set[str]:
    """The others that are one, where they are a multiple of each single one."""
    if drawn.spec.type not in ("bar", "heatmap") or drawn.spec.how not in _ADDED:
        return set()
    places = (0, 1) if drawn.spec.type == "heatmap" else (len(drawn.columns) - 2,)
    found = set()
    for place in places:
        totals: dict[str, float] = defaultdict(float)
        for row in drawn.rows:
            totals[str(row[place])] += abs(row[-1] or 0)
        single = [total for name, total in totals.items() if not name.startswith("Other (")]
        for name, total in totals.items():
            if name.startswith("Other (") and total > _DWARFS * max(single, default=total):
                found.add(name)
    return found


def height(drawn: Drawn) -> int:
    """How tall it is to be, in pixels."""
    if drawn.spec.type in ("heatmap", "correlation"):
        down = {row[1] for row in drawn.rows}
        return max(260, 90 + 34 * len(down))
    if drawn.facts.get("facet") and not drawn.facts.get("dense"):
        panels = len({row[0] for row in drawn.rows})
        return 60 + 230 * -(-panels // 3)
    if _lies(drawn):
        return max(220, 70 + 28 * len({row[-2] for row in drawn.rows}))
    return 400


def twin(drawn: Drawn) -> Twin:
    """The same as a table."""
    texts = [
        name for place, name in enumerate(drawn.columns) if any(isinstance(row[place], str) for row in drawn.rows[:50])
    ]
    rows = [[_said(value) for value in row] for row in drawn.rows[:ROWS_IN_TWIN]]
    left = len(drawn.rows) - len(rows)
    more = f"and {words.plural(left, 'row')} more, in the CSV" if left else None
    return Twin(columns=list(drawn.columns), rows=rows, caption=drawn.title, texts=texts, more=more)


def _said(value: Any) -> str:
    if value is None:
        return words.NONE
    if isinstance(value, float):
        return words.count(value) if value.is_integer() else words.short(value, 5)
    return words.count(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _lies(drawn: Drawn) -> bool:
    """Whether bars lie: names are read best beside them."""
    return drawn.spec.type == "bar" and drawn.facts.get("kind") == "category" and not drawn.facts.get("facet")


def _parts(drawn: Drawn) -> tuple[dict[Any, dict[Any, list[Row]]], list[Any]]:
    """The rows by facet and colour, and the colours in order."""
    found: dict[Any, dict[Any, list[Row]]] = defaultdict(lambda: defaultdict(list))
    colours: list[Any] = []
    has_facet, has_colour = bool(drawn.facts.get("facet")), bool(drawn.facts.get("colour"))
    for row in drawn.rows:
        facet = row[0] if has_facet else None
        colour = row[int(has_facet)] if has_colour else None
        if colour not in colours:
            colours.append(colour)
        found[facet][colour].append(row[int(has_facet) + int(has_colour) :])
    # Others and what is missing last, whatever came first.
    colours.sort(key=lambda name: isinstance(name, str) and (name.startswith("Other (") or name == MISSING))
    return found, colours


def _shade(colours: Sequence[Any], name: Any) -> str:
    palette = theme.palette()
    if name is None:
        return palette.accent
    if isinstance(name, str) and (name.startswith("Other (") or name == MISSING):
        return palette.mark
    return palette.categories[colours.index(name) % len(palette.categories)]


def _pictures(drawn: Drawn) -> Figure:
    found, colours = _parts(drawn)
    make = {"histogram": _histogram_trace, "bar": _bar_trace, "line": _line_trace}[drawn.spec.type]
    return _laid_out(drawn, found, colours, make)


def _laid_out(
    drawn: Drawn, found: dict[Any, dict[Any, list[Row]]], colours: list[Any], make: Callable[..., Figure]
) -> Figure:
    """One picture, or one for each facet in rows of three with the same scales."""
    traces, notes, axes = [], [], {}
    panels = list(found)
    across = min(3, len(panels))
    down = -(-len(panels) // across)
    lies = _lies(drawn)
    x_title, y_title = _titles(drawn)
    for at, facet in enumerate(panels):
        suffix = "" if at == 0 else str(at + 1)
        row, column = divmod(at, across)
        for colour in colours:
            if colour not in found[facet]:
                continue
            trace = make(drawn, found[facet][colour], _shade(colours, colour))
            name = "" if colour is None else str(colour)
            shown = {"name": name, "legendgroup": name, "showlegend": bool(name) and at == 0}
            traces.append({**trace, **shown, "xaxis": f"x{suffix}", "yaxis": f"y{suffix}"})
        is_left, is_last = column == 0, at + across >= len(panels)
        x_axis = charts._axis(x_title if is_last else "", grid=lies, log=_log(drawn, "x"), along=_along(drawn))
        y_axis = charts._axis(y_title if is_left else "", grid=not lies, log=_log(drawn, "y"))
        if drawn.spec.type in ("bar", "histogram") and not _log(drawn, "y"):
            (x_axis if lies else y_axis)["rangemode"] = "tozero"
        if lies:
            y_axis |= {"type": "category", "autorange": "reversed", "nticks": 100, "categoryarray": _order(drawn),
                       "categoryorder": "array"}  # fmt: skip
            x_axis |= {"type": "log"} if drawn.spec.log_y else {}
        elif drawn.facts.get("kind") == "category":
            x_axis |= {"type": "category", "categoryorder": "array", "categoryarray": _order(drawn)}
        if len(panels) > 1:
            gap = 0.05
            x_axis["nticks"] = 4
            if x_axis["type"] == "log":  # three numbers a decade are too many side by side
                x_axis["tickvals"] = [10**power for power in range(-6, 13)]
            if column:
                y_axis["showticklabels"] = False
            wide, tall = (1 - gap * (across - 1)) / across, (1 - 0.16 * (down - 1)) / down
            left, top = column * (wide + gap), 1 - row * (tall + 0.16)
            x_axis |= {"domain": [left, left + wide], "anchor": f"y{suffix}", **({"matches": "x"} if at else {})}
            y_axis |= {"domain": [max(0, top - tall), top], "anchor": f"x{suffix}", **({"matches": "y"} if at else {})}
            notes.append(
                {"x": left, "y": top, "xref": "paper", "yref": "paper", "text": f"<b>{words_of(facet)}</b>",
                 "showarrow": False, "xanchor": "left", "yanchor": "bottom",
                 "font": {"size": 12, "color": theme.palette().text}}
            )  # fmt: skip
        axes |= {f"xaxis{suffix}": x_axis, f"yaxis{suffix}": y_axis}
    return {"data": traces, "layout": _layout(notes, has_legend=colours != [None], **axes, **_mode(drawn))}


def words_of(facet: Any) -> str:
    """What plotly may show: it reads tags in what it is given."""
    return str(facet).replace("<", "‹").replace(">", "›")


def _layout(notes: Sequence[Any] = (), *, has_legend: bool = False, **more: Any) -> dict[str, Any]:
    legend = {
        "showlegend": True,
        "legend": {
            "orientation": "h", "x": 0, "y": 1.03, "yanchor": "bottom", "font": {"size": 12},
            "itemclick": False, "itemdoubleclick": False,
        },
    }  # fmt: skip
    margin = {"l": 8, "r": 16, "t": 44 if has_legend else 28 if notes else 16, "b": 8}
    return charts._layout(annotations=list(notes), margin=margin, **(legend if has_legend else {}), **more)


def _mode(drawn: Drawn) -> dict[str, Any]:
    if drawn.spec.type == "histogram":
        return {"barmode": "stack" if drawn.facts.get("colour") else "overlay"}
    if drawn.spec.type == "bar":
        return {"barmode": "stack" if drawn.spec.how in _ADDED else "group", "bargap": 0.3 if _lies(drawn) else 0.12}
    return {}


def _order(drawn: Drawn) -> list[str]:
    """The categories as they came, which is by size."""
    return list(dict.fromkeys(str(row[-2]) for row in drawn.rows))


def _along(drawn: Drawn) -> Sequence[Any]:
    if drawn.facts.get("kind") != "date":
        return ()
    days = sorted(str(row[-3 if drawn.spec.type == "histogram" else -2]) for row in drawn.rows)
    return [days[0], days[-1]]


def _log(drawn: Drawn, axis: str) -> bool:
    """Whether the axis is logarithmic; a histogram's bins are even on one already."""
    return bool(getattr(drawn.spec, f"log_{axis}")) and not (axis == "y" and _lies(drawn))


def _titles(drawn: Drawn) -> tuple[str, str]:
    spec = drawn.spec
    if spec.type == "histogram":
        return spec.x or "", "Rows"
    if spec.type == "scatter":
        return spec.x or "", spec.y or ""
    measure = str(drawn.facts.get("measure", ""))
    return (measure, "") if _lies(drawn) else (spec.x or "", measure)


def _histogram_trace(drawn: Drawn, rows: Sequence[Row], shade: str) -> Figure:
    bar = {"type": "bar", "y": [row[-1] for row in rows], "marker": {"color": shade, "line": {"width": 0}}}
    if drawn.facts.get("kind") == "date":
        return {**bar, "x": [row[0] for row in rows], "customdata": [row[1] for row in rows],
                "hovertemplate": "%{x} to %{customdata}<br><b>%{y:,}</b><extra></extra>"}  # fmt: skip
    if drawn.spec.log_x:
        middle = [(row[0] * row[1]) ** 0.5 for row in rows]
    else:
        middle = [(row[0] + row[1]) / 2 for row in rows]
    return {
        **bar, "x": middle, "width": [(row[1] - row[0]) * 0.94 for row in rows],
        "customdata": [[words.short(row[0], 4), words.short(row[1], 4)] for row in rows],
        "hovertemplate": "%{customdata[0]} to %{customdata[1]}<br><b>%{y:,}</b><extra></extra>",
    }  # fmt: skip


def _bar_trace(drawn: Drawn, rows: Sequence[Row], shade: str) -> Figure:
    names = [str(row[-2]) if drawn.facts.get("kind") == "category" else row[-2] for row in rows]
    numbers = [row[-1] for row in rows]
    lies = _lies(drawn)
    return {
        "type": "bar", "orientation": "h" if lies else "v", "x": numbers if lies else names,
        "y": names if lies else numbers, "marker": {"color": shade, "line": {"width": 0}},
        "hovertemplate": "%{y}<br><b>%{x:,}</b><extra></extra>" if lies else "%{x}<br><b>%{y:,}</b><extra></extra>",
    }  # fmt: skip


def _line_trace(_: Drawn, rows: Sequence[Row], shade: str) -> Figure:
    return {
        "type": "scatter", "mode": "lines" if len(rows) > 1 else "markers", "x": [row[-2] for row in rows],
        "y": [row[-1] for row in rows], "line": {"color": shade, "width": 2}, "marker": {"color": shade},
        "hovertemplate": "%{x}<br><b>%{y:,}</b><extra></extra>",
    }  # fmt: skip


def _point_trace(drawn: Drawn, rows: Sequence[Row], shade: str) -> Figure:
    return {
        "type": "scattergl" if len(drawn.rows) > 2_000 else "scatter", "mode": "markers",
        "x": [row[-2] for row in rows], "y": [row[-1] for row in rows],
        "marker": {"color": shade, "size": 5, "opacity": 0.7},
        "hovertemplate": f"{drawn.spec.x} %{{x}}<br>{drawn.spec.y} %{{y}}<extra></extra>",
    }  # fmt: skip


def _scatter(drawn: Drawn) -> Figure:
    if not drawn.facts["dense"]:
        return _laid_out(drawn, *_parts(drawn), _point_trace)
    across, down = (sorted({row[place] for row in drawn.rows}) for place in (0, 1))
    places = [{value: at for at, value in enumerate(values)} for values in (across, down)]
    z: list[list[int | None]] = [[None] * len(across) for _ in down]
    for x, y, count in drawn.rows:
        z[places[1][y]][places[0][x]] = count
    ramp = theme.palette().sequential[1:]
    trace = {
        "type": "heatmap", "x": across, "y": down, "z": z, "hoverongaps": False, "showscale": False,
        "colorscale": [[at / (len(ramp) - 1), colour] for at, colour in enumerate(ramp)],
        "hovertemplate": f"{drawn.spec.x} %{{x}}<br>{drawn.spec.y} %{{y}}<br><b>%{{z:,}} rows</b><extra></extra>",
    }  # fmt: skip
    kinds = drawn.facts["kinds"]
    x_axis = charts._axis(drawn.spec.x or "", grid=False, log=drawn.spec.log_x)
    y_axis = charts._axis(drawn.spec.y or "", grid=False, log=drawn.spec.log_y)
    for axis, kind in zip((x_axis, y_axis), kinds):
        if kind == "date":
            axis["type"] = "date"
    return {"data": [trace], "layout": _layout(xaxis=x_axis, yaxis=y_axis)}


def _box(drawn: Drawn) -> Figure:
    palette = theme.palette()
    of = {name: [row[place] for row in drawn.rows] for place, name in enumerate(drawn.columns)}
    trace = {
        "type": "box", "x": [str(row[0]) for row in drawn.rows], "q1": of["Quarter"], "median": of["Median"],
        "q3": of["Three quarters"], "lowerfence": of["Whisker from"], "upperfence": of["Whisker to"],
        "line": {"color": palette.accent, "width": 1.5}, "fillcolor": theme.faded(palette.accent, 0.18),
        "whiskerwidth": 0.4,
    }  # fmt: skip
    return {"data": [trace], "layout": _layout(**_standing(drawn))}


def _standing(drawn: Drawn) -> dict[str, Any]:
    names = [str(row[0]) for row in drawn.rows]
    x_axis = {**charts._axis(drawn.spec.x or "", grid=False), "type": "category", "categoryarray": names,
              "categoryorder": "array", "nticks": 30}  # fmt: skip
    return {"xaxis": x_axis, "yaxis": charts._axis(drawn.spec.y or "", log=drawn.spec.log_y)}


def _violin(drawn: Drawn) -> Figure:
    """Each group as wide as many values lie there, with its middle half and its median."""
    palette = theme.palette()
    by_name: dict[str, list[Row]] = defaultdict(list)
    for name, middle, count in drawn.facts["shape"]:
        by_name[str(name)].append((middle, count))
    traces: list[Figure] = []
    names = [str(row[0]) for row in drawn.rows]
    for at, row in enumerate(drawn.rows):
        shape = by_name[names[at]]
        most = max(count for _, count in shape)
        wide = [0.42 * count / most for _, count in shape]
        middles = [middle for middle, _ in shape]
        traces.append(
            {"type": "scatter", "mode": "lines", "fill": "toself", "hoverinfo": "skip",
             "x": [*(at + each for each in wide), *(at - each for each in reversed(wide))],
             "y": [*middles, *reversed(middles)], "line": {"color": palette.accent, "width": 1, "shape": "linear"},
             "fillcolor": theme.faded(palette.accent, 0.18)}
        )  # fmt: skip
        _, count, _, _, q1, q2, q3, *_ = row
        hover = (
            f"{words_of(names[at])}<br>median <b>{words.short(q2, 4)}</b><br>{words.count(count)} values<extra></extra>"
        )
        traces.append({"type": "scatter", "mode": "lines", "x": [at, at], "y": [q1, q3], "hoverinfo": "skip",
                       "line": {"color": palette.text, "width": 3}})  # fmt: skip
        dot = {"color": palette.canvas, "size": 7, "line": {"color": palette.text, "width": 2}}
        point = {"type": "scatter", "mode": "markers", "x": [at], "y": [q2], "hovertemplate": hover, "marker": dot}
        traces.append(point)
    axes = _standing(drawn)
    axes["xaxis"] |= {"type": "linear", "tickvals": list(range(len(names))), "ticktext": [words_of(n) for n in names],
                      "range": [-0.6, len(names) - 0.4]}  # fmt: skip
    return {"data": traces, "layout": _layout(**axes)}


def _heatmap(drawn: Drawn) -> Figure:
    across, down = (list(dict.fromkeys(row[place] for row in drawn.rows)) for place in (0, 1))
    down = sorted(down) if all(isinstance(each, int | float) for each in down) else _by_size(drawn, 1, down)
    z = _table(drawn.rows, across, down)
    texts = [["" if cell is None else _said(cell) for cell in row] for row in z]
    figure = charts.heatmap([words_of(each) for each in across], [words_of(each) for each in down], z,
                            x_title=drawn.spec.x or "", y_title=drawn.spec.y or "", texts=texts)  # fmt: skip
    figure["layout"]["yaxis"]["autorange"] = "reversed"
    return figure


def _by_size(drawn: Drawn, place: int, names: list[Any]) -> list[Any]:
    if all(isinstance(each, str) and each[:4].isdigit() for each in names):
        return sorted(names)
    totals: dict[Any, float] = defaultdict(float)
    for row in drawn.rows:
        totals[row[place]] += abs(row[-1] or 0)
    last = {name for name in names if str(name).startswith("Other (") or name == MISSING}
    return sorted(names, key=lambda name: (name in last, -totals[name]))


def _table(rows: Sequence[Row], across: Sequence[Any], down: Sequence[Any]) -> list[list[Any]]:
    found = {(row[0], row[1]): row[2] for row in rows}
    return [[found.get((x, y)) for x in across] for y in down]


def _correlation(drawn: Drawn) -> Figure:
    names = drawn.facts["names"]
    found = {(a, b): value for a, b, value in drawn.rows}
    z = [[1.0 if a == b else found.get((a, b), found.get((b, a))) for a in names] for b in names]
    texts = [["" if cell is None else words.number_of(cell, 2) for cell in row] for row in z]
    shown = [words_of(name) for name in names]
    figure = charts.heatmap(shown, shown, z, texts=texts, scale="diverging",
                            hover="%{customdata[0]}, %{customdata[1]}<br><b>%{z:.3f}</b><extra></extra>")  # fmt: skip
    figure["layout"]["yaxis"]["autorange"] = "reversed"
    return figure
