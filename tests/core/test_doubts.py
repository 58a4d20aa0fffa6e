"""Claims about doubt: what a channel offers decides, repetitions have an end, and nobody is asked for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_core.doubts import DENIALS, ask_again_after, put_away, resolve_doubt, settle_doubt
from milepost_core.effects import MOVES, RETRY_AFTER_S, Doubt, EffectState, Move, moved

UNIT = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("doubt", "answer", "expected"),
    [
        (Doubt.KEYED, None, Move.RESEND),
        (Doubt.ASKABLE, True, Move.CONFIRM),
        (Doubt.ASKABLE, False, Move.RESEND),
        (Doubt.ASKABLE, None, Move.PARK),
        (Doubt.BLIND, None, Move.PARK),
        (Doubt.BLIND, False, Move.PARK),
    ],
)
def test_doubt_is_resolved_by_what_the_channel_offers(doubt: Doubt, answer: bool | None, expected: Move) -> None:
    assert resolve_doubt(doubt, answer) is expected
    assert moved(EffectState.IN_DOUBT, expected)


@pytest.mark.parametrize("answer", [None, False])
def test_doubt_is_repeated_ever_later_and_at_last_left_to_a_person(answer: bool | None) -> None:
    doubt = Doubt.KEYED if answer is None else Doubt.ASKABLE
    found = [settle_doubt(doubt, answer, tries, 0.5, "cut") for tries in range(1, len(RETRY_AFTER_S) + 2)]

    assert [one.wait_s for one in found] == [*RETRY_AFTER_S, None]
    assert [one.move for one in found] == [Move.RESEND] * len(RETRY_AFTER_S) + [Move.PARK]
    assert "cut" in found[-1].reason
    assert settle_doubt(Doubt.ASKABLE, True, 99, 0.5, "cut").move is Move.CONFIRM


@given(st.floats(0, 86400), UNIT)
def test_who_cannot_be_asked_is_asked_ever_more_seldom_and_for_a_day(doubted_s: float, jitter: float) -> None:
    assert 24 <= (ask_again_after(doubted_s, jitter) or 0) <= 4320
    assert ask_again_after(60, 0.5) == 30
    assert ask_again_after(6000, 0.5) == 600
    assert ask_again_after(86401, jitter) is None


@pytest.mark.parametrize("move", list(Move))
def test_what_may_have_arrived_is_parked_where_it_would_be_denied(move: Move) -> None:
    assert put_away(move, unclear=False) is move
    assert put_away(move, unclear=True) is (Move.PARK if move in DENIALS else move)
    # Wherever an end denies something, parking it is a legal move.
    assert move not in DENIALS or MOVES[move].sources <= MOVES[Move.PARK].sources
