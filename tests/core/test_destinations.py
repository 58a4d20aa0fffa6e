"""Claims about destinations: a sick receiver is left alone and tried again; a rate is kept; no wait is idle."""

from dataclasses import replace
from heapq import heapify, heappop, heappush
from itertools import pairwise

import pytest

from milepost_core.destinations import (
    AHEAD_S,
    LEAD_S,
    LEAST_CALLS,
    LONGEST_REST_S,
    PROBE_EVERY_S,
    ComeBack,
    Destination,
    Go,
    admit,
    rested,
    spaced,
    tallied,
)
from milepost_core.effects import GiveUp, Outcome, Performed, TryLater, outcome_of

NOW = 1_000_000.0
CLOSED = Destination(since=NOW)


def test_a_receiver_without_a_rate_takes_everybody_at_once() -> None:
    assert admit(CLOSED, [False] * 500, NOW) == (CLOSED, [Go(0.0)] * 500)


@pytest.mark.parametrize(("good", "bad", "opens"), [(10, 10, True), (11, 10, False), (0, 19, False), (0, 20, True)])
def test_a_circuit_opens_when_half_of_twenty_calls_failed(good: int, bad: int, opens: bool) -> None:
    after = tallied(tallied(CLOSED, good, 0, NOW + 1), 0, bad, NOW + 29)
    assert (after.probe_at is not None) is opens


def test_calls_older_than_a_minute_are_forgotten() -> None:
    failing = tallied(CLOSED, 0, LEAST_CALLS - 1, NOW + 1)
    assert tallied(failing, 0, 1, NOW + 59).probe_at == NOW + 59 + PROBE_EVERY_S
    assert tallied(failing, 0, 1, NOW + 61).probe_at is None


def test_while_a_circuit_is_open_one_call_in_half_a_minute_tries() -> None:
    opened = tallied(CLOSED, 0, LEAST_CALLS, NOW)
    same, turns = admit(opened, [False] * 3, NOW + 1)
    assert (same, turns) == (opened, [ComeBack(PROBE_EVERY_S - 1, "circuit_open")] * 3)

    probing, turns = admit(opened, [False] * 3, NOW + PROBE_EVERY_S)
    assert turns == [Go(0.0), *[ComeBack(PROBE_EVERY_S, "circuit_open")] * 2]
    assert not any(isinstance(turn, Go) for turn in admit(probing, [False] * 3, NOW + PROBE_EVERY_S + 1)[1])
    assert tallied(probing, 1, 0, NOW + 31).probe_at is None
    assert tallied(probing, 0, 1, NOW + 32).probe_at == NOW + 32 + PROBE_EVERY_S


def test_after_one_answer_the_count_begins_anew() -> None:
    healed = tallied(tallied(CLOSED, 0, LEAST_CALLS, NOW), 1, 0, NOW + 30)
    assert tallied(healed, 0, 1, NOW + 31).probe_at is None


@pytest.mark.parametrize("rate", [0.5, 7.0, 100.0, 2_000.0])
def test_ten_thousand_due_at_once_keep_to_the_rate_and_waste_none_of_it(rate: float) -> None:
    waiting = [(0.0, number, False) for number in range(10_000 if rate >= 100 else 300)]
    heapify(waiting)
    total, destination, calls, asked = len(waiting), replace(CLOSED, rate_per_s=rate), [], 0
    while waiting:
        now = waiting[0][0]
        batch = [heappop(waiting) for _ in range(min(200, len(waiting))) if waiting[0][0] <= now]
        asked += len(batch)
        destination, turns = admit(destination, [again for *_, again in batch], NOW + now)
        for (_, number, _), turn in zip(batch, turns, strict=True):
            if isinstance(turn, Go):
                calls.append(now + turn.after_s)
            else:
                heappush(waiting, (now + turn.after_s, number, True))
    calls.sort()

    assert len(calls) == total
    assert all(later - first >= 1 / rate - 1e-6 for first, later in pairwise(calls))
    # Nobody is sent away often, and nothing is left unused for longer than turns are given ahead.
    assert asked <= 4 * total
    assert calls[-1] <= (total / rate) * 1.05 + 2 * AHEAD_S


def test_a_wish_to_be_left_alone_is_kept_by_everybody() -> None:
    resting = rested(CLOSED, 30.0, NOW)
    assert admit(resting, [False], NOW + 1)[1] == [ComeBack(29.0, "resting")]
    assert admit(replace(resting, rate_per_s=5.0), [True], NOW + 1)[1] == [ComeBack(29.0, "resting")]
    assert admit(resting, [False], NOW + 30)[1] == [Go(0.0)]
    assert rested(resting, 1.0, NOW) == resting


def test_a_sick_receiver_that_asks_to_be_left_alone_is_not_tried_before_that() -> None:
    sick = rested(tallied(CLOSED, 0, LEAST_CALLS, NOW), 600.0, NOW)
    assert admit(sick, [False] * 2, NOW + PROBE_EVERY_S + 1)[1] == [ComeBack(600.0 - PROBE_EVERY_S - 1, "resting")] * 2
    assert admit(sick, [False] * 2, NOW + 600.0)[1] == [Go(0.0), ComeBack(PROBE_EVERY_S, "circuit_open")]


def test_a_receiver_that_asks_for_a_day_is_asked_again_after_an_hour() -> None:
    resting = rested(CLOSED, 86_400.0, NOW)
    assert admit(resting, [False], NOW + LONGEST_REST_S - 1)[1] == [ComeBack(1.0, "resting")]
    assert admit(resting, [False], NOW + LONGEST_REST_S)[1] == [Go(0.0)]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Performed("id")),
        (204, Performed("id")),
        (301, GiveUp("the receiver answered 301: redirects are not followed")),
        (304, GiveUp("the receiver answered 304")),
        (400, GiveUp("the receiver answered 400")),
        (404, GiveUp("the receiver answered 404")),
        (408, TryLater("the receiver answered 408", 7.0, certain=False)),
        (410, GiveUp("the receiver answered 410", gone=True)),
        (425, TryLater("the receiver answered 425", 7.0)),
        (429, TryLater("the receiver answered 429", 7.0, everyone=True)),
        (500, TryLater("the receiver answered 500", 7.0, certain=False)),
        (503, TryLater("the receiver answered 503", 7.0, everyone=True, certain=False)),
    ],
)
def test_a_status_says_what_became_of_a_call(status: int, outcome: Outcome) -> None:
    assert outcome_of(status, "id", 7.0) == outcome


def test_calls_that_start_leave_one_gap_apart_and_never_without_a_lead() -> None:
    first, waits = spaced(Destination(rate_per_s=10.0), 3, NOW)
    assert waits == pytest.approx([LEAD_S, LEAD_S + 0.1, LEAD_S + 0.2])
    _, next_waits = spaced(first, 1, NOW)
    assert next_waits == pytest.approx([LEAD_S + 0.3])
    _, long_after = spaced(first, 1, NOW + 60.0)
    assert long_after == pytest.approx([LEAD_S])
    assert spaced(Destination(), 2, NOW)[1] == [0.0, 0.0]
