"""Bands over time warn at once, forgive slowly and never flap; and what is news."""

from datetime import UTC, datetime, timedelta

import pytest

from milepost_core.model import Band, Bands
from milepost_core.transitions import BandState, Standing, advance_band, band_series, compare, plain_band

START = datetime(2026, 1, 1, tzinfo=UTC)
SLOW_UP = Bands(70, 40, margin_down=0, margin_up=3, dwell_down_days=0, dwell_up_days=14)
BOTH_WAYS = Bands(70, 40, margin_down=3, margin_up=3, dwell_down_days=2, dwell_up_days=7)


def reported(bands: Bands, *series: tuple[float, float | None]) -> str:
    words = band_series(bands, [(START + timedelta(days=day), score) for day, score in series])
    return "".join(word.value[0] for word in words)


def test_the_way_down_is_immediate_and_the_way_up_waits_for_margin_and_fourteen_days() -> None:
    assert reported(SLOW_UP, (0, 71), (1, 69.9), (2, 72.9), (3, 73), (16.9, 73), (17, 73)) == "gyyyyg"


def test_a_dip_on_the_way_up_starts_the_wait_again() -> None:
    assert reported(SLOW_UP, (0, 60), (1, 75), (10, 72.9), (11, 75), (24, 75), (25, 75)) == "yyyyyg"


def test_two_bands_down_is_at_once_and_two_bands_up_waits() -> None:
    assert reported(BOTH_WAYS, (0, 90), (1, 36.9), (2, 90), (8, 90), (9, 90)) == "grrrg"


def test_a_score_just_inside_the_margin_keeps_the_band() -> None:
    assert reported(BOTH_WAYS, (0, 70), (10, 67), (20, 67)) == "ggg"
    assert reported(BOTH_WAYS, (0, 70), (10, 66.9), (12, 66.9)) == "ggy"
    assert reported(BOTH_WAYS, (0, 40), (10, 37), (20, 36.9), (22, 36.9)) == "yyyr"


def test_unknown_is_reported_without_touching_the_band_and_clears_the_countdown() -> None:
    assert reported(BOTH_WAYS, (0, 80), (1, 60), (2, None), (3, 60), (4, 60), (5, 60)) == "gguggy"
    assert reported(BOTH_WAYS, (0, None), (1, 60)) == "uy"


def test_turning_round_starts_a_new_countdown() -> None:
    bands = Bands(70, 40, 0, 0, dwell_down_days=3, dwell_up_days=3)

    assert reported(bands, (0, 50), (1, 80), (2, 30), (4, 30), (5, 30)) == "yyyyr"


def test_a_gate_s_band_acts_at_once() -> None:
    state = BandState(Band.GREEN)

    held = advance_band(state, BOTH_WAYS, 69.9, False, START)
    gated = advance_band(state, BOTH_WAYS, 69.9, False, START, gated=True)
    assert (held.band, gated) == (Band.GREEN, BandState(Band.YELLOW))


@pytest.mark.parametrize(
    ("score", "band"), [(70, "green"), (69.9, "yellow"), (40, "yellow"), (39.9, "red"), (0, "red")]
)
def test_plain_thresholds_belong_to_the_better_band(score: float, band: str) -> None:
    assert plain_band(SLOW_UP, score) == band


def kinds(before: Standing | None, after: Standing) -> list[str]:
    return [
        change.kind if change.subject is None else f"{change.kind} {change.subject}"
        for change in compare(before, after)
    ]


def test_the_first_score_is_news_and_the_same_again_is_not() -> None:
    now = Standing(71.0, Band.GREEN, "early")

    assert kinds(None, now) == ["first_score"]
    assert kinds(now, now) == []
    assert kinds(None, Standing(None, Band.UNKNOWN)) == []


def test_a_band_change_is_news_and_swallows_the_move_of_the_score() -> None:
    assert kinds(Standing(71.0, Band.GREEN), Standing(39.0, Band.RED)) == ["band_changed"]


def test_a_score_must_move_five_points_to_be_news() -> None:
    assert kinds(Standing(60.1, Band.YELLOW), Standing(55.1, Band.YELLOW)) == ["score_moved"]
    assert kinds(Standing(60.0, Band.YELLOW), Standing(55.1, Band.YELLOW)) == []


def test_stages_and_gates_are_news_of_their_own() -> None:
    before = Standing(60.0, Band.YELLOW, "early", frozenset({"a"}))
    after = Standing(60.0, Band.YELLOW, "value", frozenset({"b"}))

    assert kinds(before, after) == ["stage_entered value", "gate_fired b", "gate_lifted a"]
