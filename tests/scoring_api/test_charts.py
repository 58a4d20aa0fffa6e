"""Claims about the charts: rows add up to the score, lines lie where the figures are, findings say what is there."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.health_documents import NOW, days, document, driver

from scoring_api.pages import charts, wording

POINTS = [charts.Point(*day) for day in days()]
LIMITS = charts.Thresholds(40, 70)
tenths = st.integers(-300, 300).map(lambda n: n / 10)


@given(st.lists(tenths, max_size=15), st.integers(0, 1000).map(lambda n: n / 10))
def test_the_waterfall_leads_from_the_baseline_to_the_score(points: list[float], baseline: float) -> None:
    drivers = [driver(f"s{n}", "usage", value, 0.0, f"reason {n}") for n, value in enumerate(points)]
    score = round(baseline + sum(points), 1)
    fall = charts.waterfall(document(drivers=drivers, gates=[], baseline=baseline, score=score))

    assert fall is not None
    totals = [fall.baseline, *(step.total for step in fall.steps)]
    assert totals[-1] == pytest.approx(fall.score)
    assert fall.quiet + len(fall.steps) == len(points)
    for before, step in zip(totals, fall.steps, strict=False):
        assert step.total == pytest.approx(before + step.points)


def test_losses_come_first_then_gains_then_gates() -> None:
    fall = charts.waterfall(document())

    assert fall is not None
    assert [step.points for step in fall.steps] == [-12.4, -6.1, -4.9, -3.2, -1.7, 2.2, 1.1, 0.6, -1.9]
    assert [step.kind for step in fall.steps][-1] == "gate"
    assert all(step.left >= 0 and step.left + step.width <= 100.01 for step in fall.steps)


def test_without_a_score_there_is_no_waterfall() -> None:
    assert charts.waterfall(document(score=None, baseline=None)) is None


def test_known_and_restated_days_are_two_lines_that_meet() -> None:
    drawn = charts.line(POINTS, charts.window_ending(NOW, 90))

    assert drawn is not None
    assert drawn.restated.startswith("M0 ")
    assert drawn.known.startswith("M" + drawn.restated.rpartition("L")[2])
    assert (drawn.end_x, drawn.end_y, drawn.end_band) == (100.0, 52.7, "yellow")


def test_the_window_leaves_out_what_lies_before_it() -> None:
    drawn = charts.line(POINTS, charts.window_ending(NOW, 10))

    assert drawn is not None
    assert drawn.restated == ""
    assert drawn.known.count("L") == 10


def test_nothing_known_draws_nothing_and_says_so() -> None:
    trend = charts.trend([], charts.window_ending(NOW, 90), LIMITS)

    assert trend.line is None
    assert trend.finding == "No score is known for these days yet."


def test_the_finding_names_both_ends_and_the_last_change_of_band() -> None:
    trend = charts.trend(POINTS, charts.window_ending(NOW, 90), LIMITS)
    first = wording.day(NOW - timedelta(days=90))

    assert trend.finding == f"Fell from 68.0 to 47.3 since {first}; watch since {wording.day(trend.moves[-1].at)}."
    assert [(move.before, move.after) for move in trend.moves] == [("yellow", "green"), ("green", "yellow")]


def test_the_bands_behind_the_trend_fill_it() -> None:
    zones = charts.trend(POINTS, charts.window_ending(NOW, 90), LIMITS).zones

    assert [(zone.band, zone.top, zone.height) for zone in zones] == [
        ("green", 0, 30), ("yellow", 30, 30), ("red", 60, 40),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "shown"),
    [(3.25, "+3.2"), (-12.4, "\N{MINUS SIGN}12.4"), (-0.04, "0.0"), (0.0, "0.0"), (None, "\N{EN DASH}")],
)
def test_signs_are_real_and_zero_has_none(value: float | None, shown: str) -> None:
    assert wording.signed(value) == shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "just now"), (59, "just now"), (60, "1 minute ago"), (7300, "2 hours ago"), (86400 * 40, "40 days ago")],
)
def test_ages_are_told_in_their_largest_whole_unit(seconds: int, words: str) -> None:
    assert wording.ago(NOW - timedelta(seconds=seconds), NOW) == words


@pytest.mark.parametrize(
    ("hours", "words"), [(0, "today"), (-9, "today"), (15, "in 1 day"), (-34, "2 days ago"), (24 * 28, "in 28 days")]
)
def test_days_ahead_and_behind_are_calendar_days(hours: int, words: str) -> None:
    morning = NOW.replace(hour=9, minute=30)

    assert wording.until(morning + timedelta(hours=hours), morning) == words


def test_provisional_scores_are_no_part_of_the_line() -> None:
    provisional = [charts.Point(NOW - timedelta(days=80 + n), 100.0, "unknown", restated=True) for n in (9, 6, 3)]
    rest = [point for point in POINTS if point.at > NOW - timedelta(days=60)]
    window = charts.window_ending(NOW, 90)

    assert charts.line([*provisional, *rest], window) == charts.line(rest, window)
    assert "100.0" not in charts.finding([*provisional, *rest])
    assert charts.finding(provisional) == "Only provisional scores so far: too little is known for a band."


def test_the_last_figure_stands_beside_the_line_and_not_in_it() -> None:
    window = charts.window_ending(NOW, 90)
    rising = [charts.Point(p.at, 100 - p.score, p.band, p.restated) for p in POINTS]

    assert charts.trend(POINTS, window, LIMITS).label_below
    assert not charts.trend(rising, window, LIMITS).label_below
