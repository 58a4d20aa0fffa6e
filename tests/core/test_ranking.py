"""Claims about the order of people's work: what is worth most comes first, and a day holds what fits into it."""

import random

import pytest

from milepost_core.ranking import EXPECTED, Work, expected_effect, rank, risk_of, worth


def work(name: str, **columns: object) -> Work:
    values: dict[str, object] = {"risk": 0.5, "value": 100.0, "expected": 0.5, "effort_minutes": 30.0} | columns
    return Work(name, **values)  # type: ignore[arg-type]


def names(works: list[Work], minutes: float = 10_000) -> list[str]:
    return [place.work.id for place in rank(works, minutes)]


@pytest.mark.parametrize(
    ("column", "better", "worse"),
    [("risk", 0.9, 0.2), ("value", 900.0, 90.0), ("expected", 0.6, 0.1), ("effort_minutes", 10.0, 60.0)],
)
def test_more_risk_more_value_more_effect_and_less_effort_each_come_first(
    column: str, better: float, worse: float
) -> None:
    assert names([work("a", **{column: worse}), work("b", **{column: better})]) == ["b", "a"]


def test_a_minute_is_worth_risk_times_value_times_effect_over_effort() -> None:
    assert worth(work("a", risk=0.8, value=1000.0, expected=0.25, effort_minutes=20.0)) == pytest.approx(10.0)


def test_what_was_begun_goes_before_what_was_not() -> None:
    assert names([work("big", value=1e6), work("begun", value=1.0, begun=True)]) == ["begun", "big"]


def test_the_order_does_not_depend_on_how_the_work_was_listed() -> None:
    works = [work(str(n), value=float(n % 3)) for n in range(30)]
    shuffled = works.copy()
    random.Random(7).shuffle(shuffled)
    assert names(works) == names(shuffled)


def test_a_day_is_filled_with_what_fits_and_no_more() -> None:
    works = [work("a", value=900, effort_minutes=60), work("b", value=800, effort_minutes=60), work("c", value=1)]
    ranked = rank(works, 100)
    assert [(place.work.id, place.today) for place in ranked] == [("a", True), ("b", False), ("c", True)]
    assert sum(place.work.effort_minutes for place in ranked if place.today) <= 100


def test_work_longer_than_a_day_is_done_at_last_and_nobody_works_a_day_of_nothing() -> None:
    assert [place.today for place in rank([work("a", effort_minutes=500)], 100)] == [True]
    assert [place.today for place in rank([work("a"), work("b")], 0)] == [False, False]


def test_what_is_spent_of_a_day_is_not_there_again() -> None:
    works = [work("a", value=900, effort_minutes=60), work("b", value=800, effort_minutes=30)]
    found = {spent: [place.today for place in rank(works, 100, spent)] for spent in (0, 10, 40, 75, 130)}
    both, none = [True, True], [False, False]
    assert found == {0: both, 10: both, 40: [True, False], 75: none, 130: none}


def test_without_experience_help_is_expected_as_believed_and_experience_wins_in_the_end() -> None:
    assert expected_effect(0, 0) == EXPECTED
    assert EXPECTED < expected_effect(8, 8) < 1
    assert expected_effect(900, 1000) == pytest.approx(0.9, abs=0.01)
    assert expected_effect(0, 1000) < 0.01


def test_risk_is_what_the_score_lacks_and_the_band_speaks_where_there_is_no_score() -> None:
    assert risk_of(25.0, "red") == 0.75
    assert risk_of(120.0, "green") == 0.0
    assert risk_of(None, "red") > risk_of(None, "yellow") > risk_of(None, "green")
    assert risk_of(None, "unknown") == 0.5
