"""Trend words need evidence; the statistics behind them agree with independent implementations."""

import math

import pytest

from milepost_core.trends import (
    Trend,
    change_over,
    level_break,
    level_breaks,
    mann_kendall_p,
    noise_band,
    page_hinkley,
    smoothed,
    theil_sen,
    trend,
)

WEEKS = [61.8, 69.2, 74.1, 68.9, 66.9, 65.2, 66.0, 58.8]


def test_the_median_slope_agrees_with_scipy() -> None:
    assert theil_sen(list(range(8)), WEEKS) == pytest.approx(-0.9833333333)


def test_smoothing_weighs_by_the_days_between() -> None:
    expected = [70.0, 70.1885526715, 69.2280132592, 68.1414017787, 66.4310968939, 60.715548447]

    assert smoothed([0, 1, 2, 5, 6, 13], [70, 72, 60, 65, 50, 55], 7.0) == pytest.approx(expected)


def test_page_hinkley_agrees_with_the_recursion() -> None:
    values = [-0.85, 0.41, -0.69, 0.26, -1.91, 0.76, 0.85, 0.04, 0.16, 1.62, -1.08, -0.91, -1.09]
    expected = [0, 0, 0.1133333333, 0, 1.154, 0, 0, 0, 0, 0, 0.8409090909, 1.4392424242, 2.1423193473]

    assert page_hinkley(values, 0.2) == pytest.approx(expected)
    assert level_break([70.0] * 10 + [50.0] * 3) == 10
    assert level_break([70.0] * 20) is None


def test_mann_kendall_believes_a_straight_line_and_no_wobble() -> None:
    # S = 28, variance 8·7·21/18: z = 27/sqrt(65.33)
    assert mann_kendall_p(list(range(8))) == pytest.approx(math.erfc(27 / math.sqrt(2 * 8 * 7 * 21 / 18)))
    assert mann_kendall_p([1, 2, 1, 2]) > 0.5
    assert mann_kendall_p([5, 5, 5]) == 1.0


def weekly(*scores: float) -> Trend:
    return trend([7.0 * week for week in range(len(scores))], scores)


def test_ten_points_in_four_weeks_is_falling() -> None:
    assert weekly(80, 80, 78, 75, 70) is Trend.FALLING
    assert weekly(80, 80, 80, 80, 70.1) is Trend.STEADY


def test_a_slow_steady_fall_is_falling_once_there_is_evidence() -> None:
    assert weekly(80, 78.8, 77.6, 76.4, 75.2, 74, 72.8) is Trend.FALLING
    assert weekly(80, 78.8, 77.6) is Trend.STEADY


def test_rising_is_the_mirror_image() -> None:
    assert weekly(60, 60, 62, 65, 70) is Trend.RISING


def test_too_short_a_history_has_no_word() -> None:
    assert weekly(80, 60) is Trend.UNKNOWN
    assert trend([0.0], [50.0]) is Trend.UNKNOWN


def test_a_change_looks_back_at_least_the_span() -> None:
    assert change_over([0, 5, 6, 12], [50, 60, 70, 80], 7.0) == 20
    assert change_over([0, 5], [50, 60], 7.0) is None


def test_two_or_three_points_are_steady_however_straight_they_fall() -> None:
    assert weekly(80, 79, 78, 77) is Trend.STEADY
    assert weekly(80, 78.9, 77.8, 76.7, 75.6) is Trend.FALLING


def test_a_move_inside_an_accounts_own_wobble_is_steady() -> None:
    wobbling = [80, 74, 79, 73, 78, 72, 77, 71]
    assert noise_band([80, 80.5, 80, 80.4, 80.1]) == 3.0
    assert noise_band(wobbling) > 7
    assert weekly(*wobbling) is Trend.STEADY


def test_every_change_of_level_is_found_in_its_week_and_direction() -> None:
    weeks = [70.0] * 8 + [45.0] * 8 + [72.0] * 8

    assert [(one.week, one.direction) for one in level_breaks(weeks)] == [(8, "down"), (16, "up")]
    assert level_breaks([70.0, 71.0, 69.5, 70.2] * 6) == ()
