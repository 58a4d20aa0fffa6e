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
from uuid import UUID

import asyncpg
import structlog

from milepost_core.cadence import Leave
from milepost_core.destinations import ComeBack, Go, Turn
from milepost_core.effects import GiveUp, Move, Outcome, TryLater, may_begin, settle, spread
from milepost_runtime.database import STORE_TROUBLE, Pool
from milepost_runtime.failpoints import afp
from milepost_runtime.lanes import Claim, Lane, finish, release
from playbook_runner.actions.channel import Channel, NotReached, Sendable, Unreachable
from playbook_runner.clients.scoring import HealthAway
from playbook_runner.effects.calling import ended, make, reached
from playbook_runner.effects.committing import Committing, Ending, Wish, held_or_cancelled
from playbook_runner.effects.doubting import Doubting, kept
from playbook_runner.effects.pacing import Busy, Pacing, destination_of
from playbook_runner.measures import EFFECTS
from playbook_runner.queries import advancing as runs
from playbook_runner.queries import performing as queries
from playbook_runner.queries.destinations import WAITS_ITS_TURN
from playbook_runner.queries.performing import Moving, PutOff
from playbook_runner.runs.absorbing import Absorbing
from playbook_runner.runs.beginning import PERFORM
from playbook_runner.runs.deciding import Deciding, Decision
from playbook_runner.settings import WHOLE_CALL_S

log = structlog.get_logger()
LANE = PERFORM
BATCH = 200
COLUMNS = (
    "state", "channel", "destination", "recipient", "payload", "attempts", "reason", "correlation_id", "run_id",
    "account_id", "step_id", "priority", "transactional", "created_at",
)  # fmt: skip
# An unknown channel is a newer release's word: its effects wait for a worker that knows it.
UNKNOWN_CHANNEL_S = 60.0
WRITE_DOWN_TRIES = 5
# Why an effect waits for its receiver, by the word of its turn.
LEFT_ALONE: Mapping[str, str] = {
    "circuit_open": "its receiver fails at the moment and is left alone for a while",
    "resting": "its receiver has asked to be left alone for a while",
}
# What an effect waits for that nobody has to be told of.
WAITS_FOR: Mapping[str, str] = {"rate_limit": "the rate of {}", "no_line": "so many calls to {} are under way"}


@dataclass(frozen=True)
class Performing:
    """The use case behind the lane `playbooks.perform`."""

    pool: Pool = field(repr=False)
    absorbing: Absorbing
    deciding: Deciding
    pacing: Pacing
    committing: Committing
    doubting: Doubting
    channels: Mapping[str, Channel]
    lease_s: float
    stopping: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

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
            batch=BATCH,
            lease_s=self.lease_s,
            abreast=4,
            stopping=self.stopping,
        )

    async def perform(self, claims: Sequence[Claim]) -> int:
        """Do with each effect what its state asks for; one effect's trouble is its own."""
        asked = [claim.row["step_id"] for claim in claims if claim.row["state"] == "ready"]
        steps = {row["step_id"]: row for row in await runs.contexts(self.pool, asked)}
        open_ = [claim for claim in claims if self._may_call(claim, steps)]
        with self.pacing.promising(open_):
            turns = await self.pacing.turns(open_)
            going = [claim for claim in open_ if isinstance(turns[claim.key], Go)]
            await self._send_away(open_, turns)
            decisions = await self._written_today(going, steps)
            began = time.monotonic()

            async def one(claim: Claim) -> None:
                turn = turns.get(claim.key)
                if isinstance(turn, Go):
                    await self._in_turn(claim, steps[claim.row["step_id"]], decisions, began + turn.after_s)
                elif turn is None:
                    await self._without_call(claim, steps)

            results = await asyncio.gather(*(one(claim) for claim in claims), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return len(claims)

    def _may_call(self, claim: Claim, steps: Mapping[UUID, asyncpg.Record]) -> bool:
        row = claim.row
        return row["state"] == "ready" and row["channel"] in self.channels and _may(steps[row["step_id"]]) is Move.START

    async def _send_away(self, claims: Sequence[Claim], turns: Mapping[bytes, Turn]) -> None:
        """Put off, without a try, who has no turn now."""
        off: list[PutOff] = []
        for claim in claims:
            turn = turns[claim.key]
            if isinstance(turn, ComeBack) and turn.code in WAITS_FOR:
                reason = WAITS_ITS_TURN + WAITS_FOR[turn.code].format(destination_of(claim))
                off.append(PutOff(claim.key, claim.fence, turn.after_s, reason))
        if off:
            async with self.pool.acquire() as connection:
                await queries.put_off(connection, off)
        away = [(claim, turn) for claim in claims if isinstance(turn := turns[claim.key], ComeBack)]
        await asyncio.gather(*(self._leave_alone(*one) for one in away if one[1].code in LEFT_ALONE))

    async def _leave_alone(self, claim: Claim, turn: ComeBack) -> None:
        # Spread, so that not all who waited come at once when the receiver is back.
        wait_s = spread(turn.after_s, random.random())
        moving = Moving(claim.key, Move.HOLD, claim.fence, LEFT_ALONE[turn.code], wait_s)
        await self.committing.end(Ending(claim, moving, code=turn.code))

    async def _written_today(
        self, claims: Sequence[Claim], steps: Mapping[UUID, asyncpg.Record]
    ) -> dict[UUID, Decision]:
        """Return what is to be sent now, by step.

        Bytes that are kept may have arrived: whoever decided to send them again meant these, byte for byte.
        """
        anew = [claim for claim in claims if claim.row["payload"] is None]
        if not anew:
            return {}
        keys = {claim.row["step_id"]: claim.key for claim in anew}
        return await self.deciding.today_of([steps[step_id] for step_id in keys], keys)

    async def _without_call(self, claim: Claim, steps: Mapping[UUID, asyncpg.Record]) -> None:
        channel = self.channels.get(claim.row["channel"])
        if channel is None:
            reason = f"no channel {claim.row['channel']} in this release"
            moving = Moving(claim.key, Move.HOLD, claim.fence, reason, UNKNOWN_CHANNEL_S)
            await self.committing.end(Ending(claim, moving, code="no_channel"))
            return
        match claim.row["state"]:
            case "ready":
                step = steps[claim.row["step_id"]]
                await self.committing.end(held_or_cancelled(claim, _may(step), step))
            case "started":
                await self.doubting.lose(claim, channel)
            case "in_doubt":
                await self.doubting.resolve(claim, channel, self.lane)
            case _:
                async with self.pool.acquire() as connection, connection.transaction():
                    await finish(connection, self.lane, [claim])

    async def _in_turn(self, claim: Claim, step: asyncpg.Record, decisions: Mapping[UUID, Decision], at: float) -> None:
        try:
            wish = await self._wish(claim, step, decisions)
            if wish is None:
                return
            async with self.pacing.turn(claim, at):
                ending = await self._attempt(wish, self.channels[claim.row["channel"]])
        except Busy:
            reason = WAITS_ITS_TURN + WAITS_FOR["no_line"].format(destination_of(claim))
            async with self.pool.acquire() as connection:
                await queries.put_off(connection, [PutOff(claim.key, claim.fence, 0.5 + random.random(), reason)])
            return
        finally:
            # However it ended: the others of its batch may last, and the line is free.
            self.pacing.give_back(claim)
        if ending is not None:
            await self._write_down(ending)

    async def _wish(self, claim: Claim, step: asyncpg.Record, decisions: Mapping[UUID, Decision]) -> Wish | None:
        """Return what wants to start; None when nothing does, and that is written down."""
        row = claim.row
        match decisions[row["step_id"]] if row["payload"] is None else await self.deciding.home(row):
            case (zone, region):
                return Wish(claim, kept(claim), row["channel"] == "slack", zone, region)
            case Leave() as leave:
                await self._leave(claim, step, leave)
            case HealthAway() as error:
                await self._ask_later(claim, step, str(error))
            case draft:
                sendable = Sendable(
                    claim.key, draft.recipient, draft.payload, row["correlation_id"],
                    draft.destination, row["created_at"],
                )  # fmt: skip
                return Wish(claim, sendable, draft.colleague, draft.zone, draft.region)
        return None

    async def _attempt(self, wish: Wish, channel: Channel) -> Ending | None:
        """Start and call; return what is to be written down, for which no line is needed. None: it did not start."""
        claim, until = wish.claim, asyncio.get_running_loop().time() + WHOLE_CALL_S
        try:
            # The line is open before the start, so that between start and write there is little to wait for.
            async with reached(channel, wish.sendable, until) as call:
                began = time.monotonic()
                leaves_at = None if await self._stops(claim) else await self.committing.start(wish)
                if leaves_at is None:
                    return None
                await afp("playbooks.perform.started")
                await self.pacing.step_apart(claim, leaves_at)
                outcome = await make(call, began, self.lease_s, until)
                return self._ending(claim, channel, outcome)
        except NotReached as error:
            return self._ending(claim, channel, TryLater(str(error)), reached=False)
        except Unreachable as error:
            return self._ending(claim, channel, GiveUp(str(error)), reached=False)

    async def _stops(self, claim: Claim) -> bool:
        """Leave an effect to other workers, as due as it was, once this one is told to stop."""
        if not self.stopping.is_set():
            return False
        async with self.pool.acquire() as connection, connection.transaction():
            await release(connection, self.lane, [claim])
        return True

    def _ending(self, claim: Claim, channel: Channel, outcome: Outcome, *, reached: bool = True) -> Ending:
        found = settle(outcome, claim.row["attempts"] + 1, random.random(), self.doubting.quiet_s(channel))
        return ended(claim, channel, outcome, found, reached=reached)

    async def _write_down(self, ending: Ending) -> None:
        """T3: write down how a try ended and what follows; a store in trouble is asked again, the call never is.

        What is handed over is written whatever becomes of who waits for it: also when the worker is told to stop.
        """
        for left in reversed(range(WRITE_DOWN_TRIES)):
            try:
                await self.committing.end(ending)
                break
            except STORE_TROUBLE as error:
                move = ending.moving.move.value
                log.warning("outcome_not_written", move=move, error=type(error).__name__, tries_left=left)
                if not left:
                    raise
                await asyncio.sleep(1.0)
        await afp("playbooks.perform.committed")

    async def _ask_later(self, claim: Claim, step: asyncpg.Record, reason: str) -> None:
        """Without today's health there is nothing true to say: it counts as a try."""
        found = settle(TryLater(reason), claim.row["attempts"] + 1, random.random(), 0.0)
        if found.move is Move.GIVE_UP:
            await self._leave(claim, step, Leave("health_away", found.reason))
            return
        moving = Moving(claim.key, found.move, claim.fence, found.reason, found.wait_s, tries=1)
        await self.committing.end(Ending(claim, moving, "not_asked", code="health_away"))

    async def _leave(self, claim: Claim, step: asyncpg.Record, leave: Leave) -> None:
        """End the run instead of sending: by the same rule as when the effect was intended."""
        move = Move.GIVE_UP if leave.code == "not_sendable" else Move.SUPPRESS
        async with self.pool.acquire() as connection, connection.transaction():
            await runs.lock_run(connection, step["run_id"])
            if not await queries.move(connection, [Moving(claim.key, move, claim.fence, leave.sentence)]):
                log.warning("effect_not_ours", fence=claim.fence, move=move.value)
                return
            await self.absorbing.run_left(connection, step, leave.code, leave.sentence, claim.key)
        EFFECTS.labels(claim.row["channel"], move.value).inc()
        log.info("run_left", code=leave.code, reason=leave.sentence, step=step["path"])

    async def bury(self, claim: Claim, reason: str) -> None:
        """Put an effect out of the way that keeps bringing workers down: what may have been sent is parked."""
        await self.doubting.bury(claim, reason)


def _may(step: asyncpg.Record) -> Move:
    return may_begin(step["run_state"], paused=step["paused"] or step["playbook_paused"])
