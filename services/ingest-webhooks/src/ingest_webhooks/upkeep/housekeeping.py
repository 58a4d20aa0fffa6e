"""Makes partitions ahead, counts days that are over, drops what is over its time; it never relays anything.

The lane `ingest.housekeeping` has a row for each chore, due again and again. Every chore may be done twice or late:
partitions of deliveries are made eight weeks ahead, and keys are noted in the old period until the next has begun.
"""

import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import asyncpg
import structlog

from ingest_webhooks.queries import books, expiring, keys, partitions
from milepost_runtime.database import Connection, Pool
from milepost_runtime.idempotency import forget_old
from milepost_runtime.lanes import Claim, Lane, TryLater, hold, postpone

log = structlog.get_logger()
WEEKS_AHEAD = 8
PERIODS_OF_KEYS = 4
# A day is counted when its last deliveries are sure to be there, whatever the clocks of the doors.
DAY_OVER = timedelta(hours=2)
REMAINS_AT_ONCE = 1_000
AGAIN_S = 60.0


@dataclass(frozen=True)
class Retention:
    """For how many days bodies of deliveries and keys of facts are kept."""

    deliveries: int = 90
    keys: int = 400


def _clock() -> datetime:
    return datetime.now(UTC)


class Housekeeping:
    """The lane `ingest.housekeeping`; `now` tells which day it is."""

    def __init__(self, pool: Pool, retention: Retention, now: Callable[[], datetime] = _clock) -> None:
        self._pool = pool
        self._retention = retention
        self._now = now
        # Each with the seconds after which it is due again.
        self.chores: Mapping[str, tuple[Callable[[], Awaitable[None]], float]] = {
            "make": (self.make, 3_600.0),
            "count": (self.count, 600.0),
            "drop": (self.drop, 3_600.0),
            "fold": (self.fold, 6 * 3_600.0),
        }
        self.lane = Lane(
            name="ingest.housekeeping",
            table="ingest.chore",
            key="name",
            key_type="text",
            handle=self.do,
            batch=1,
            lease_s=60.0,
        )

    async def do(self, claims: Sequence[Claim]) -> int:
        """Do one chore and put it off until it is due again."""
        (claim,) = claims
        chore, again_s = self.chores[claim.key]
        try:
            await chore()
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            raise TryLater(f"{claim.key}: somebody is in the way ({error})", AGAIN_S) from error
        async with self._pool.acquire() as connection, connection.transaction():
            await hold(connection, self.lane, claims)
            await postpone(connection, self.lane, claims, again_s)
        return 1

    async def ready(self) -> None:
        """Make partitions if those of this and the next week are not there: processes call it before they begin."""
        today = self._today()
        async with self._pool.acquire() as connection:
            there = await partitions.weeks(connection)
        if not {partitions.week_of(today), partitions.week_of(today) + partitions.WEEK} <= set(there):
            await self.make()

    async def make(self) -> None:
        """Make the partitions of this week and the next eight, and begin the next period of keys when it is time."""
        first = partitions.week_of(self._today())
        async with self._pool.acquire() as connection, connection.transaction():
            await partitions.lock(connection)
            there = await partitions.weeks(connection)
            for week in (first + number * partitions.WEEK for number in range(WEEKS_AHEAD + 1)):
                if week not in there:
                    await partitions.make(connection, week)
                    log.info("partition_made", week=str(week))
        await self._begin_period()

    async def count(self) -> None:
        """Count every day that is over and at rest, in their order, and again those that were reopened."""
        over = (self._now() - DAY_OVER).astimezone(UTC).date()
        async with self._pool.acquire() as connection:
            for day in await books.reopened(connection):
                async with connection.transaction():
                    await books.count_day(connection, day)
            day = await books.next_uncounted(connection) or (await partitions.weeks(connection))[0]
            counted = True
            while counted and day < over:
                async with connection.transaction():
                    counted = await books.count_day(connection, day)
                day += timedelta(days=1)

    async def drop(self) -> None:
        """Drop what is over its time: weeks of deliveries, periods of keys, reports, remains nobody looked at."""
        async with self._pool.acquire() as connection:
            for week in await partitions.weeks(connection):
                over = week + partitions.WEEK + timedelta(days=self._retention.deliveries) <= self._today()
                if not (over and await self._drop_week(connection, week)):
                    break
            await self._drop_keys(connection)
            await forget_old(connection)
            await expiring.forget_reports(connection, self._now() - timedelta(days=self._retention.deliveries))
            before = self._now() - timedelta(days=self._retention.keys)
            gone = REMAINS_AT_ONCE
            while gone == REMAINS_AT_ONCE:
                gone = await books.forget_remains(connection, before, REMAINS_AT_ONCE)

    async def fold(self) -> None:
        """Fold what several sessions counted on past days."""
        async with self._pool.acquire() as connection:
            await books.fold_tally(connection, self._today() - timedelta(days=1))

    async def _begin_period(self) -> None:
        length = timedelta(days=self._retention.keys // PERIODS_OF_KEYS)
        async with self._pool.acquire() as connection, connection.transaction():
            await partitions.lock(connection)
            if self._today() >= (await keys.periods(connection))[-1] + length:
                await keys.begin_period(connection, self._today())
                log.info("key_period_begun", period=str(self._today()))

    async def _drop_week(self, connection: Connection, week: date) -> bool:
        """Drop a week unless something of it is not counted, or waits; what is quarantined stays."""
        days = [week + timedelta(days=number) for number in range(7)]
        async with connection.transaction():
            await partitions.lock(connection)
            if not await books.close_days(connection, days):
                log.warning("partition_kept", week=str(week), reason="something of it is not settled")
                return False
            remain = await partitions.drop(connection, week)
        log.info("partition_dropped", week=str(week), remain=remain)
        return True

    async def _drop_keys(self, connection: Connection) -> None:
        periods = await keys.periods(connection)
        for first, end in itertools.pairwise(periods):
            if end + timedelta(days=self._retention.keys) <= self._today():
                async with connection.transaction():
                    await partitions.lock(connection)
                    await partitions.be_brief(connection)
                    await keys.forget_period(connection, first)
                log.info("key_period_dropped", period=str(first))

    def _today(self) -> date:
        return self._now().astimezone(UTC).date()
