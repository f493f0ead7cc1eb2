"""Charts as plain Plotly JSON. Pure: values and words in, dictionaries out; the only place where numbers become floats.

A figure here has no colours and no label positions: the browser adds both, because they depend on the reader's theme
and on the width of the page. `meta.role` of a trace says what it is. All text comes in, in the reader's language.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from html import escape
from math import log10, sqrt
from typing import Any, TypeVar

T = TypeVar("T")
Chart = dict[str, Any]

# Familiar first: where these cross the chart they are drawn; the others fill in for other ranges.
USUAL_MULTIPLES = (10, 50, 100, 200)
OTHER_MULTIPLES = (1, 2, 5, 20, 500, 1000, 2000)
MOST_LINES, FEWEST_LINES = 4, 2
MOST_POINTS = 2500
# Lines reach this many times beyond the data, so that zooming out still shows them.
FAR = {"log": 1000.0, "linear": 4.0}
POINT_SIZE, RANGE_SIZE, OPEN_SIZE = 14, 8, 13
BENCHMARK = "square"
# The browser has this many colours for lines; further lines have the same ones again, dashed.
COLOURS = 4
DASHES = ("solid", "dash", "dashdot")


def short(value: Decimal | float) -> float:
    """Seven significant digits: finer than any screen, and half as long to send."""
    return float(f"{value:.7g}")


@dataclass(frozen=True, slots=True)
class Extent:
    """Where a company stands on one axis, in the axis' unit. Equal ends are a point; one end may be open (None)."""

    low: Decimal | None
    high: Decimal | None

    @property
    def is_open(self) -> bool:
        """Whether one end is not known."""
        return self.low is None or self.high is None

    def middle(self, scale: str) -> float:
        """Where its mark is drawn: half-way as the axis counts, or at the end that is known."""
        low, high = (None if end is None else short(end) for end in (self.low, self.high))
        if low is None or high is None:
            return low if low is not None else high or 0.0
        if low == high:
            return low
        return short(sqrt(low * high) if scale == "log" else (low + high) / 2)


@dataclass(frozen=True, slots=True)
class Mark:
    """One company on the sector chart."""

    key: str
    name: str
    x: Extent
    y: Extent
    hover: Sequence[str] = ()
    hollow: bool = False
    benchmark: bool = False


@dataclass(frozen=True, slots=True)
class SectorWords:
    """The words of the sector chart. `multiple` has a place for the number: `P/S {}×`."""

    x_title: str
    y_title: str
    multiple: str
    listed: str = ""
    unlisted: str = ""
    benchmark: str = ""
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A series by day, oldest first. None is a gap."""

    name: str
    points: Sequence[tuple[date, Decimal | None]]
    hover: str = ""


@dataclass(frozen=True, slots=True)
class LineWords:
    """The words of a chart over time."""

    title: str
    y_title: str
    summary: str = ""
    caption: str = ""
    notes: Sequence[tuple[date, str]] = field(default_factory=tuple)


def can_draw(x: Extent, y: Extent, scale: str) -> bool:
    """Whether a company has a place on the axes: a logarithmic one shows nothing at or below zero."""
    ends = [end for end in (x.low, x.high, y.low, y.high) if end is not None]
    return bool(ends) and (scale != "log" or all(end > 0 for end in ends))


def sector_chart(marks: Iterable[Mark], words: SectorWords, *, scale: str) -> Chart:
    """Market value (y) against revenue (x), with lines of equal price to sales.

    Args:
        marks: Those for which `can_draw` holds; x and y in the same unit.
        words: In the reader's language.
        scale: `log` or `linear`, for both axes.
    """
    drawn = list(marks)
    xs = [float(end) for mark in drawn for end in (mark.x.low, mark.x.high) if end is not None]
    ys = [float(end) for mark in drawn for end in (mark.y.low, mark.y.high) if end is not None]
    x_range, y_range = axis_range(xs, scale), axis_range(ys, scale)
    chosen = multiples(_reach(x_range, scale), _reach(y_range, scale)) if drawn else []
    groups = [
        ("listed", words.listed, [mark for mark in drawn if not mark.hollow and not mark.benchmark]),
        ("unlisted", words.unlisted, [mark for mark in drawn if mark.hollow and not mark.benchmark]),
        ("benchmark", words.benchmark, [mark for mark in drawn if mark.benchmark]),
    ]
    return {
        "data": [
            *(_multiple_line(number, xs, scale, words) for number in chosen),
            *(_mark_trace(role, label, members, scale) for role, label, members in groups if members),
        ],
        "layout": {
            "xaxis": _axis(words.x_title, x_range, scale),
            "yaxis": _axis(words.y_title, y_range, scale),
            "showlegend": False,
            "hovermode": "closest",
            "meta": {"kind": "sector", "scale": scale, "summary": words.summary},
        },
    }


def axis_range(values: Sequence[float], scale: str) -> list[float]:
    """First and last value of an axis as Plotly takes them: exponents of ten for `log`. Leaves room for labels."""
    if scale == "log":
        exponents = [log10(value) for value in values if value > 0] or [0.0]
        first, last = min(exponents), max(exponents)
        pad = max(0.12 * (last - first), 0.22)
        return [round(first - pad, 4), round(last + pad, 4)]
    first, last = min([0.0, *values]), max([0.0, *values]) or 1.0
    pad = 0.08 * (last - first)
    return [round(first - pad if first < 0 else 0.0, 6), round(last + pad, 6)]


def _reach(ends: Sequence[float], scale: str) -> tuple[float, float]:
    return (10 ** ends[0], 10 ** ends[1]) if scale == "log" else (ends[0], ends[1])


def multiples(x: tuple[float, float], y: tuple[float, float]) -> list[int]:
    """Which price-to-sales multiples get a line: round numbers whose line crosses the chart, smallest first."""
    lowest = y[0] / x[1] if x[1] > 0 else 0.0
    highest = y[1] / x[0] if x[0] > 0 else float("inf")

    def crossing(numbers: Iterable[int]) -> list[int]:
        return [number for number in numbers if lowest * 1.3 < number < highest / 1.3]

    usual = crossing(USUAL_MULTIPLES)
    if len(usual) < FEWEST_LINES:
        usual += crossing(OTHER_MULTIPLES)[: MOST_LINES - len(usual)]
    return sorted(usual)[:MOST_LINES]


def _multiple_line(number: int, xs: Sequence[float], scale: str, words: SectorWords) -> Chart:
    if scale == "log":
        positive = [value for value in xs if value > 0]
        ends = [short(min(positive) / FAR[scale]), short(max(positive) * FAR[scale])]
    else:
        ends = [0.0, short(max(xs) * FAR[scale])]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": ends,
        "y": [short(number * end) for end in ends],
        "line": {"width": 1, "dash": "dot"},
        "hoverinfo": "skip",
        "showlegend": False,
        "meta": {"role": "multiple", "multiple": number, "label": words.multiple.format(number)},
    }


def _mark_trace(role: str, label: str, marks: Sequence[Mark], scale: str) -> Chart:
    xs = [mark.x.middle(scale) for mark in marks]
    ys = [mark.y.middle(scale) for mark in marks]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": label,
        "x": xs,
        "y": ys,
        "text": [escape(mark.name, quote=False) for mark in marks],
        "textposition": "top center",
        "hovertext": [_hover(mark) for mark in marks],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "customdata": [mark.key for mark in marks],
        "cliponaxis": False,
        "marker": {
            "size": [_size(mark) for mark in marks],
            "symbol": [_symbol(mark) for mark in marks],
            "line": {"width": 2},
        },
        "error_x": _bars([mark.x for mark in marks], xs),
        "error_y": _bars([mark.y for mark in marks], ys),
        "meta": {"role": role},
    }


def _hover(mark: Mark) -> str:
    # No bold or italics: Plotly sets them through style attributes, which the content security policy blocks.
    return "<br>".join(escape(part, quote=False) for part in (mark.name, *mark.hover))


def _size(mark: Mark) -> int:
    if mark.x.is_open or mark.y.is_open:
        return OPEN_SIZE
    return POINT_SIZE if mark.x.low == mark.x.high and mark.y.low == mark.y.high else RANGE_SIZE


def _symbol(mark: Mark) -> str:
    """Triangles point to the end that is not known."""
    for extent, to_high, to_low in ((mark.x, "right", "left"), (mark.y, "up", "down")):
        if extent.is_open:
            return f"triangle-{to_high if extent.high is None else to_low}"
    return BENCHMARK if mark.benchmark else "circle"


def _bars(extents: Sequence[Extent], middles: Sequence[float]) -> Chart:
    """Error bars from the mark to both ends of its range; none for points and open ranges."""
    above, below = [], []
    for extent, middle in zip(extents, middles, strict=True):
        known = extent.low is not None and extent.high is not None and extent.low != extent.high
        above.append(short(float(extent.high) - middle) if known and extent.high is not None else 0.0)
        below.append(short(middle - float(extent.low)) if known and extent.low is not None else 0.0)
    if not any(above):
        return {"visible": False}
    return {
        "type": "data",
        "symmetric": False,
        "array": above,
        "arrayminus": below,
        "thickness": 3,
        "width": 5,
        "visible": True,
    }


def _axis(title: str, ends: Sequence[float], scale: str) -> Chart:
    return {
        "type": scale,
        "range": list(ends),
        "autorange": False,
        "title": {"text": escape(title, quote=False)},
        "zeroline": False,
        "exponentformat": "none",
        "separatethousands": True,
    }


def line_chart(lines: Iterable[Line], words: LineWords) -> Chart:
    """One or more series over time. At most `MOST_POINTS` points are sent: see `thinned`."""
    shown = [Line(line.name, thinned(line.points), line.hover) for line in lines]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "name": escape(line.name, quote=False),
                "x": [day.isoformat() for day, _value in line.points],
                "y": [None if value is None else short(value) for _day, value in line.points],
                "line": {"width": 1.75},
                "connectgaps": False,
                "hovertemplate": f"%{{x|%Y-%m-%d}}<br>{escape(line.hover, quote=False)} %{{y:,.4~r}}<extra></extra>",
                "meta": {"role": f"series-{number}"},
            }
            for number, line in enumerate(shown, start=1)
        ],
        "layout": {
            "xaxis": {"type": "date", "title": {"text": ""}},
            "yaxis": {
                "type": "linear",
                "title": {"text": escape(words.y_title, quote=False)},
                "rangemode": "tozero",
                "zeroline": False,
                "exponentformat": "none",
                "separatethousands": True,
            },
            "showlegend": len(shown) > 1,
            "hovermode": "x",
            "annotations": [
                {
                    "x": day.isoformat(),
                    "xref": "x",
                    "y": 1,
                    "yref": "paper",
                    "yanchor": "top",
                    "text": escape(text, quote=False),
                    "showarrow": False,
                }
                for day, text in words.notes
            ],
            "meta": {"kind": "lines", "title": words.title, "caption": words.caption, "summary": words.summary},
        },
    }


def compared_chart(lines: Iterable[Line], words: LineWords, *, reference: Decimal) -> Chart:
    """Series on one scale, each told apart by colour and dash, with a level line at `reference`.

    The names are written at the ends of the lines by the browser, which knows the room. `hover` of a line is not used.
    """
    shown = list(lines)
    room = MOST_POINTS // max(1, len(shown))
    chart = line_chart([Line(line.name, thinned(line.points, room)) for line in shown], words)
    for number, trace in enumerate(chart["data"]):
        trace["line"]["dash"] = DASHES[number // COLOURS % len(DASHES)]
        trace["hovertemplate"] = f"{trace['name']} %{{y:,.1f}}<extra></extra>"
    level = short(reference)
    values = [level, *(value for trace in chart["data"] for value in trace["y"] if value is not None)]
    pad = 0.05 * (max(values) - min(values)) or 1.0
    layout = chart["layout"]
    layout["yaxis"] |= {"rangemode": "normal", "range": [short(min(values) - pad), short(max(values) + pad)]}
    layout["showlegend"] = False
    layout["shapes"] = [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": level, "y1": level, "layer": "below",
         "line": {"width": 1, "dash": "dot"}}
    ]  # fmt: skip
    layout["meta"]["kind"] = "compared"
    return chart


def thinned(points: Sequence[T], most: int = MOST_POINTS) -> list[T]:
    """At most `most` points: the newer half of them as they are, older ones evenly thinned out. The first one stays."""
    if len(points) <= most:
        return list(points)
    kept = most // 2
    older, newer = points[:-kept], points[-kept:]
    room = most - kept
    return [older[place * len(older) // room] for place in range(room)] + list(newer)
