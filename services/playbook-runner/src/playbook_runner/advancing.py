"""Advancing runs: a due step asks for today's health, then becomes an effect, waits, or ends the run.

It sends nothing, and it keeps no text: the effect that it writes down is performed by the next lane, which asks again
and writes what is true then.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import structlog

from milepost_core.cadence import Exit
from milepost_core.effects import retry_after
from milepost_runtime.database import Pool
from milepost_runtime.failpoints import afp
from milepost_runtime.lanes import Claim, Lane, finish, hold, postpone
from milepost_runtime.queue import Hints
from playbook_runner.absorbing import Absorbing
from playbook_runner.clients.scoring import HealthAway
from playbook_runner.deciding import Deciding
from playbook_runner.drafting import Draft
from playbook_runner.measures import STEPS
from playbook_runner.queries import advancing as queries

log = structlog.get_logger()
LANE = "playbooks.advance"
QUESTIONS_AT_ONCE = 8
# While a pause lasts, rows look up again after this long; resuming makes them due at once.
PAUSE_LOOK_S = 30.0


@dataclass(frozen=True)
class Advancing:
    """The use case behind the lane `playbooks.advance`."""

    pool: Pool = field(repr=False)
    absorbing: Absorbing
    deciding: Deciding
    hints: Hints = field(repr=False)
    lease_s: float = 15.0

    @property
    def lane(self) -> Lane:
        """The lane over steps that are due."""
        return Lane(LANE, "step", "id", self.advance, bury=self.bury, key_type="uuid", batch=50, lease_s=self.lease_s)

    async def advance(self, claims: Sequence[Claim]) -> int:
        """Carry each claimed step one move further; one step's trouble is its own."""
        rows = {row["step_id"]: row for row in await queries.contexts(self.pool, [claim.key for claim in claims])}
        gate = asyncio.Semaphore(QUESTIONS_AT_ONCE)

        async def one(claim: Claim) -> None:
            async with gate:
                await self._one(claim, rows[claim.key])

        results = await asyncio.gather(*(one(claim) for claim in claims), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return len(claims)

    async def _one(self, claim: Claim, step: asyncpg.Record) -> None:
        with structlog.contextvars.bound_contextvars(
            correlation_id=step["correlation_id"], run_id=str(step["run_id"]), account_id=str(step["account_id"])
        ):
            if step["run_state"] != "running":
                await self._cancelled(claim)
            elif step["paused"] or step["playbook_paused"]:
                await self._wait(claim, step, "paused", "paused", PAUSE_LOOK_S)
            else:
                await self._decide(claim, step)

    async def _decide(self, claim: Claim, step: asyncpg.Record) -> None:
        try:
            decision = await self.deciding.today(step)
        except HealthAway as error:
            await self._ask_later(claim, step, str(error))
            return
        if isinstance(decision, Exit):
            await self._leave(claim, step, decision)
        else:
            await self._intend(claim, step, decision)

    async def _intend(self, claim: Claim, step: asyncpg.Record, draft: Draft) -> None:
        """Write the effect down, unless the run was cancelled meanwhile; from here on its key decides.

        The draft's text has only shown that there is something to send: the text that goes out is of that moment.
        """
        effect = queries.NewEffect(
            key=draft.key,
            account_id=step["account_id"],
            run_id=step["run_id"],
            step_id=step["step_id"],
            channel=step["kind"],
            recipient=draft.recipient,
            correlation_id=step["correlation_id"],
        )
        async with self.pool.acquire() as connection, connection.transaction():
            if not await hold(connection, self.lane, [claim]):
                return
            run = await queries.lock_run(connection, step["run_id"])
            if run is None or run["state"] != "running":
                await queries.set_step(connection, step["step_id"], "cancelled", "run cancelled")
                return
            await queries.insert_effect(connection, effect)
            await queries.set_step(connection, step["step_id"], "performing")
            await afp("playbooks.advance.intended")
        STEPS.labels("intended").inc()
        log.info("effect_intended", effect=draft.key.hex(), channel=step["kind"], step=step["path"])
        self.hints.nudge("playbooks.perform")

    async def _leave(self, claim: Claim, step: asyncpg.Record, exit_: Exit) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            if not await hold(connection, self.lane, [claim]):
                return
            await self.absorbing.run_left(connection, step, exit_.code, exit_.sentence)
        STEPS.labels(exit_.code).inc()
        log.info("run_left", code=exit_.code, reason=exit_.sentence, step=step["path"])

    async def _ask_later(self, claim: Claim, step: asyncpg.Record, reason: str) -> None:
        wait = retry_after(step["attempts"] + 1, random.random())
        if wait is None:
            await self._leave(claim, step, Exit("health_away", f"no answer in {step['attempts'] + 1} tries: {reason}"))
            return
        await self._wait(claim, step, "health_away", reason, wait)
        STEPS.labels("asked_later").inc()
        log.warning("health_away", reason=reason, again_in_s=round(wait, 1))

    async def _wait(self, claim: Claim, step: asyncpg.Record, code: str, reason: str, seconds: float) -> None:
        """Look again after so many seconds; a pause is nobody's failed try."""
        async with self.pool.acquire() as connection, connection.transaction():
            if await postpone(connection, self.lane, [claim], seconds):
                await queries.note_step(connection, claim.key, reason, tries=0 if code == "paused" else 1)
                await self.absorbing.step_waits(connection, step, code, reason)

    async def _cancelled(self, claim: Claim) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            if await finish(connection, self.lane, [claim]):
                await queries.set_step(connection, claim.key, "cancelled", "run cancelled")

    async def bury(self, claim: Claim, reason: str) -> None:
        """End the run of a step that cannot be advanced."""
        step_id: UUID = claim.key
        rows = await queries.contexts(self.pool, [step_id])
        if rows:
            await self._leave(claim, rows[0], Exit("failed", reason))
