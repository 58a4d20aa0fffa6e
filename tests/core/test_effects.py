"""Claims about effects: from a start nothing leads back to a call but a clear no or somebody who answers for it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_core.effects import (
    FINAL_STATES,
    MOVES,
    RESOLUTIONS,
    RETRY_AFTER_S,
    SPREAD,
    EffectState,
    GiveUp,
    IllegalMove,
    Move,
    Performed,
    TryLater,
    Unknown,
    effect_key,
    may_begin,
    may_still_write,
    moved,
    outcome_of,
    quiet_time_s,
    resolutions,
    retry_after,
    settle,
)

UNIT = st.floats(0, 1, exclude_max=True)


def reachable(start: EffectState, allowed: set[Move]) -> set[EffectState]:
    """Every state that these moves lead to."""
    found, edge = {start}, [start]
    while edge:
        state = edge.pop()
        for move in allowed:
            if state in MOVES[move].sources and MOVES[move].target not in found:
                found.add(MOVES[move].target)
                edge.append(MOVES[move].target)
    return found


def test_without_an_answer_or_an_answerer_a_started_effect_never_starts_again() -> None:
    silent = set(Move) - {Move.TRY_LATER, Move.RESEND, Move.REVIVE}

    assert EffectState.READY not in reachable(EffectState.STARTED, silent)
    assert reachable(EffectState.STARTED, silent) >= {EffectState.IN_DOUBT, EffectState.PARKED, EffectState.DONE}


def test_a_lost_lease_before_the_start_is_harmless_and_after_it_is_doubt() -> None:
    assert moved(EffectState.LEASED, Move.CLAIM) is EffectState.LEASED
    assert moved(EffectState.STARTED, Move.LOSE) is EffectState.IN_DOUBT
    with pytest.raises(IllegalMove):
        moved(EffectState.STARTED, Move.CLAIM)


def test_nothing_leaves_an_end_state() -> None:
    for state in FINAL_STATES:
        for move in Move:
            with pytest.raises(IllegalMove):
                moved(state, move)


def test_every_state_is_reached_and_every_move_has_a_beginning() -> None:
    assert reachable(EffectState.READY, set(Move)) == set(EffectState)
    assert all(MOVES[move].sources for move in Move)


def test_a_person_may_decide_about_parked_effects_and_only_about_those_in_doubt() -> None:
    for move in RESOLUTIONS.values():
        assert MOVES[move].sources == {EffectState.IN_DOUBT, EffectState.PARKED}


@pytest.mark.parametrize(
    ("state", "paused", "expected"),
    [("running", False, Move.START), ("running", True, Move.HOLD), ("cancelled", True, Move.CANCEL)],
)
def test_pause_and_cancellation_are_read_before_the_start(state: str, paused: bool, expected: Move) -> None:
    assert may_begin(state, paused=paused) is expected


def test_each_outcome_has_its_move() -> None:
    assert settle(Performed("x"), 1, 0.5, 25).move is Move.FINISH
    assert settle(GiveUp("550"), 1, 0.5, 25).move is Move.GIVE_UP
    assert settle(Unknown("cut"), 1, 0.5, 25) == settle(Unknown("cut"), 99, 0.1, 25)
    assert settle(Unknown("cut"), 1, 0.5, 25).wait_s == 25
    assert settle(TryLater("450"), 1, 0.5, 25).wait_s == RETRY_AFTER_S[0]


def test_after_the_last_try_there_is_no_further_one() -> None:
    last = len(RETRY_AFTER_S)

    assert settle(TryLater("450"), last, 0.5, 25).move is Move.TRY_LATER
    assert settle(TryLater("450"), last + 1, 0.5, 25).move is Move.GIVE_UP


@given(attempts=st.integers(1, len(RETRY_AFTER_S)), jitter=UNIT)
def test_waits_are_spread_by_a_fifth_around_the_schedule(attempts: int, jitter: float) -> None:
    wait = retry_after(attempts, jitter)

    assert wait is not None
    assert 0.8 * RETRY_AFTER_S[attempts - 1] <= wait < 1.2 * RETRY_AFTER_S[attempts - 1] + 1e-9


@given(jitter=UNIT)
def test_waits_grow(jitter: float) -> None:
    waits = [retry_after(number, jitter) or 0 for number in range(1, len(RETRY_AFTER_S) + 1)]

    assert all(later > earlier for earlier, later in pairwise(waits))


def test_a_receivers_wish_is_honoured_up_to_a_day_and_never_shortens_our_own_wait() -> None:
    assert retry_after(1, 0.0, 90) == 90
    assert retry_after(1, 0.0, 10_000_000) == 86400
    assert retry_after(6, 0.5, 1) == RETRY_AFTER_S[5]


@given(st.floats(1, 86400), UNIT, UNIT)
def test_who_was_asked_to_wait_comes_no_sooner_and_not_with_all_the_others(
    asked_s: float, one: float, other: float
) -> None:
    waits = [retry_after(1, jitter, asked_s) or 0 for jitter in (one, other)]

    assert min(waits) >= asked_s
    assert max(waits) <= asked_s * (1 + SPREAD) + RETRY_AFTER_S[0]
    if asked_s > 10 and abs(one - other) > 0.1:
        assert abs(waits[0] - waits[1]) > asked_s * SPREAD * 0.09


@pytest.mark.parametrize(("status", "everyone"), [(429, True), (503, True), (408, False), (500, False)])
def test_only_an_answer_about_the_receiver_is_meant_for_every_call_there(status: int, everyone: bool) -> None:
    outcome = outcome_of(status, None, 60.0)
    assert isinstance(outcome, TryLater)
    assert outcome.everyone is everyone


def test_a_call_is_written_in_the_first_third_of_its_lease_only() -> None:
    assert may_still_write(4.9, 15)
    assert not may_still_write(5.0, 15)
    assert quiet_time_s(20) > 20


def test_the_key_holds_what_is_intended_and_nothing_about_the_try() -> None:
    keys = {
        effect_key("run", "path", 0, "email", "a@b.example"),
        effect_key("run", "path", 1, "email", "a@b.example"),
        effect_key("run", "path", 0, "slack", "a@b.example"),
        effect_key("run", "path", 0, "email", "c@b.example"),
        effect_key("run", "pat", 0, "hemail", "a@b.example"),
        effect_key("other", "path", 0, "email", "a@b.example"),
    }

    assert len(keys) == 6
    assert all(len(key) == 32 for key in keys)
    assert effect_key("run", "path", 0, "email", "a@b.example") in keys


@pytest.mark.parametrize(
    ("state", "run_state", "quiet", "expected"),
    [
        (EffectState.IN_DOUBT, "running", False, ("sent", "drop")),
        (EffectState.IN_DOUBT, "running", True, ("sent", "resend", "drop")),
        (EffectState.PARKED, "running", True, ("sent", "resend", "drop")),
        (EffectState.PARKED, "cancelled", True, ("sent", "drop")),
        (EffectState.READY, "running", True, ()),
        (EffectState.DONE, "done", True, ()),
    ],
)
def test_a_person_may_send_again_only_after_the_quiet_time_and_for_an_open_run(
    state: EffectState, run_state: str, quiet: bool, expected: tuple[str, ...]
) -> None:
    assert resolutions(state, run_state, quiet=quiet) == expected
