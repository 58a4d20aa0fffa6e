"""Effects: the states of one intended change outside, and what the outcome of a try means for it.

It never looks at a clock, draws a random number or talks to anyone; moments and jitter are arguments.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from milepost_core.playbooks import digest

# Waits between the tries of one effect, in seconds; after the last one there is no further try.
RETRY_AFTER_S: Final = (1, 5, 30, 120, 600, 1800, 3600, 10800, 21600, 43200)
LONGEST_ASKED_WAIT_S: Final = 86400.0
JITTER: Final = 0.2
# Who was asked to wait comes back this much later at most, so that not all who were asked come at once.
SPREAD: Final = 0.5


class EffectState(StrEnum):
    """Where one intended change outside stands. `leased` is `ready` under somebody's running lease."""

    READY = "ready"
    LEASED = "leased"
    STARTED = "started"
    IN_DOUBT = "in_doubt"
    DONE = "done"
    FAILED = "failed_permanent"
    PARKED = "parked"
    CANCELLED = "cancelled"
    SUPPRESSED = "suppressed"


class Move(StrEnum):
    """What can happen to an effect."""

    CLAIM = "claim"
    START = "start"
    HOLD = "hold"
    CANCEL = "cancel"
    SUPPRESS = "suppress"
    FINISH = "finish"
    TRY_LATER = "try_later"
    GIVE_UP = "give_up"
    LOSE = "lose"
    CONFIRM = "confirm"
    RESEND = "resend"
    PARK = "park"
    DROP = "drop"
    REVIVE = "revive"


@dataclass(frozen=True)
class Transition:
    """A move's legal beginnings and its one end."""

    sources: frozenset[EffectState]
    target: EffectState


_E = EffectState


def _from(target: EffectState, *sources: EffectState) -> Transition:
    return Transition(frozenset(sources), target)


# The whole machine. What is not here cannot happen; nothing leads from `started` or `in_doubt` back to
# `ready` except an answer that says "not done" (TRY_LATER; GIVE_UP, after which a person may want it tried
# anew: REVIVE), or a receiver or a person who answers for the repetition (RESEND).
MOVES: Final[Mapping[Move, Transition]] = {
    # T1: taken by a worker; a lease that ran out before the start leaves no trace outside.
    Move.CLAIM: _from(_E.LEASED, _E.READY, _E.LEASED),
    # T2: pauses, cancellation and suppression are read again in the transaction that starts.
    Move.START: _from(_E.STARTED, _E.LEASED),
    Move.HOLD: _from(_E.READY, _E.READY, _E.LEASED),
    Move.CANCEL: _from(_E.CANCELLED, _E.READY, _E.LEASED),
    Move.SUPPRESS: _from(_E.SUPPRESSED, _E.READY, _E.LEASED),
    # T3: the call ended and we know how. Before the start only failures to reach the receiver can end it.
    Move.FINISH: _from(_E.DONE, _E.STARTED),
    Move.TRY_LATER: _from(_E.READY, _E.LEASED, _E.STARTED),
    Move.GIVE_UP: _from(_E.FAILED, _E.LEASED, _E.STARTED),
    # T3 with a lost answer, or T4: started, and its lease ran out.
    Move.LOSE: _from(_E.IN_DOUBT, _E.STARTED),
    # T5: by the receiver's answer, or by a person.
    Move.CONFIRM: _from(_E.DONE, _E.IN_DOUBT, _E.PARKED),
    Move.RESEND: _from(_E.READY, _E.IN_DOUBT, _E.PARKED),
    # Or instead of an end, where an earlier try may have arrived.
    Move.PARK: _from(_E.PARKED, _E.IN_DOUBT, _E.READY, _E.LEASED, _E.STARTED),
    Move.DROP: _from(_E.CANCELLED, _E.IN_DOUBT, _E.PARKED),
    # By a person alone: it failed for good, so nothing of it has arrived.
    Move.REVIVE: _from(_E.READY, _E.FAILED),
}

FINAL_STATES: Final = frozenset({_E.DONE, _E.CANCELLED, _E.SUPPRESSED})


class IllegalMove(Exception):
    """The effect is not in a state from which this can happen."""

    def __init__(self, state: EffectState, move: Move) -> None:
        super().__init__(f"an effect that is {state} cannot {move}")
        self.state, self.move = state, move


def moved(state: EffectState, move: Move) -> EffectState:
    """Return the state after the move. Raises IllegalMove."""
    transition = MOVES[move]
    if state not in transition.sources:
        raise IllegalMove(state, move)
    return transition.target


def may_begin(run_state: str, *, paused: bool) -> Move:
    """Decide, with everything locked, whether a claimed effect starts now, waits, or is called off."""
    if run_state != "running":
        return Move.CANCEL
    return Move.HOLD if paused else Move.START


class Doubt(StrEnum):
    """What a channel offers when nobody knows whether a call was done.

    `keyed`: the receiver knows a repeated key. `askable`: it can be asked about the key. `blind`: neither.
    """

    KEYED = "keyed"
    ASKABLE = "askable"
    BLIND = "blind"


Resolution: TypeAlias = Literal["sent", "resend", "drop"]
RESOLUTIONS: Final[Mapping[Resolution, Move]] = {
    "sent": Move.CONFIRM,
    "resend": Move.RESEND,
    "drop": Move.DROP,
}


def resend_refusal(state: EffectState, run_state: str, *, quiet: bool) -> str | None:
    """Return why an effect that is in doubt or parked may not be sent again now, or None when it may.

    `quiet` says that its quiet time is over: before that, a sender that was stopped may still be in its call.
    """
    if run_state != "running":
        return f"its run is {run_state}, so nothing is sent for it any more"
    if state is EffectState.IN_DOUBT and not quiet:
        return "its quiet time is not over: the try that is in doubt may still be under way"
    return None


def resolutions(state: EffectState, run_state: str, *, quiet: bool) -> tuple[Resolution, ...]:
    """Return what a person may decide about an effect now; see `resend_refusal`."""
    refused = {"resend"} if resend_refusal(state, run_state, quiet=quiet) else set()
    return tuple(word for word, move in RESOLUTIONS.items() if state in MOVES[move].sources and word not in refused)


@dataclass(frozen=True)
class Performed:
    """The receiver said yes; `remote_id` is its name for what it made, if it gave one."""

    remote_id: str | None = None


@dataclass(frozen=True)
class TryLater:
    """Certainly not done, worth another try; `after_s` is the receiver's own wish, in seconds.

    `everyone`: the wish is meant for every call to this receiver, not for what this one was about. `certain` False: a
    receiver that knows keys failed behind the write, so what it knows by this key may be these bytes. `well`: it speaks
    of this one alone, and takes others. `reached` False: there was no line to it, or it broke without a word.
    """

    reason: str
    after_s: float | None = None
    everyone: bool = False
    certain: bool = True
    well: bool = False
    reached: bool = True


@dataclass(frozen=True)
class GiveUp:
    """Certainly not done, and trying again would not help.

    `gone`: the receiver wants no calls at all any more. `no_mailbox`: there is nobody under this address.
    """

    reason: str
    gone: bool = False
    no_mailbox: bool = False


@dataclass(frozen=True)
class Unknown:
    """The call was written and its answer was lost: done or not, nobody knows."""

    reason: str


Outcome: TypeAlias = Performed | TryLater | GiveUp | Unknown

# Answers of HTTP receivers that say "not now"; everything from 500 on says so too.
NOT_NOW: Final = frozenset({408, 425, 429})
# Of those, the ones that are said before anything is done.
UNDONE: Final = frozenset({425, 429})
# A wish to wait that comes with one of these speaks of the receiver, not of the call.
FOR_EVERYONE: Final = frozenset({429, 503})
GONE: Final = 410
REDIRECTS: Final = frozenset({300, 301, 302, 303, 305, 307, 308})


def outcome_of(status: int, remote_id: str | None = None, wish_s: float | None = None) -> Outcome:
    """Return what an HTTP receiver's answer to a call means; `wish_s` is how long it asks to be left alone.

    A redirect is not followed: it would carry what was meant for one receiver to another.
    """
    if 200 <= status < 300:
        return Performed(remote_id)
    if status in REDIRECTS:
        return GiveUp(f"the receiver answered {status}: redirects are not followed")
    if status in NOT_NOW or status >= 500:
        everyone, certain = status in FOR_EVERYONE, status in UNDONE
        return TryLater(f"the receiver answered {status}", wish_s, everyone, certain)
    return GiveUp(f"the receiver answered {status}", gone=status == GONE)


@dataclass(frozen=True)
class Settlement:
    """What to write down about a try: the move, how long to wait for the next one, and why."""

    move: Move
    wait_s: float | None
    reason: str


def settle(outcome: Outcome, attempts: int, jitter: float, quiet_s: float) -> Settlement:
    """Decide what a try's outcome means.

    `attempts` counts tries including this one; `jitter` is uniform in [0, 1); `quiet_s` is how long an
    effect stays in doubt before anyone decides about it.
    """
    match outcome:
        case Performed():
            return Settlement(Move.FINISH, None, "")
        case GiveUp(reason):
            return Settlement(Move.GIVE_UP, None, reason)
        case Unknown(reason):
            return Settlement(Move.LOSE, quiet_s, reason)
        case TryLater(reason, after_s):
            wait = retry_after(attempts, jitter, after_s)
            if wait is None:
                return Settlement(Move.GIVE_UP, None, f"gave up after {attempts} tries: {reason}")
            return Settlement(Move.TRY_LATER, wait, reason)


def retry_after(attempts: int, jitter: float, asked_s: float | None = None) -> float | None:
    """Return the seconds to wait after the `attempts`-th failure, or None when there is no further try.

    Spread over ± 20 % by `jitter` in [0, 1); a receiver's own wish is honoured up to a day, and spread upwards.
    """
    if attempts > len(RETRY_AFTER_S):
        return None
    wait = RETRY_AFTER_S[attempts - 1] * (1 - JITTER + 2 * JITTER * jitter)
    return wait if asked_s is None else max(wait, spread(min(asked_s, LONGEST_ASKED_WAIT_S), jitter))


def spread(wait_s: float, jitter: float) -> float:
    """Return a wait that is at least as long as the one that was asked for; `jitter` is uniform in [0, 1)."""
    return wait_s * (1 + SPREAD * jitter)


def quiet_time_s(longest_call_s: float, margin_s: float = 5.0) -> float:
    """Return how long doubt must rest: a paused sender may still be in its call for that long."""
    return longest_call_s + margin_s


def may_still_write(elapsed_s: float, lease_s: float) -> bool:
    """Return whether a started call may still be written: only in the first third of its lease.

    `elapsed_s` is measured with a clock that runs on while the process is stopped.
    """
    return elapsed_s < lease_s / 3


def effect_key(run_id: str, path: str, iteration: int, channel: str, recipient: str) -> bytes:
    """Return the 32-byte key of one intended change outside.

    Neither the try nor the moment nor the text is in it, so that every repetition carries the same key. `recipient`
    is the one of the moment when the change was intended; the key stays when the message goes to their successor.
    """
    return digest("ef1", run_id, path, str(iteration), channel, recipient)
