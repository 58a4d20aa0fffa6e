"""Advancing runs: due steps are decided many at a time; they pass, wait, begin somebody's work, or end their run.

It sends nothing, and it keeps no text: the effect that it writes down is performed by the next lane, which asks again
and writes what is true then. A run goes through all steps that are over at once in one transaction.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from milepost_core.cadence import TIMED_OUT, Ask, Leave, Perform, Walk
from milepost_core.effects import retry_after
from milepost_core.playbooks import Playbook
from milepost_core.playbooks.document import ApprovalStep, TaskStep, WaitStep
from milepost_runtime.database import Connection, Pool
from milepost_runtime.failpoints import afp
from milepost_runtime.lanes import Claim, Lane, hold, postpone, release
from milepost_runtime.queue import Hints
from playbook_runner.clients.scoring import HealthAway
from playbook_runner.documents.keeping import Keeping
from playbook_runner.measures import STEPS
from playbook_runner.queries import advancing as queries
from playbook_runner.queries.playbooks import are_holding, hold_pauses
from playbook_runner.runs.absorbing import Absorbing
from playbook_runner.runs.asking import Asking
from playbook_runner.runs.beginning import ADVANCE
from playbook_runner.runs.giving import Giving
from playbook_runner.runs.intending import Intended, Intending
from playbook_runner.runs.stopping import over
from playbook_runner.runs.writing import Decided, Page, kept, walked

log = structlog.get_logger()
LANE = ADVANCE
STEPS_AT_ONCE: Final = 500
# Steps call nobody whom they could call twice: so what a dead worker held of them goes on sooner.
LONGEST_LEASE_S: Final = 10.0
# While a pause lasts, rows look up again after this long; resuming makes them due at once.
PAUSE_LOOK_S: Final = 30.0
# So long a wait is kept beyond its time-out while events from before it are still unread.
UNREAD_LOOK_S: Final = 1.0


@dataclass(frozen=True)
class Later:
    """Why steps are looked at again later (no code: nothing to tell anybody), when, and whether it counts as a try."""

    code: str
    reason: str
    seconds: float
    tries: int = 0


@dataclass(frozen=True)
class Advancing:
    """The use case behind the lane `playbooks.advance`: what takes nobody's help is its own, the rest it hands on."""

    pool: Pool = field(repr=False)
    absorbing: Absorbing
    keeping: Keeping
    asking: Asking
    intending: Intending
    giving: Giving
    hints: Hints = field(repr=False)
    lease_s: float = 15.0

    @property
    def lane(self) -> Lane:
        """The lane over steps that are due."""
        return Lane(
            LANE,
            "step",
            "id",
            self.advance,
            bury=self.bury,
            key_type="uuid",
            batch=STEPS_AT_ONCE,
            lease_s=min(self.lease_s, LONGEST_LEASE_S),
        )

    async def advance(self, claims: Sequence[Claim]) -> int:
        """Carry each claimed step as far as it goes; what depends on nobody outside never waits for what does."""
        mine = {claim.key: claim for claim in claims}
        rows = await queries.contexts(self.pool, list(mine))
        await self._cancelled(mine, [row for row in rows if _standing(row) == "over"])
        decided = await self._decided(mine, [row for row in rows if _standing(row) == "open"])
        await self._write(mine, [one for one in decided if _carried_by(one.walk) is None])
        people = [one for one in decided if _carried_by(one.walk) == "people"]
        if people:
            await self._follow(mine, await self.giving.give(self.lane, mine, people))
        outward = [one.row for one in decided if _carried_by(one.walk) == "channels"]
        if outward:
            await self._follow(mine, await self.intending.intend(self.lane, mine, outward))
        # Last, as it waits for whoever resumes: that is no matter of the other playbooks.
        await self._hold_back(mine, [row for row in rows if _standing(row) == "paused"])
        return len(claims)

    async def _follow(self, mine: Mapping[UUID, Claim], intended: Intended) -> None:
        await self.leave(mine, intended.leaving)
        await self._ask_later(mine, intended.away, intended.reason)

    async def _decided(self, mine: Mapping[UUID, Claim], rows: Sequence[asyncpg.Record]) -> list[Decided]:
        """Walk each run as far as it goes, asking what is true of those accounts for which that matters."""
        playbooks = await self._playbooks(rows)
        decided = [walked(row, playbooks[row["playbook_id"], row["version"]]) for row in rows]
        if any(isinstance(one.walk.move, Ask) for one in decided):
            decided = await self._with_facts(mine, decided)
        return await self._but_unread(mine, decided)

    async def _playbooks(self, rows: Sequence[asyncpg.Record]) -> dict[tuple[str, int], Playbook]:
        async with self.pool.acquire() as connection:
            return {
                key: await self.keeping.version(connection, *key)
                for key in sorted({(row["playbook_id"], row["version"]) for row in rows})
            }

    async def _with_facts(self, mine: Mapping[UUID, Claim], decided: Sequence[Decided]) -> list[Decided]:
        lacking = [one for one in decided if isinstance(one.walk.move, Ask)]
        try:
            accounts = {one.row["account_id"] for one in lacking}
            playbooks = [one.playbook for one in lacking if one.playbook is not None]
            known = await self.asking.known(accounts, playbooks, lacking[0].row["now"])
            told = await self.asking.come_of(
                {one.row["run_id"] for one in lacking if one.playbook is not None and one.playbook.asks_outcomes}
            )
        except HealthAway as error:
            await self._ask_later(mine, [one.row for one in lacking], str(error))
            return [one for one in decided if not isinstance(one.walk.move, Ask)]
        return [
            walked(one.row, one.playbook, known[one.row["account_id"]].and_of_run(told.get(one.row["run_id"], {})))
            if one.playbook is not None and isinstance(one.walk.move, Ask)
            else one
            for one in decided
        ]

    async def _but_unread(self, mine: Mapping[UUID, Claim], decided: Sequence[Decided]) -> list[Decided]:
        """Keep waits whose time is out while events from before are unread: one may be what it waits for."""
        ended = {one.row["step_id"]: moment for one in decided if (moment := _time_out(one)) is not None}
        unread = await queries.unread_since(self.pool) if ended else None
        if unread is None:
            return list(decided)
        late = [one.row for one in decided if ended.get(one.row["step_id"], unread - timedelta(1)) >= unread]
        await self._look_later(mine, late, Later("", "", UNREAD_LOOK_S))
        kept_back = {row["step_id"] for row in late}
        return [one for one in decided if one.row["step_id"] not in kept_back]

    async def _write(self, mine: Mapping[UUID, Claim], decided: Sequence[Decided]) -> None:
        """Write down how far runs came, if they are still ours and still open."""
        if not decided:
            return
        page = Page()
        async with self.pool.acquire() as connection, connection.transaction():
            runs = await queries.lock_runs(connection, [one.row["run_id"] for one in decided])
            held = await hold(connection, self.lane, [mine[one.row["step_id"]] for one in decided])
            open_, gone = kept(decided, held, runs)
            page.ends.extend(gone)
            for one in open_:
                page.add(one)
            await page.write(connection)
            await afp("playbooks.advance.written")
        for code, number in Counter(left.leave.code for left in page.leaving).items():
            STEPS.labels(code).inc(number)
            log.info("runs_left", code=code, runs=number)
        STEPS.labels("passed").inc(page.passed)
        if any(step.state == "due" for step in page.steps):
            self.hints.nudge(LANE)

    async def _ask_later(self, mine: Mapping[UUID, Claim], rows: Sequence[asyncpg.Record], reason: str) -> None:
        """Look again at steps for which nobody can say anything now; each time counts, and there is a last one."""
        for tries in sorted({row["attempts"] for row in rows}):
            same = [row for row in rows if row["attempts"] == tries]
            wait = retry_after(tries + 1, random.random())
            if wait is None:
                leave = Leave("health_away", f"no answer in {tries + 1} tries: {reason}")
                await self.leave(mine, [(row, leave) for row in same])
            else:
                await self._look_later(mine, same, Later("health_away", reason, wait, tries=1))
                STEPS.labels("asked_later").inc(len(same))
                log.warning("health_away", reason=reason, steps=len(same), again_in_s=round(wait, 1))

    async def leave(self, mine: Mapping[UUID, Claim], leaving: Sequence[tuple[asyncpg.Record, Leave]]) -> None:
        """End the runs of steps that are ours."""
        await self._write(mine, [Decided(row, None, Walk((), row["path"], leave)) for row, leave in leaving])

    async def _hold_back(self, mine: Mapping[UUID, Claim], rows: Sequence[asyncpg.Record]) -> None:
        """Look again at what a pause holds after a while; what was resumed since it was looked at is still due."""
        if not rows:
            return
        async with self.pool.acquire() as connection, connection.transaction():
            held = await hold_pauses(connection, {row["playbook_id"] for row in rows})
            resumed = {row["step_id"] for row in rows if not are_holding(held, row["playbook_id"])}
            await release(connection, self.lane, [mine[step_id] for step_id in resumed])
            still = [row for row in rows if row["step_id"] not in resumed]
            await self._put_off(connection, mine, still, Later("paused", "paused", PAUSE_LOOK_S))

    async def _look_later(self, mine: Mapping[UUID, Claim], rows: Sequence[asyncpg.Record], later: Later) -> None:
        """Look again after a while."""
        if rows:
            async with self.pool.acquire() as connection, connection.transaction():
                await self._put_off(connection, mine, rows, later)

    async def _put_off(
        self, connection: Connection, mine: Mapping[UUID, Claim], rows: Sequence[asyncpg.Record], later: Later
    ) -> None:
        """Make steps due again later; the ledger hears of it once, if there is anything to tell."""
        held = await postpone(connection, self.lane, [mine[row["step_id"]] for row in rows], later.seconds)
        ours = [row for row in rows if row["step_id"] in held]
        if later.code and ours:
            await queries.note_steps(connection, [row["step_id"] for row in ours], later.reason, later.tries)
            await self.absorbing.steps_wait(connection, ours, later.code, later.reason)

    async def _cancelled(self, mine: Mapping[UUID, Claim], rows: Sequence[asyncpg.Record]) -> None:
        if not rows:
            return
        async with self.pool.acquire() as connection, connection.transaction():
            held = await hold(connection, self.lane, [mine[row["step_id"]] for row in rows])
            why = {row["step_id"]: over(row) for row in rows}
            await queries.set_steps(connection, [queries.StepEnd(key, "cancelled", why[key]) for key in held])

    async def bury(self, claim: Claim, reason: str) -> None:
        """End the run of a step that cannot be advanced."""
        rows = await queries.contexts(self.pool, [claim.key])
        await self.leave({claim.key: claim}, [(row, Leave("failed", reason)) for row in rows])


def _standing(row: asyncpg.Record) -> str:
    if row["run_state"] != "running":
        return "over"
    return "paused" if row["paused"] or row["playbook_paused"] else "open"


def _carried_by(found: Walk) -> str | None:
    """Return who carries out the step where a run stands; None: nobody has to, or what it passed is written first."""
    move = found.move
    if not isinstance(move, Perform) or found.passed:
        return None
    return "people" if isinstance(move.step, TaskStep | ApprovalStep) else "channels"


def _time_out(one: Decided) -> datetime | None:
    """Return when the wait for an event ended that a run passed without one; None: it passed no such wait."""
    step = one.playbook.step(one.row["path"]) if one.playbook is not None else None
    if not (isinstance(step, WaitStep) and step.event_types and one.walk.passed and step.timeout_days is not None):
        return None
    since: datetime = one.row["since"]
    return since + timedelta(days=step.timeout_days) if one.walk.passed[0].because == TIMED_OUT else None
