"""Claims about many journeys: those still on their way count, and the figures are the published ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_core.journeys import Reached, funnel, quantile, times_of

# The published worked example of time to value with accounts still waiting.
DAYS = [4.5, 24.1, 18.5, 19.3, 6.2, 12.8, 18.1, 51.4, 46.3, 18.1, 12.5, 10.9, 27.6, 13.7, 8.5, 25.4, 29.2, 23.0, 4.8,
        18.2, 4.4, 23.8, 31.0, 33.6]  # fmt: skip
CAME = [1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0]


def of(days: list[float], came: list[int]) -> Reached:
    return Reached.of([(a, bool(b), True, True, bool(b), True) for a, b in zip(days, came, strict=True)])


def test_the_median_is_the_published_one_over_all_and_by_group() -> None:
    assert times_of(of(DAYS, CAME)).median == 19.3
    assert [times_of(of(DAYS[n::2], CAME[n::2])).median for n in (0, 1)] == [18.1, 19.3]


def test_accounts_that_are_not_there_yet_make_it_longer_and_may_leave_it_unknown() -> None:
    there = times_of(of([10, 20, 30, 40], [1, 1, 1, 1]))
    assert (there.median, there.p90, there.spread) == (20, 40, 20)
    waiting = times_of(of([10, 20, 30, 40, 50, 50], [1, 1, 1, 1, 0, 0]))
    assert (waiting.median, waiting.p90, waiting.n, waiting.reached) == (30, None, 6, 4)
    assert times_of(of([10, 20], [0, 0])).median is None
    young = times_of(of([10, 20, 30, 40, 1, 1], [1, 1, 1, 1, 0, 0]))
    assert young.median == 20


def test_on_time_is_a_share_of_those_whose_day_has_come() -> None:
    rows = [(5.0, True, True, True, True, True), (9.0, True, True, True, False, True),
            (9.0, False, True, True, False, True), (2.0, False, False, False, False, True),
            (3.0, True, True, False, False, True)]  # fmt: skip
    assert times_of(Reached.of(rows)).on_time == pytest.approx(1 / 3)
    assert times_of(Reached.of(rows[3:])).on_time is None


def test_the_funnel_counts_those_who_could_and_those_who_were_ready_and_did_not() -> None:
    yes, no = (1.0, True, True, True, True, True), (9.0, False, True, True, False, True)
    not_yet, held_up = (9.0, False, False, False, False, True), (9.0, False, True, True, False, False)
    steps = funnel(
        {"a": Reached.of([yes] * 4), "b": Reached.of([yes, no, held_up, not_yet]), "c": Reached.of([not_yet] * 4)}
    )
    assert [(one.id, one.could, one.reached) for one in steps] == [("a", 4, 4), ("b", 3, 1), ("c", 0, 0)]
    assert [one.share for one in steps] == [1.0, pytest.approx(1 / 3), None]
    assert [one.dropped for one in steps] == [0.0, 0.5, None]


def test_a_branch_that_many_took_gains_nobody_after_one_that_few_took() -> None:
    kickoff = [(1.0, True, True, True, True, True)] * 5
    sso = [(2.0, place < 1, True, True, False, True) for place in range(5)]
    report = [(3.0, place < 3, True, True, False, True) for place in range(5)]
    steps = funnel({"kickoff": Reached.of(kickoff), "sso": Reached.of(sso), "report": Reached.of(report)})
    assert [one.dropped for one in steps] == [0.0, pytest.approx(0.8), pytest.approx(0.4)]


@given(
    st.lists(st.tuples(st.integers(0, 50), st.booleans()), min_size=1, max_size=30), st.sampled_from([0.25, 0.5, 0.9])
)
def test_without_anybody_waiting_it_is_the_plain_quantile_and_waiting_never_shortens_it(
    rows: list[tuple[int, bool]], share: float
) -> None:
    days, came = np.array([float(day) for day, _ in rows]), np.array([there for _, there in rows])
    everybody = np.ones(len(rows), dtype=np.bool_)
    plain = float(np.sort(days)[int(np.ceil(share * len(rows) - 1e-9)) - 1])
    assert quantile(days, everybody, share) == plain
    found = quantile(days, came, share)
    assert found is None or found >= plain
