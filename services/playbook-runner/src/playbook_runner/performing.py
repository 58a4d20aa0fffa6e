"""Performing effects: claim, start, call, write down; and what to do when nobody knows whether a call was done.

It never makes a call that may have been made before on a channel that cannot tell: such effects are parked. It never
sends an old text: what has surely not been written is decided and drafted anew for each try. The letters T1 to T5 are
the transactions of an effect: T1 is the lane's claim, the others are here.
"""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg
import structlog

from milepost_core.cadence import Exit
from milepost_core.effects import (
    Doubt,
    Move,
    Outcome,
    TryLater,
    Unknown,
    may_begin,
    may_still_write,
    quiet_time_s,
    resolve_doubt,
    settle,
)
from milepost_runtime.database import STORE_TROUBLE, Pool
from milepost_runtime.failpoints import afp
from milepost_runtime.lanes import Claim, Lane, finish
from milepost_runtime.queue import Hints
from playbook_runner.absorbing import Absorbing
from playbook_runner.actions.channel import Call, Channel, NotReached, Sendable
from playbook_runner.advancing import LANE as ADVANCE
from playbook_runner.advancing import PAUSE_LOOK_S
from playbook_runner.clients.scoring import HealthAway
from playbook_runner.deciding import Deciding
from playbook_runner.measures import EFFECTS
from playbook_runner.queries import advancing as runs
from playbook_runner.queries import performing as queries
from playbook_runner.queries.performing import Frozen, Moving

log = structlog.get_logger()
LANE = "playbooks.perform"
CALLS_AT_ONCE = 8
COLUMNS = (
    "state", "channel", "recipient", "payload", "attempts", "reason", "correlation_id", "run_id", "account_id",
    "step_id",
)  # fmt: skip
# An unknown channel is a newer release's word: its effects wait for a worker that knows it.
UNKNOWN_CHANNEL_S = 60.0
WRITE_DOWN_TRIES = 5
# How an attempt is remembered, by the move that ended it.
REMEMBERED = {Move.FINISH: "done", Move.TRY_LATER: "try_later", Move.GIVE_UP: "refused", Move.LOSE: "unknown"}


@dataclass(frozen=True)
class Performing:
    """The use case behind the lane `playbooks.perform`."""

    pool: Pool = field(repr=False)
    absorbing: Absorbing
    deciding: Deciding
    channels: Mapping[str, Channel]
    hints: Hints = field(repr=False)
    lease_s: float
    quiet_margin_s: float

    @property
    def lane(self) -> Lane:
        """The lane over effects that want attention: ready ones, started ones whose lease ran out, ones in doubt."""
        return Lane(
            LANE,
            "effect",
            "key",
            self.perform,
            bury=self.bury,
            key_type="bytea",
            columns=COLUMNS,
            batch=CALLS_AT_ONCE * 2,
            lease_s=self.lease_s,
        )

    async def perform(self, claims: Sequence[Claim]) -> int:
        """Do with each effect what its state asks for; one effect's trouble is its own."""
        asked = [claim.row["step_id"] for claim in claims if claim.row["state"] == "ready"]
        steps = {row["step_id"]: row for row in await runs.contexts(self.pool, asked)}
        gate = asyncio.Semaphore(CALLS_AT_ONCE)

        async def one(claim: Claim) -> None:
            async with gate:
                with structlog.contextvars.bound_contextvars(
                    correlation_id=claim.row["correlation_id"],
                    run_id=str(claim.row["run_id"]),
                    account_id=str(claim.row["account_id"]),
                    effect=claim.key.hex(),
                ):
                    await self._one(claim, steps.get(claim.row["step_id"]))

        results = await asyncio.gather(*(one(claim) for claim in claims), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return len(claims)

    async def _one(self, claim: Claim, step: asyncpg.Record | None) -> None:
        channel = self.channels.get(claim.row["channel"])
        if channel is None:
            reason = f"no channel {claim.row['channel']} in this release"
            await self._move(
                claim, Moving(claim.key, Move.HOLD, claim.fence, reason, UNKNOWN_CHANNEL_S), code="no_channel"
            )
            return
        match claim.row["state"]:
            case "ready":
                assert step is not None, "an effect has a step"
                await self._attempt(claim, channel, step)
            case "started":
                await self._lose(claim, channel)
            case "in_doubt":
                await self._resolve(claim, channel)
            case _:
                async with self.pool.acquire() as connection, connection.transaction():
                    await finish(connection, self.lane, [claim])

    async def _attempt(self, claim: Claim, channel: Channel, step: asyncpg.Record) -> None:
        move = may_begin(step["run_state"], paused=step["paused"] or step["playbook_paused"])
        if move is not Move.START:
            await self._not_now(claim, move)
            return
        sendable = await self._written_today(claim, step)
        if sendable is None:
            return
        try:
            # The line is open before the start, so that between start and write there is little to wait for.
            async with channel.open(sendable) as call:
                began = time.monotonic()
                if not await self._start(claim, sendable):
                    return
                await afp("playbooks.perform.started")
                outcome = await self._call(call, began)
                # Shielded: an answer that came is written down even when the worker is told to stop.
                await asyncio.shield(self._end(claim, channel, outcome))
        except NotReached as error:
            await self._end(claim, channel, TryLater(str(error)), reached=False)

    async def _written_today(self, claim: Claim, step: asyncpg.Record) -> Sendable | None:
        """Return what is to be sent now; None when nothing is, and that is written down.

        Bytes that are kept may have arrived: whoever decided to send them again meant these, byte for byte.
        """
        row = claim.row
        if row["payload"] is not None:
            return Sendable(claim.key, row["recipient"], row["payload"], row["correlation_id"])
        try:
            decision = await self.deciding.today(step, claim.key)
        except HealthAway as error:
            await self._ask_later(claim, step, str(error))
            return None
        if isinstance(decision, Exit):
            await self._leave(claim, step, decision)
            return None
        return Sendable(claim.key, decision.recipient, decision.payload, row["correlation_id"])

    async def _ask_later(self, claim: Claim, step: asyncpg.Record, reason: str) -> None:
        """Without today's health there is nothing true to say: it counts as a try."""
        found = settle(TryLater(reason), claim.row["attempts"] + 1, random.random(), 0.0)
        if found.move is Move.GIVE_UP:
            await self._leave(claim, step, Exit("health_away", found.reason))
            return
        moving = Moving(claim.key, found.move, claim.fence, found.reason, found.wait_s, tries=1)
        await self._move(claim, moving, "not_asked", code="health_away")

    async def _leave(self, claim: Claim, step: asyncpg.Record, exit_: Exit) -> None:
        """End the run instead of sending: by the same rule as when the effect was intended."""
        move = Move.GIVE_UP if exit_.code == "not_sendable" else Move.SUPPRESS
        async with self.pool.acquire() as connection, connection.transaction():
            if await queries.move(connection, Moving(claim.key, move, claim.fence, exit_.sentence)) is None:
                log.warning("effect_not_ours", fence=claim.fence, move=move.value)
                return
            await runs.lock_run(connection, step["run_id"])
            await self.absorbing.run_left(connection, step, exit_.code, exit_.sentence, claim.key)
        EFFECTS.labels(claim.row["channel"], move.value).inc()
        log.info("run_left", code=exit_.code, reason=exit_.sentence, step=step["path"])

    async def _start(self, claim: Claim, sendable: Sendable) -> bool:
        """T2: with everything locked, read again what may forbid the start; then start, hold or cancel.

        What is about to be written is kept in the same transaction, so that what was written is what is kept.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            facts = await queries.read_before_start(connection, claim.key, claim.fence)
            if facts is None:
                log.warning("effect_not_ours", fence=claim.fence)
                return False
            move = may_begin(facts["run_state"], paused=facts["paused"] or facts["playbook_paused"])
            if move is Move.START:
                frozen = Frozen(sendable.recipient, sendable.payload)
                await queries.start(connection, claim.key, claim.fence, frozen, self.lease_s)
                return True
        await self._not_now(claim, move)
        return False

    async def _not_now(self, claim: Claim, move: Move) -> None:
        wait = PAUSE_LOOK_S if move is Move.HOLD else None
        await self._move(claim, Moving(claim.key, move, claim.fence, "paused" if wait else "run cancelled", wait))

    async def _call(self, call: Call, began: float) -> Outcome:
        """Make the call; an error that nobody foresaw leaves doubt, as it may have come after the write."""
        try:
            return await call.perform(lambda: may_still_write(time.monotonic() - began, self.lease_s))
        except Exception as error:
            log.exception("call_broke")
            return Unknown(f"unforeseen: {type(error).__name__}")

    async def _end(self, claim: Claim, channel: Channel, outcome: Outcome, *, reached: bool = True) -> None:
        """T3: write down how the try ended and what follows; a store in trouble is asked again, the call never is."""
        tries = claim.row["attempts"] + 1
        found = settle(outcome, tries, random.random(), self._quiet_s(channel))
        moving = Moving(
            claim.key,
            found.move,
            claim.fence,
            found.reason,
            found.wait_s,
            tries=0 if reached else 1,
            remote_id=getattr(outcome, "remote_id", None),
        )
        told = REMEMBERED[found.move] if reached else "not_reached"
        for left in reversed(range(WRITE_DOWN_TRIES)):
            try:
                await self._move(claim, moving, told)
                break
            except STORE_TROUBLE as error:
                log.warning("outcome_not_written", move=found.move.value, error=type(error).__name__, tries_left=left)
                if not left:
                    raise
                await asyncio.sleep(1.0)
        await afp("playbooks.perform.committed")

    async def _lose(self, claim: Claim, channel: Channel) -> None:
        """T4: it was started and its worker is gone; whether the call was made is not known."""
        reason = "the worker was lost after the start, so the message may or may not have been sent"
        await self._move(claim, Moving(claim.key, Move.LOSE, claim.fence, reason, self._quiet_s(channel)))

    async def _resolve(self, claim: Claim, channel: Channel) -> None:
        """T5: the quiet time is over; ask, repeat under the same key, or park for a person."""
        answer = await channel.ask(claim.key) if channel.doubt is Doubt.ASKABLE else None
        move = resolve_doubt(channel.doubt, answer)
        wait = 0.0 if move is Move.RESEND else None
        await self._move(claim, Moving(claim.key, move, claim.fence, claim.row["reason"], wait))

    async def _move(self, claim: Claim, moving: Moving, told: str | None = None, code: str | None = None) -> None:
        """Write one move with all its consequences, if the effect is still ours.

        `told` is how its attempt is remembered, `code` what the ledger calls the move when not by its own name.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            effect = await queries.move(connection, moving)
            if effect is None:
                log.warning("effect_not_ours", fence=claim.fence, move=moving.move.value)
                return
            if told is not None:
                await queries.close_attempt(connection, effect, told, moving.reason)
            elif moving.move is Move.LOSE:
                await queries.lose_attempts(connection, effect)
            if moving.move is Move.HOLD and claim.row["reason"] == moving.reason:
                return
            further = await self.absorbing.effect_moved(connection, effect, moving.move, moving.reason, code)
        EFFECTS.labels(claim.row["channel"], moving.move.value).inc()
        log.info("effect_moved", move=moving.move.value, reason=moving.reason, attempts=effect["attempts"])
        if further:
            self.hints.nudge(ADVANCE)

    async def bury(self, claim: Claim, reason: str) -> None:
        """Put an effect out of the way that keeps bringing workers down: what may have been sent is parked."""
        moves = {"ready": Move.GIVE_UP, "started": Move.LOSE, "in_doubt": Move.PARK}
        move = moves.get(claim.row["state"])
        if move is not None:
            wait = self.quiet_margin_s if move is Move.LOSE else None
            await self._move(claim, Moving(claim.key, move, claim.fence, reason, wait))

    def _quiet_s(self, channel: Channel) -> float:
        return quiet_time_s(channel.longest_call_s, self.quiet_margin_s)
