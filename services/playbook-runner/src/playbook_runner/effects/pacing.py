"""Pacing: which of the effects that are due may be performed now: circuits, rates, calls at once; it calls nobody.

What may not is put off without spending a try: until the receiver is tried again, or until a turn is likely to be free.
"""

import asyncio
import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from milepost_core.destinations import Destination, Go, Turn, admit, rested, rests, spaced, tallied
from milepost_core.effects import GiveUp, Outcome, TryLater, Unknown
from milepost_runtime.database import Connection, Pool
from milepost_runtime.grouping import Group
from milepost_runtime.lanes import Claim
from playbook_runner.effects.gates import Gate, Rank, rank
from playbook_runner.measures import CIRCUITS
from playbook_runner.queries import destinations as queries
from playbook_runner.queries.destinations import WAITS_ITS_TURN

log = structlog.get_logger()
CALLS_AT_ONCE = 256
# Who has waited so long for one of them is claimed again later, so that others get the worker meanwhile.
PATIENCE_S = 2.0
# Mail servers take few connections from one client.
FEWER_AT_ONCE = {"email": 8}
# How far ahead of an even spacing calls may run; who is later than that stays late.
MOST_SLACK_S = 0.04
# Who is later than that gives its moment up for another one: the next ones are other workers' by now.
MOST_LATE_S = 0.04
MOST_MOMENTS = 5


def destination_of(claim: Claim) -> str:
    """Return the name under which an effect's receiver is known: its connection's, else its channel's."""
    named: str = claim.row["destination"] or claim.row["channel"]
    return named


@dataclass(frozen=True)
class Called:
    """How one call ended, for the receiver's circuit.

    `wish_s` is how long it asked to be left alone, `gone` its word that it wants no calls at all any more.
    """

    destination: str
    good: bool
    wish_s: float | None = None
    gone: str = ""


def called(claim: Claim, outcome: Outcome) -> Called:
    """Return how the receiver did: a clear no about the message is the answer of one that is well."""
    name = destination_of(claim)
    match outcome:
        case TryLater(_, wish_s, everyone, well=well):
            return Called(name, good=well or wish_s is not None, wish_s=wish_s if everyone else None)
        case GiveUp(reason, gone):
            return Called(name, good=True, gone=reason if gone else "")
        case _:
            return Called(name, good=not isinstance(outcome, Unknown))


class Busy(Exception):
    """So many calls to this receiver are under way that there is no turn soon."""


@dataclass(frozen=True)
class Pacing:
    """The use cases around turns; `rates` holds those of receivers that are no connection, in calls a second."""

    pool: Pool = field(repr=False)
    rates: Mapping[str, float] = field(default_factory=dict)
    _gates: dict[str, Gate] = field(default_factory=dict, repr=False)
    _late: "Group[Claim, float]" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_late", Group(self._spaced_anew))

    def _gate(self, destination: str) -> Gate:
        gate = self._gates.get(destination)
        if gate is None:
            lines = FEWER_AT_ONCE.get(destination, CALLS_AT_ONCE)
            gate = Gate(lines, asyncio.Semaphore(lines))
            self._gates[destination] = gate
        return gate

    async def _locked(self, connection: Connection, names: Sequence[str]) -> tuple[float, dict[str, Destination]]:
        now, known = await queries.locked(connection, names)
        own = {name: replace(known[name], rate_per_s=self.rates[name]) for name in names if name in self.rates}
        return now, known | own

    async def turns(self, claims: Sequence[Claim]) -> dict[bytes, Turn]:
        """Return each effect's turn, by key; of the most urgent, who has waited for one longest gets the first.

        Whoever may go has been promised a line: ask while `promising`.
        """
        wanted: dict[str, list[Claim]] = defaultdict(list)
        for claim in claims:
            wanted[destination_of(claim)].append(claim)
        if not wanted:
            return {}
        turns: dict[bytes, Turn] = {}
        async with self.pool.acquire() as connection, connection.transaction():
            now, known = await self._locked(connection, list(wanted))
            for name, those in wanted.items():
                those.sort(key=_order)
                gate = self._gate(name)
                gate.gap_s = 1.0 / (known[name].rate_per_s or float("inf"))
                # Who was there when a worker died is not put off: that would clear it of suspicion.
                suspects = sum(1 for claim in those if claim.crashes)
                room = len(those) if rests(known[name], now) else max(gate.room(), suspects)
                known[name], given = admit(known[name], [_returning(claim) for claim in those[:room]], now)
                given += gate.away([_rank(claim) for claim in those[len(given) :]])
                turns |= {claim.key: turn for claim, turn in zip(those, given, strict=True)}
                gate.promised |= {_promise(claim) for claim in those if isinstance(turns[claim.key], Go)}
            await queries.keep(connection, known)
        return turns

    @contextlib.contextmanager
    def promising(self, claims: Sequence[Claim]) -> Iterator[None]:
        """Give the lines to others at the end that were promised to these and not used."""
        try:
            yield
        finally:
            for claim in claims:
                self.give_back(claim)

    def give_back(self, claim: Claim) -> None:
        """Give the line to others that was promised to an effect, unless it was given back before."""
        self._gate(destination_of(claim)).promised.discard(_promise(claim))

    @contextlib.asynccontextmanager
    async def turn(self, claim: Claim, at: float, patience_s: float = PATIENCE_S) -> AsyncIterator[None]:
        """Hold one of the receiver's turns, not before `at` (monotonic). Raises Busy after `patience_s`."""
        gate = self._gate(destination_of(claim))
        if (early_s := at - time.monotonic()) > 0:
            await asyncio.sleep(early_s)
        if gate.next_at - time.monotonic() > patience_s:
            raise Busy
        await _line_of(gate, patience_s)
        began = time.monotonic()
        try:
            yield
        finally:
            gate.free.release()
            self.give_back(claim)
            gate.learn(time.monotonic() - began)

    async def spaced(self, connection: Connection, claims: Sequence[Claim]) -> dict[bytes, float]:
        """Return by key from when on (monotonic) the calls that start in the caller's transaction may leave.

        Ask last: until the transaction ends, no other worker starts calls to receivers that were promised a rate.
        """
        moments = {claim.key: time.monotonic() for claim in claims}
        rated: dict[str, list[Claim]] = defaultdict(list)
        for claim in claims:
            if self._gate(destination_of(claim)).gap_s:
                rated[destination_of(claim)].append(claim)
        if rated:
            now, known = await self._locked(connection, list(rated))
            here = time.monotonic()
            for name, those in rated.items():
                known[name], waits = spaced(known[name], len(those), now)
                moments |= {claim.key: here + wait_s for claim, wait_s in zip(those, waits, strict=True)}
            await queries.keep(connection, known)
        return moments

    async def step_apart(self, claim: Claim, at: float) -> None:
        """Wait until this call may leave (monotonic), apart from those that this process was late with.

        By the moments of the calls themselves: in no second are there more than 5 % over the rate.
        """
        gate = self._gate(destination_of(claim))
        if not gate.gap_s:
            return
        for _ in range(MOST_MOMENTS):
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            if time.monotonic() - at <= MOST_LATE_S:
                break
            at = await self._late.submit(claim)
        async with gate.order:
            slack_s = max(0.0, MOST_SLACK_S - gate.gap_s)
            await asyncio.sleep(max(0.0, max(at, gate.next_at - slack_s) - time.monotonic()))
            gate.next_at = max(time.monotonic(), gate.next_at) + gate.gap_s

    async def _spaced_anew(self, claims: Sequence[Claim]) -> list[float]:
        async with self.pool.acquire() as connection, connection.transaction():
            moments = await self.spaced(connection, claims)
        return [moments[claim.key] for claim in claims]

    async def tally(self, connection: Connection, calls: Sequence[Called]) -> None:
        """Count how calls ended, in the caller's transaction; a circuit may open or close by it."""
        if not calls:
            return
        good = Counter(call.destination for call in calls if call.good)
        bad = Counter(call.destination for call in calls if not call.good)
        now, known = await self._locked(connection, list(good | bad))
        for name, before in list(known.items()):
            known[name] = tallied(before, good[name], bad[name], now)
            _tell(name, before, known[name])
        for call in calls:
            if call.wish_s:
                known[call.destination] = rested(known[call.destination], call.wish_s, now)
            if call.gone:
                await queries.shut(connection, call.destination, call.gone)
        await queries.keep(connection, known)


async def _line_of(gate: Gate, patience_s: float) -> None:
    """Take one of a gate's lines. Raises Busy."""
    if not gate.free.locked():
        await gate.free.acquire()  # which does not wait
        return
    try:
        async with asyncio.timeout(patience_s):
            await gate.free.acquire()
    except TimeoutError:
        raise Busy from None


def _returning(claim: Claim) -> bool:
    reason: str = claim.row["reason"]
    return reason.startswith(WAITS_ITS_TURN)


def _promise(claim: Claim) -> tuple[bytes, int]:
    # Who is claimed again, while others of the batch before still work, has been promised another one.
    return claim.key, claim.fence


def _rank(claim: Claim) -> Rank:
    return rank(claim.row["priority"], returning=_returning(claim))


def _order(claim: Claim) -> tuple[bool, Rank, datetime]:
    return not claim.crashes, _rank(claim), claim.row["created_at"]


def _tell(name: str, before: Destination, after: Destination) -> None:
    if (before.probe_at is None) != (after.probe_at is None):
        word = "opened" if after.probe_at is not None else "closed"
        CIRCUITS.labels(word).inc()
        log.warning(f"circuit_{word}", destination=name, good=after.good, bad=after.bad)
