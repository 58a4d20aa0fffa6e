"""Restates the past on order: each day's score as today's records and the models asked for tell it, batch by batch.

A restatement that is interrupted goes on after the last account that was done. It never touches what was known on the
day (snapshots) nor what was published (changes): restated points stand beside them.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from milepost_runtime.database import Connection, Pool
from milepost_runtime.failpoints import afp
from milepost_runtime.ids import new_id
from milepost_runtime.lanes import Claim, Lane, TryLater, hold, release
from milepost_runtime.paging import Cursors
from milepost_runtime.queue import Hints
from milepost_runtime.secrets import Vault
from scoring_api.past.retelling import Course, Judges, Retelling
from scoring_api.queries import reading, restated, restatements
from scoring_api.queries.restated import Points
from scoring_api.queries.signals.measuring import Compiler, UnknownAccounts
from scoring_api.scores import rescoring
from scoring_api.scores.lineup import LineUps

LANE = "scoring.restate"
# So many account-days are measured by one statement: enough to be quick, few enough to fit into little memory.
PAIRS = 4000
# So many statements make a batch, whose points are kept in one transaction with the progress; two run at a time.
PIECES = 6
AT_ONCE = 2
LONGEST_DAYS = 1100
# Several workers take turns at several orders. What one has gathered for the last few is still there when it comes back
# to them: else all of them would gather peers for ever.
REMEMBERED = 4
# No account is older than this.
FIRST_DAY = date(1970, 1, 1)
# Somewhere on earth it is later by so much: nowhere has a day begun that lies further ahead.
EARLIEST_ZONE = timedelta(hours=14)


class SpanRefused(Exception):
    """These days cannot be restated; the text says why."""


class RestatementUnknown(Exception):
    """There is no such restatement."""


class RestatementOver(Exception):
    """The restatement has ended already; the text says how."""


class Wanted(NamedTuple):
    """What to restate: every so many days of a span (both ends in), by one version of a model or by those in charge."""

    from_day: date
    to_day: date
    every_days: int = 1
    model_id: str | None = None
    model_version: int | None = None


@dataclass
class _Job:
    """A restatement under way in this process: what does not change from batch to batch."""

    moments: Sequence[tuple[date, datetime]]
    retelling: Retelling


@dataclass(frozen=True)
class Restating:
    """The lane `scoring.restate`, and what people do with restatements."""

    pool: Pool = field(repr=False)
    hints: Hints = field(repr=False)
    lineups: LineUps = field(repr=False)
    vault: Vault | None = field(default=None, repr=False)
    compiler: Compiler = field(default_factory=Compiler, repr=False)
    pairs: int = PAIRS
    pieces: int = PIECES
    _jobs: dict[UUID, _Job] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def lane(self) -> Lane:
        """The restatements that are not over."""
        return Lane(
            name=LANE,
            table="scoring.restatement",
            key="id",
            key_type="uuid",
            handle=self.work,
            bury=self.fail,
            batch=1,
            lease_s=30.0,
        )

    # -- what people do ---------------------------------------------------------------------------------

    async def order(self, wanted: Wanted, author: str) -> asyncpg.Record:
        """Keep an order; the lane works it off, by today's line-up to its end. Raises SpanRefused and ModelNotKept."""
        async with self.pool.acquire() as connection:
            _refuse(wanted, await reading.now(connection))
            if wanted.model_id is not None:
                await self.lineups.model(connection, wanted.model_id, wanted.model_version or 0)
            lineup = await self.lineups.now(connection)
            row = await restatements.add(connection, new_id(), wanted._asdict(), lineup.number, author)
        self.hints.nudge(LANE)
        return row

    async def page(self, cursor: str | None, limit: int) -> tuple[list[asyncpg.Record], str | None]:
        """Return restatements, newest first, and the cursor of the next page. Raises CursorBroken."""
        assert self.vault is not None
        cursors = Cursors(self.vault, "restatements")
        before = UUID(cursors.place(None, cursor)) if cursor else None
        async with self.pool.acquire() as connection:
            rows = await restatements.page(connection, before, limit + 1)
        return rows[:limit], cursors.make(None, str(rows[limit - 1]["id"])) if len(rows) > limit else None

    async def one(self, restatement_id: UUID) -> asyncpg.Record:
        """Return a restatement and how far it has come. Raises RestatementUnknown."""
        async with self.pool.acquire() as connection:
            row = await restatements.one(connection, restatement_id)
        if row is None:
            raise RestatementUnknown(f"there is no restatement '{restatement_id}'")
        return row

    async def cancel(self, restatement_id: UUID) -> asyncpg.Record:
        """End a restatement after the batch under way; its points stay. Raises RestatementUnknown, RestatementOver."""
        async with self.pool.acquire() as connection:
            ended = await restatements.end(connection, restatement_id, "cancelled", "")
        row = await self.one(restatement_id)
        if not ended:
            raise RestatementOver(f"the restatement is over: {row['state']}")
        return row

    async def fail(self, claim: Claim, reason: str) -> None:
        """End a restatement that cannot go on."""
        async with self.pool.acquire() as connection:
            await restatements.end(connection, claim.key, "failed", reason)

    # -- what the lane does -----------------------------------------------------------------------------

    async def work(self, claims: Sequence[Claim]) -> int:
        """Do the next batch of each restatement that was claimed; return how many accounts were looked at."""
        try:
            return sum([await self._step(claim) for claim in claims])
        except UnknownAccounts as error:
            raise TryLater("an account of the batch was merged away meanwhile", 0.0) from error

    async def _step(self, claim: Claim) -> int:
        row = await self.one(claim.key)
        async with self.pool.acquire() as connection:
            job = await self._job(connection, row)
            if not job.moments:
                return await self._finish(connection, claim)
            until = job.moments[-1][1]
            if row["state"] == "waiting":
                await restatements.begin(connection, claim.key, await restated.count(connection, until))
            size = max(1, self.pairs * self.pieces // len(job.moments))
            found = await restated.accounts(connection, row["done_upto"], until, size)
            if not found:
                return await self._finish(connection, claim)
            if waiting := job.retelling.peers.missing(job.retelling.judges, [moment for _, moment in job.moments]):
                # Who is merged away meanwhile is still there for us.
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    await job.retelling.gather(connection, *waiting[0])
                await release(connection, self.lane, [claim])
                return len(found)
        points = await self._tell(job, [_course(*one, job.moments) for one in found])
        await afp("scoring.restate.before_write")
        async with self.pool.acquire() as connection:
            return await self._keep(connection, claim, job, ([account for account, _ in found], points))

    async def _tell(self, job: _Job, courses: Sequence[Course]) -> list[Points]:
        """Measure and judge the accounts of a batch, several statements at a time on connections of their own."""
        pieces = list(_pieces(courses, self.pairs))
        free = asyncio.Semaphore(AT_ONCE)

        async def tell(piece: Sequence[Course]) -> Points:
            async with free, self.pool.acquire() as connection:
                return await job.retelling.tell(connection, piece)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(tell(piece)) for piece in pieces]
        except ExceptionGroup as failed:
            # What the lane makes of a failure depends on what it is: a store that went away is nobody's fault.
            raise failed.exceptions[0] from failed
        return [task.result() for task in tasks]

    async def _keep(
        self, connection: Connection, claim: Claim, job: _Job, batch: tuple[Sequence[UUID], Sequence[Points]]
    ) -> int:
        """Keep a batch with the progress in one transaction under our fence; 0: somebody else has it by now.

        What was told of these days before, and is not any more, goes: the account began later, or another judges it.
        """
        accounts, points = batch
        async with connection.transaction():
            if not await hold(connection, self.lane, [claim]):
                return 0
            days = [day for day, _ in job.moments]
            await restated.forget(connection, (accounts, days), job.retelling.judges.versions, points)
            for each in points:
                await restated.upsert(connection, each)
            await restated.mark(connection, accounts)
            told = sum(len(each.accounts) for each in points)
            await restatements.advance(connection, claim.key, accounts[-1], len(accounts), told)
            await release(connection, self.lane, [claim])
            await afp("scoring.restate.before_commit")
        self.hints.nudge(LANE)
        return len(accounts)

    async def _finish(self, connection: Connection, claim: Claim) -> int:
        self._jobs.pop(claim.key, None)
        async with connection.transaction():
            if await hold(connection, self.lane, [claim]):
                await restatements.end(connection, claim.key, "done", "")
        self.hints.nudge(rescoring.LANE)
        return 1

    async def _job(self, connection: Connection, row: asyncpg.Record) -> _Job:
        """Return what this process knows of a restatement. Raises ModelNotKept and NobodyJudges."""
        known = self._jobs.get(row["id"])
        if known is None:
            lineup = await self.lineups.numbered(connection, row["lineup"])
            only = None
            if row["model_id"] is not None:
                only = await self.lineups.model(connection, row["model_id"], row["model_version"])
            judges = Judges(lineup, only)
            known = _Job(list(_moments(judges.models[-1].timezone, row)), Retelling(judges, self.compiler))
        self._jobs.pop(row["id"], None)
        self._jobs[row["id"]] = known
        for oldest in list(self._jobs)[:-REMEMBERED]:
            del self._jobs[oldest]
        return known


def _course(account: UUID, since: datetime, moments: Sequence[tuple[date, datetime]]) -> Course:
    """The days of an account on which it may have been there."""
    return Course(account, [one for one in moments if one[1] >= since])


def _moments(timezone: str, row: asyncpg.Record) -> Iterator[tuple[date, datetime]]:
    """Yield every so many days that had begun when the restatement was asked for, each with its end.

    A day ends at midnight in the time zone of the model that judges everybody else; the last one perhaps before that,
    at the moment of the order: all batches look at the same moments.
    """
    zone, now = ZoneInfo(timezone), row["requested_at"]
    first, last = max(row["from_day"], FIRST_DAY), min(row["to_day"], (now + EARLIEST_ZONE).date())
    for offset in range(0, (last - first).days + 1, row["every_days"]):
        day = first + timedelta(days=offset)
        begins, ends = (datetime.combine(one, time(0), zone).astimezone(UTC) for one in (day, day + timedelta(days=1)))
        if begins < now:
            yield day, min(ends, now)


def _pieces(courses: Sequence[Course], most: int) -> Iterator[list[Course]]:
    """Yield the accounts in groups of about so many days."""
    piece: list[Course] = []
    days = 0
    for course in courses:
        piece.append(course)
        days += len(course.days)
        if days >= most:
            yield piece
            piece, days = [], 0
    if piece:
        yield piece


def _refuse(wanted: Wanted, now: datetime) -> None:
    if wanted.from_day < FIRST_DAY:
        raise SpanRefused(f"nothing is known of days before {FIRST_DAY}")
    if wanted.to_day > (now + EARLIEST_ZONE).date():
        raise SpanRefused(f"{wanted.to_day} has not begun anywhere yet")
    if wanted.to_day < wanted.from_day:
        raise SpanRefused("the last day lies before the first")
    if wanted.every_days < 1:
        raise SpanRefused("every_days is 1 or more")
    if (wanted.to_day - wanted.from_day).days > LONGEST_DAYS:
        raise SpanRefused(f"at most {LONGEST_DAYS} days at a time")
