"""Doubts: what becomes of an effect when nobody knows whether its call was done, and how long receivers are asked.

It never looks at a clock, draws a random number or asks anyone; times and jitter are arguments.
"""

from typing import Final

from milepost_core.effects import JITTER, Doubt, Move, Settlement, retry_after

# A receiver that cannot be asked about an effect in doubt is asked again, ever more seldom, for a day.
ASK_AGAIN_S: Final = 30.0
LONGEST_ASK_AGAIN_S: Final = 3600.0
LONGEST_DOUBT_S: Final = 86400.0


def resolve_doubt(doubt: Doubt, answer: bool | None = None) -> Move:
    """Decide about an effect in doubt after its quiet time.

    `answer` is what an askable receiver said: done (True), not done (False), cannot say (None).
    Blind channels are never repeated by a machine: a person decides.
    """
    match doubt:
        case Doubt.KEYED:
            return Move.RESEND
        case Doubt.ASKABLE if answer is not None:
            return Move.CONFIRM if answer else Move.RESEND
        case _:
            return Move.PARK


def settle_doubt(doubt: Doubt, answer: bool | None, attempts: int, jitter: float, reason: str) -> Settlement:
    """Decide about an effect in doubt after its quiet time, by `resolve_doubt` and by the tries that it has had.

    A repetition waits as after any failed try; when there is none left, a person decides.
    """
    move = resolve_doubt(doubt, answer)
    if move is not Move.RESEND:
        return Settlement(move, None, reason)
    wait = retry_after(attempts, jitter)
    if wait is None:
        return Settlement(Move.PARK, None, f"no try is left after {attempts}: {reason}")
    return Settlement(move, wait, reason)


def ask_again_after(doubted_s: float, jitter: float) -> float | None:
    """Return the seconds until a receiver that could not be asked is asked again, or None: a person decides.

    A tenth of the time for which there has been doubt, from half a minute to an hour, ± 20 %; for a day.
    """
    if doubted_s > LONGEST_DOUBT_S:
        return None
    wait = min(max(ASK_AGAIN_S, doubted_s / 10), LONGEST_ASK_AGAIN_S)
    return wait * (1 - JITTER + 2 * JITTER * jitter)


# Moves that say of an effect that nothing of it has arrived.
DENIALS: Final = frozenset({Move.CANCEL, Move.SUPPRESS, Move.GIVE_UP})


def put_away(move: Move, *, unclear: bool) -> Move:
    """Return how an effect ends that is to go no further; `unclear`: one of its tries may have arrived.

    Of such an effect nobody may say that it was not done: it is parked, counted and shown until a person decides.
    """
    return Move.PARK if unclear and move in DENIALS else move
