"""Committing: the transactions around a call, many effects at a time; it makes no call and decides nothing itself.

T2 starts effects: with everything locked it reads again what may forbid them, asks the arbiter, and keeps what is about
to be written. T3, T4 and T5 write down how a try ended, with all that follows. What a pause holds is written down in a
transaction of its own, that waits for who resumes it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg
import structlog

from milepost_core.arbiter import Allow, Defer, Refuse, Verdict
from milepost_core.doubts import DENIALS, put_away
from milepost_core.effects import Move, may_begin
from milepost_runtime.database import Connection, Pool
from milepost_runtime.grouping import Group
from milepost_runtime.lanes import Claim
from milepost_runtime.logging import info_each
from milepost_runtime.queue import Hints
from playbook_runner.actions.channel import Sendable
from playbook_runner.arbiter.arbitrating import Arbitrating, Asked
from playbook_runner.effects.pacing import Called, Pacing
from playbook_runner.measures import EFFECTS
from playbook_runner.queries import doubts, locking
from playbook_runner.queries import performing as queries
from playbook_runner.queries.performing import Ended, Moving, Start
from playbook_runner.queries.playbooks import are_holding, hold_pauses, wake_resumed
from playbook_runner.runs.absorbing import Absorbing, Happened
from playbook_runner.runs.beginning import Further
from playbook_runner.runs.returning import BOUNCED, Return, Returning
from playbook_runner.runs.stopping import over

log = structlog.get_logger()
# While a pause lasts, effects look up again after this long; resuming makes them due at once.
PAUSE_LOOK_S = 30.0


@dataclass(frozen=True)
class Wish:
    """An effect that wants to start, with what it would send."""

    claim: Claim
    sendable: Sendable
    colleague: bool
    zone: str = ""
    region: str = ""


@dataclass(frozen=True)
class Ending:
    """A move with all that is to be remembered of it.

    `told` is how its attempt is remembered, `code` and `outcome` what the ledger calls the move when not by its own
    name, `call` how the receiver did, `no_mailbox` that there is nobody under this address. `letter`: no try is left at
    a receiver that knows keys, so it is a dead letter. `not_done`: the receiver knows of no try of it. `paused` is its
    playbook when nothing but a pause, of that or of all, holds it.
    """

    claim: Claim
    moving: Moving
    told: str | None = None
    code: str | None = None
    outcome: str | None = None
    call: Called | None = None
    no_mailbox: bool = False
    letter: bool = False
    not_done: bool = False
    paused: str | None = None


@dataclass(frozen=True)
class Committing:
    """The use cases around starts and ends."""

    pool: Pool = field(repr=False)
    absorbing: Absorbing
    arbitrating: Arbitrating
    returning: Returning
    pacing: Pacing
    hints: Hints = field(repr=False)
    lease_s: float
    _starts: "Group[Wish, Ending | float | None]" = field(init=False, repr=False)
    _ends: "Group[Ending, bool]" = field(init=False, repr=False)
    _holds: "Group[Ending, bool]" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_starts", Group(self._start))
        object.__setattr__(self, "_ends", Group(self._end))
        object.__setattr__(self, "_holds", Group(self._hold))

    async def start(self, wish: Wish) -> float | None:
        """T2 for one effect, in company; return from when on (monotonic) its call may leave.

        None: it may not start, or is not ours any more, and that is written down.
        """
        found = await self._starts.submit(wish)
        if isinstance(found, Ending):
            await self.end(found)
            return None
        return found

    async def end(self, ending: Ending) -> bool:
        """Write one move with all its consequences, in company; False: the effect is not ours any more."""
        return await (self._ends if ending.paused is None else self._holds).submit(ending)

    async def _start(self, wishes: Sequence[Wish]) -> "list[Ending | float | None]":
        async with self.pool.acquire() as connection, connection.transaction():
            await locking.runs_of_effects(connection, [wish.claim.key for wish in wishes])
            facts = await queries.read_before_start(connection, [_as_start(wish) for wish in wishes])
            ours = [wish for wish in wishes if wish.claim.key in facts]
            may = [wish for wish in ours if _may(facts[wish.claim.key]) is Move.START]
            asked = [_asked(wish, facts[wish.claim.key]) for wish in may]
            verdicts = {
                one.key: verdict for one, verdict in zip(asked, await self._ask(connection, asked), strict=True)
            }
            allowed = [wish for wish in may if isinstance(verdicts[wish.claim.key], Allow)]
            if allowed:
                await queries.start(connection, [_as_start(wish) for wish in allowed], self.lease_s)
            started = {wish.claim.key for wish in allowed}
            others = [wish for wish in ours if wish.claim.key not in started]
            kept = [_not_now(wish, facts[wish.claim.key], verdicts.get(wish.claim.key)) for wish in others]
            held = {one.claim.key: one for one in kept if one.paused is not None}
            kept = await self._honest(connection, [one for one in kept if one.paused is None])
            written = await self._write(connection, kept)
            moments = await self.pacing.spaced(connection, [wish.claim for wish in allowed])
        self._tell(kept, written)
        for wish in wishes:
            if wish.claim.key not in facts:
                log.warning("effect_not_ours", effect=wish.claim.key.hex(), fence=wish.claim.fence)
        return [held.get(wish.claim.key) or moments.get(wish.claim.key) for wish in wishes]

    async def _ask(self, connection: Connection, asked: Sequence[Asked]) -> Sequence[Verdict]:
        return await self.arbitrating.admit(connection, asked) if asked else []

    async def _end(self, endings: Sequence[Ending]) -> list[bool]:
        async with self.pool.acquire() as connection, connection.transaction():
            await locking.runs_of_effects(connection, [ending.claim.key for ending in endings])
            endings = await self._honest(connection, endings)
            written = await self._write(connection, endings)
            await self.pacing.tally(connection, [ending.call for ending in endings if ending.call is not None])
        self._tell(endings, written)
        return [ending.claim.key in written.moved for ending in endings]

    async def _hold(self, endings: Sequence[Ending]) -> list[bool]:
        """Put off what a pause holds; what was resumed since it was looked at is due, and had no time to wait."""
        playbooks = {ending.paused for ending in endings if ending.paused is not None}
        async with self.pool.acquire() as connection, connection.transaction():
            held = await hold_pauses(connection, playbooks)
            await locking.runs_of_effects(connection, [ending.claim.key for ending in endings])
            going = {one for one in playbooks if not are_holding(held, one)}
            still = [ending for ending in endings if ending.paused not in going]
            resumed = [(one.claim.key, one.claim.fence) for one in endings if one.paused in going]
            freed = await wake_resumed(connection, resumed)
            written = await self._write(connection, still)
        self._tell(still, written)
        return [ending.claim.key in {*written.moved, *freed} for ending in endings]

    async def _honest(self, connection: Connection, endings: Sequence[Ending]) -> list[Ending]:
        """Return the endings with those parked that would deny what may have arrived."""
        denied = [one.claim.key for one in endings if one.moving.move in DENIALS and not one.letter]
        unclear = await doubts.unclear(connection, denied) if denied else set()
        return [_honest(one, unclear=one.claim.key in unclear and not one.letter) for one in endings]

    async def _write(self, connection: Connection, endings: Sequence[Ending]) -> "Written":
        if not endings:
            return Written({}, Further())
        moved = await queries.move(connection, [ending.moving for ending in endings])
        ours = [ending for ending in endings if ending.claim.key in moved]
        await self._remember(connection, ours, moved)
        happened = [_happened(ending, moved[ending.claim.key]) for ending in ours if not _old_news(ending)]
        further = await self.absorbing.effects_moved(connection, happened) if happened else Further()
        await self.returning.keep(connection, [_return(one, moved[one.claim.key]) for one in ours if one.no_mailbox])
        return Written(moved, further)

    def _tell(self, endings: Sequence[Ending], written: "Written") -> None:
        moved = [ending for ending in endings if ending.claim.key in written.moved]
        info_each("effect_moved", (_line(ending, written.moved[ending.claim.key]) for ending in moved))
        for (channel, move), count in Counter((one.claim.row["channel"], one.moving.move) for one in moved).items():
            EFFECTS.labels(channel, move.value).inc(count)
        for ending in endings:
            if ending.claim.key not in written.moved:
                _warn(ending)
        written.further.tell(self.hints)

    async def _remember(
        self, connection: Connection, ours: Sequence[Ending], moved: dict[bytes, asyncpg.Record]
    ) -> None:
        ended = [Ended(moved[one.claim.key], one.told, one.moving.reason) for one in ours if one.told is not None]
        lost = [moved[one.claim.key] for one in ours if one.told is None and one.moving.move is Move.LOSE]
        settled = [moved[one.claim.key] for one in ours if one.not_done]
        if ended:
            await queries.close_attempts(connection, ended)
        if lost:
            await queries.lose_attempts(connection, lost)
        if settled:
            await doubts.settle_attempts(connection, settled)


@dataclass(frozen=True)
class Written:
    """The effects that moved, by key, and what goes on because of it."""

    moved: dict[bytes, asyncpg.Record]
    further: Further


def _as_start(wish: Wish) -> Start:
    return Start(wish.claim.key, wish.claim.fence, wish.sendable.recipient, wish.sendable.payload)


def _return(ending: Ending, effect: asyncpg.Record) -> Return:
    evidence = f"effect:{ending.claim.key.hex()}"
    return Return(BOUNCED, effect["recipient"], ending.moving.reason, "the mail server", evidence)


def _may(facts: asyncpg.Record) -> Move:
    return may_begin(facts["run_state"], paused=facts["paused"] or facts["playbook_paused"])


def _not_now(wish: Wish, facts: asyncpg.Record, verdict: Verdict | None) -> Ending:
    """Return how an effect that may not start is written down; without a verdict a pause or a cancelled run is why."""
    claim = wish.claim
    match verdict:
        case Defer(until, code, sentence):
            wait_s = max(0.0, (until - facts["now"]).total_seconds())
            return Ending(claim, Moving(claim.key, Move.HOLD, claim.fence, sentence, wait_s), code=code)
        case Refuse(outcome, code, sentence):
            moving = Moving(claim.key, Move.SUPPRESS, claim.fence, sentence)
            return Ending(claim, moving, code=code, outcome=outcome)
        case _:
            return held_or_cancelled(claim, _may(facts), facts)


def _honest(ending: Ending, *, unclear: bool) -> Ending:
    moving, move = ending.moving, put_away(ending.moving.move, unclear=unclear)
    if move is moving.move:
        return ending
    reason = f"an earlier try may have arrived; no further one is made: {moving.reason}"
    return replace(ending, moving=replace(moving, move=move, reason=reason, wait_s=None), code=None, outcome=None)


def held_or_cancelled(claim: Claim, move: Move, run: asyncpg.Record) -> Ending:
    """Return how an effect is written down that a pause holds, or whose run (a row of `contexts`, say) is over."""
    if move is Move.HOLD:
        moving = Moving(claim.key, move, claim.fence, "paused", PAUSE_LOOK_S)
        return Ending(claim, moving, paused=run["playbook_id"])
    return Ending(claim, Moving(claim.key, move, claim.fence, over(run)))


def _asked(wish: Wish, facts: asyncpg.Record) -> Asked:
    row = wish.claim.row
    return Asked(
        key=wish.claim.key,
        account_id=row["account_id"],
        playbook_id=facts["playbook_id"],
        channel=row["channel"],
        recipient=wish.sendable.recipient,
        asked_at=facts["asked_at"],
        priority=row["priority"],
        transactional=row["transactional"],
        colleague=wish.colleague,
        zone=wish.zone,
        region=wish.region,
    )


def _happened(ending: Ending, effect: asyncpg.Record) -> Happened:
    moving = ending.moving
    return Happened(effect, moving.move, moving.reason, ending.code, ending.outcome)


def _old_news(ending: Ending) -> bool:
    """It still waits for what it waited for: that has been told."""
    return ending.moving.move is Move.HOLD and bool(ending.claim.row["reason"] == ending.moving.reason)


def _line(ending: Ending, effect: asyncpg.Record) -> dict[str, Any]:
    moving = ending.moving
    told = {"move": moving.move.value, "reason": moving.reason, "attempts": effect["attempts"]}
    return told | _names(ending)


def _warn(ending: Ending) -> None:
    log.warning("effect_not_ours", move=ending.moving.move.value, fence=ending.claim.fence, **_names(ending))


def _names(ending: Ending) -> dict[str, str]:
    row = ending.claim.row
    return {
        "effect": ending.claim.key.hex(),
        "run_id": str(row["run_id"]),
        "correlation_id": row["correlation_id"],
    }
