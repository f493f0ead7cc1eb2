"""Charts as plain Plotly JSON, worked by hand."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal

import plotly.graph_objects as go
import pytest

from valuations.charts import (
    Chart,
    Extent,
    Line,
    LineWords,
    Mark,
    SectorWords,
    axis_range,
    can_draw,
    line_chart,
    multiples,
    sector_chart,
    thinned,
)

WORDS = SectorWords("Revenue (CNY bn)", "Market value (CNY bn)", "P/S {}×", summary="Two companies.")


def extent(text: str) -> Extent:
    """`5`, `1.6..1.7`, `..2` (at most) or `3..` (at least)."""
    low, dots, high = text.partition("..")
    ends = (low, high) if dots else (low, low)
    return Extent(*(Decimal(end) if end else None for end in ends))


def mark(x: str, y: str, key: str = "acme", *, hollow: bool = False, benchmark: bool = False) -> Mark:
    return Mark(key, key.title(), extent(x), extent(y), ("A fact",), hollow=hollow, benchmark=benchmark)


def trace(chart: Chart, role: str) -> Chart:
    found: Chart = next(trace for trace in chart["data"] if trace["meta"]["role"] == role)
    return found


def drawn_lines(chart: Chart) -> list[int]:
    return [trace["meta"]["multiple"] for trace in chart["data"] if trace["meta"]["role"] == "multiple"]


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_plotly_knows_every_key(scale: str) -> None:
    marks = [
        mark("1.6..1.7", "198.9"),
        mark("2.5", "100..120", "kunlunxin", hollow=True),
        mark("1500", "35000", "nvidia", benchmark=True),
    ]
    chart = sector_chart(marks, WORDS, scale=scale)
    assert go.Figure(data=chart["data"], layout=chart["layout"])
    json.dumps(chart, allow_nan=False)


def test_a_range_is_drawn_as_a_bar_from_end_to_end() -> None:
    points = trace(sector_chart([mark("1.6..1.7", "200")], WORDS, scale="linear"), "listed")
    assert points["x"] == [1.65]
    assert (points["error_x"]["arrayminus"], points["error_x"]["array"]) == ([0.05], [0.05])
    assert points["error_y"] == {"visible": False}


def test_on_a_logarithmic_axis_the_middle_of_a_range_is_its_geometric_mean() -> None:
    points = trace(sector_chart([mark("1..4", "9..16")], WORDS, scale="log"), "listed")
    assert (points["x"], points["y"]) == ([2.0], [12.0])
    assert (points["error_x"]["arrayminus"], points["error_x"]["array"]) == ([1.0], [2.0])
    assert (points["error_y"]["arrayminus"], points["error_y"]["array"]) == ([3.0], [4.0])


@pytest.mark.parametrize(
    ("x", "y", "symbol", "at"),
    [
        ("3..", "10", "triangle-right", (3.0, 10.0)),
        ("..3", "10", "triangle-left", (3.0, 10.0)),
        ("3", "10..", "triangle-up", (3.0, 10.0)),
        ("3", "..10", "triangle-down", (3.0, 10.0)),
        ("3", "10", "circle", (3.0, 10.0)),
    ],
)
def test_an_open_end_is_a_triangle_that_points_to_it(x: str, y: str, symbol: str, at: tuple[float, float]) -> None:
    points = trace(sector_chart([mark(x, y)], WORDS, scale="log"), "listed")
    assert points["marker"]["symbol"] == [symbol]
    assert (points["x"][0], points["y"][0]) == at
    assert points["error_x"] == {"visible": False}


def test_unlisted_companies_and_benchmarks_are_traces_of_their_own() -> None:
    chart = sector_chart(
        [mark("2", "50"), mark("3", "60", "kunlunxin", hollow=True), mark("9", "900", "nvidia", benchmark=True)],
        WORDS,
        scale="log",
    )
    assert trace(chart, "unlisted")["customdata"] == ["kunlunxin"]
    assert trace(chart, "benchmark")["customdata"] == ["nvidia"]
    assert trace(chart, "benchmark")["marker"]["symbol"] == ["square"]


def test_names_are_escaped_and_never_set_in_bold() -> None:
    """Plotly writes bold text with a style attribute, which the content security policy blocks."""
    named = Mark("acme", "A<b>cme & Co", extent("1"), extent("2"), ("1 < 2",))
    points = trace(sector_chart([named], WORDS, scale="log"), "listed")
    assert points["text"] == ["A&lt;b&gt;cme &amp; Co"]
    assert points["hovertext"] == ["A&lt;b&gt;cme &amp; Co<br>1 &lt; 2"]


def test_lines_join_equal_multiples() -> None:
    chart = sector_chart([mark("1", "20"), mark("10", "600", "cambricon")], WORDS, scale="log")
    assert drawn_lines(chart) == [10, 50, 100, 200]
    line = next(trace for trace in chart["data"] if trace["meta"].get("multiple") == 50)
    assert [y / x for x, y in zip(line["x"], line["y"], strict=True)] == [50, 50]
    assert line["meta"]["label"] == "P/S 50×"


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ((0.5, 30.0), (20.0, 1000.0), [10, 50, 100, 200]),
        ((1.0, 100.0), (2.0, 300.0), [10, 50, 100, 200]),
        ((100.0, 1000.0), (200.0, 900.0), [1, 2, 5]),
        ((1.0, 2.0), (900.0, 1900.0), [1000]),
        ((0.0, 10.0), (0.0, 600.0), [10, 50, 100, 200]),
    ],
)
def test_lines_are_round_multiples_that_cross_the_chart(
    x: tuple[float, float], y: tuple[float, float], expected: list[int]
) -> None:
    assert multiples(x, y) == expected


def test_an_axis_leaves_room_around_its_values() -> None:
    assert axis_range([1.0, 100.0], "log") == [-0.24, 2.24]
    assert axis_range([5.0], "log") == [0.479, 0.919]
    assert axis_range([10.0, 100.0], "linear") == [0.0, 108.0]
    assert axis_range([], "linear") == [0.0, 1.08]


@pytest.mark.parametrize(
    ("x", "y", "scale", "possible"),
    [
        ("1", "2", "log", True),
        ("0", "2", "log", False),
        ("0", "2", "linear", True),
        ("-1..2", "2", "log", False),
        ("..2", "5", "log", True),
    ],
)
def test_a_logarithmic_axis_has_no_place_for_zero(x: str, y: str, scale: str, possible: bool) -> None:
    assert can_draw(extent(x), extent(y), scale) is possible


def test_an_empty_chart_is_still_a_chart() -> None:
    chart = sector_chart([], WORDS, scale="log")
    assert chart["data"] == []
    assert go.Figure(data=chart["data"], layout=chart["layout"])


def test_a_history_keeps_its_gaps() -> None:
    days = [date(2026, 3, 2) + timedelta(days=n) for n in range(3)]
    values = [Decimal("1.5"), None, Decimal(3)]
    chart = line_chart([Line("Market value", list(zip(days, values, strict=True)), "CNY bn")], LineWords("t", "y"))
    assert chart["data"][0]["x"] == ["2026-03-02", "2026-03-03", "2026-03-04"]
    assert chart["data"][0]["y"] == [1.5, None, 3.0]
    assert chart["data"][0]["connectgaps"] is False
    assert go.Figure(data=chart["data"], layout=chart["layout"])


def test_a_long_history_is_thinned_where_it_is_old() -> None:
    kept = thinned(range(10_000), 100)
    assert len(kept) == 100
    assert kept[0] == 0
    assert kept[50:] == list(range(9_950, 10_000))
    assert kept[:50] == sorted(set(kept[:50]))
    assert thinned(range(100), 100) == list(range(100))
