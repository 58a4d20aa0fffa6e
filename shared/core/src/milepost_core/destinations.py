"""Destinations: when a receiver may be called: the circuit that spares a sick one, and the rate that it was promised.

It never looks at a clock or calls anyone; moments are Unix times in seconds and are arguments.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

# Open when half of at least twenty calls of the last minute failed; then one call in half a minute tries whether the
# receiver is back.
HALF_WINDOW_S: Final = 30.0
LEAST_CALLS: Final = 20
SICK_SHARE: Final = 0.5
PROBE_EVERY_S: Final = 30.0
# Who gets a turn gets it within so many seconds; who does not comes back when one is likely to be free.
AHEAD_S: Final = 1.0
# Who asks to be left alone is asked again after so long at the latest, by one call or another: it may be well by then.
LONGEST_REST_S: Final = 3600.0
# So long before its moment a call is ready to leave, whatever the store and the worker take until then.
LEAD_S: Final = 0.1


@dataclass(frozen=True)
class Destination:
    """What is known about a receiver.

    The calls of the last minute are counted in two halves: `good` and `bad` since `since`, `was_good` and `was_bad` in
    the half minute before. `free_at` is the next moment at which a call keeps to `rate_per_s`; up to `booked_to` turns
    have been promised to those who were sent away. The call that was started last leaves before `call_at`. Until
    `resting_until` it wants no calls: its own word.
    """

    rate_per_s: float | None = None
    probe_at: float | None = None
    """When one call may try whether the receiver is back; None: the circuit is closed."""
    since: float = 0.0
    good: int = 0
    bad: int = 0
    was_good: int = 0
    was_bad: int = 0
    free_at: float = 0.0
    booked_to: float = 0.0
    resting_until: float | None = None
    call_at: float = 0.0


@dataclass(frozen=True)
class Go:
    """The call may be made in so many seconds."""

    after_s: float


@dataclass(frozen=True)
class ComeBack:
    """No call now; ask again in so many seconds. `no_line`: as many calls are under way as one process makes."""

    after_s: float
    code: Literal["circuit_open", "resting", "rate_limit", "no_line"]


Turn: TypeAlias = Go | ComeBack


def rests(destination: Destination, now: float) -> bool:
    """Return whether a receiver is left alone now, but for one call that tries it."""
    return destination.probe_at is not None or (destination.resting_until or now) > now


def admit(destination: Destination, returning: Sequence[bool], now: float) -> tuple[Destination, list[Turn]]:
    """Return a turn for each who wants to call, in their order, and what is known of the destination afterwards.

    `returning` says of each whether it was sent away before for want of a turn: it is not sent to the end again.
    """
    # A receiver's own word comes first: before it is over nobody tries whether it is back.
    if destination.resting_until is not None and destination.resting_until > now:
        return destination, [ComeBack(destination.resting_until - now, "resting")] * len(returning)
    if destination.probe_at is not None:
        return _probe(destination, len(returning), now)
    if destination.rate_per_s is None:
        return destination, [Go(0.0)] * len(returning)
    gap = 1.0 / destination.rate_per_s
    free, booked = max(destination.free_at, now), destination.booked_to
    turns: list[Turn] = []
    for number, again in enumerate(returning):
        if free - now < AHEAD_S:
            turns.append(Go(free - now))
            free += gap
        elif again:
            turns.append(ComeBack(free - now + number * gap, "rate_limit"))
        else:
            booked = max(booked, free)
            turns.append(ComeBack(booked - now, "rate_limit"))
            booked += gap
    return replace(destination, free_at=free, booked_to=booked), turns


def spaced(destination: Destination, calls: int, now: float) -> tuple[Destination, list[float]]:
    """Return in how many seconds each of the calls that start now may leave, and what is known afterwards.

    A turn says when to get ready, and some are late; these moments keep to the rate whoever makes the calls.
    """
    if destination.rate_per_s is None:
        return destination, [0.0] * calls
    gap, first = 1.0 / destination.rate_per_s, max(destination.call_at, now + LEAD_S)
    waits = [first - now + number * gap for number in range(calls)]
    return replace(destination, call_at=first + calls * gap), waits


def _probe(destination: Destination, wanted: int, now: float) -> tuple[Destination, list[Turn]]:
    """Let one through when it is time to try; the others come back after it is known how that ended."""
    assert destination.probe_at is not None
    if destination.probe_at > now:
        return destination, [ComeBack(destination.probe_at - now, "circuit_open")] * wanted
    away: list[Turn] = [ComeBack(PROBE_EVERY_S, "circuit_open")] * (wanted - 1)
    return replace(destination, probe_at=now + PROBE_EVERY_S), [Go(0.0), *away]


def tallied(destination: Destination, good: int, bad: int, now: float) -> Destination:
    """Return what is known after so many calls that were answered and so many that failed.

    One answer closes an open circuit and begins the count anew; a failed try puts the next one off.
    """
    if destination.probe_at is not None:
        if good:
            return replace(destination, probe_at=None, since=now, good=good, bad=bad, was_good=0, was_bad=0)
        return replace(destination, probe_at=now + PROBE_EVERY_S) if bad else destination
    rolled = _rolled(destination, now)
    counted = replace(rolled, good=rolled.good + good, bad=rolled.bad + bad)
    failed = counted.bad + counted.was_bad
    calls = failed + counted.good + counted.was_good
    sick = bad > 0 and calls >= LEAST_CALLS and failed >= SICK_SHARE * calls
    return replace(counted, probe_at=now + PROBE_EVERY_S) if sick else counted


def _rolled(destination: Destination, now: float) -> Destination:
    age = now - destination.since
    if age < HALF_WINDOW_S:
        return destination
    if age < 2 * HALF_WINDOW_S:
        halves = {"was_good": destination.good, "was_bad": destination.bad}
        return replace(destination, since=destination.since + HALF_WINDOW_S, good=0, bad=0, **halves)
    return replace(destination, since=now, good=0, bad=0, was_good=0, was_bad=0)


def rested(destination: Destination, wish_s: float, now: float) -> Destination:
    """Return what is known after a receiver asked to be left alone for so many seconds (at most LONGEST_REST_S)."""
    until = now + min(wish_s, LONGEST_REST_S)
    return replace(destination, resting_until=max(destination.resting_until or 0.0, until))
