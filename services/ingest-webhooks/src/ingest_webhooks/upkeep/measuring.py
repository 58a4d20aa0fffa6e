"""Keeps the books and measures each source: how fresh, how late, how much, how whole; it changes nothing."""

import asyncio
import contextlib
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import prometheus_client as metrics
import structlog
from asyncpg import Record

from ingest_webhooks.entrance.doors import ConnectionUnknown
from ingest_webhooks.queries import books, connections, figures, imports
from ingest_webhooks.queries.figures import Scope
from ingest_webhooks.relay.hearing import Hearing
from ingest_webhooks.words.shapes import clean
from milepost_runtime.database import STORE_TROUBLE, Connection, Pool
from milepost_runtime.metrics import REGISTRY

log = structlog.get_logger()
VOLUME_DAYS = 30
FAULT_DAYS = 30
LISTED = 10
HEARD_AGAIN = 50
MEASURE_EVERY_S = 15.0
# A day's deliveries are told to be few or many when they are below or above these shares of what is usual.
QUIET, BUSY = 0.5, 2.0

NEWEST = metrics.Gauge(
    "milepost_source_newest_delivery_timestamp_seconds",
    "When the newest delivery of a source came",
    ["source"],
    registry=REGISTRY,
)
WAITING = metrics.Gauge(
    "milepost_source_waiting_deliveries", "Deliveries of a source to be relayed", ["source"], registry=REGISTRY
)


@dataclass(frozen=True)
class Day:
    """What came on a day."""

    day: date
    deliveries: int = 0
    elements: int = 0


@dataclass(frozen=True)
class Volume:
    """The days up to today; `usual_per_day` is the median of whole days since the first delivery."""

    days: Sequence[Day]
    usual_per_day: float | None
    last_day: int
    word: str


@dataclass(frozen=True)
class Figures:
    """How a scope does; None: nothing to measure it by."""

    scope: Scope
    now: datetime
    last_received: datetime | None
    volume: Volume
    states: Mapping[str, int]
    quality: Mapping[str, Any] | None
    faults: Sequence[tuple[str, int]] = ()
    ignored_topics: Sequence[tuple[str, int]] = ()


@dataclass
class Measuring:
    """Books and figures; while it is started, the newest delivery and the backlog of each source are published."""

    pool: Pool
    hearing: Hearing
    _task: "asyncio.Task[None] | None" = field(default=None, init=False)

    async def start(self) -> None:
        """Begin to publish."""
        self._task = asyncio.create_task(self._publish_for_ever(), name="measuring")

    async def close(self) -> None:
        """Stop publishing."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def books(self) -> list[Record]:
        """Return per source what was accepted and where it is."""
        async with self.pool.acquire() as connection:
            return [*await books.books(connection), *await imports.books(connection)]

    async def every_source(self, hours: int) -> list[Figures]:
        """Return the figures of each source that ever delivered, over the last `hours`."""
        async with self.pool.acquire() as connection:
            now = await figures.now(connection)
            since = now - timedelta(hours=hours)
            scopes = [Scope(row["source"]) for row in await figures.newest(connection)]
            days = await figures.volumes(connection, _first_day(now))
            states = await figures.states(connection, since)
            quality = await figures.quality(connection, since, scopes)
        return [_figures(scope, now, days, states, quality) for scope in scopes]

    async def one(self, connection_id: UUID, hours: int) -> Figures:
        """Return the figures of a connection over the last `hours`, with what fails and what is ignored.

        Raises ConnectionUnknown.
        """
        async with self.pool.acquire() as connection:
            row = await connections.one(connection, connection_id)
            if row is None:
                raise ConnectionUnknown(str(connection_id))
            scope = Scope(row["source"], connection_id)
            now = await figures.now(connection)
            since = now - timedelta(hours=hours)
            days = await figures.volumes(connection, _first_day(now), scope)
            states = await figures.states(connection, since, scope)
            quality = await figures.quality(connection, since, [scope])
            faults = await figures.faults(connection, now - timedelta(days=FAULT_DAYS), scope, LISTED)
            unheard = await self._unheard(connection, since, scope)
        found = [(one["reason"], one["elements"]) for one in faults]
        return _figures(scope, now, days, states, quality, faults=found, ignored_topics=unheard)

    async def _unheard(self, connection: Connection, since: datetime, scope: Scope) -> list[tuple[str, int]]:
        """Return the topics that the newest deliveries spoke of in vain; they are heard again, by today's rules."""
        ids = await figures.partly_ignored(connection, since, scope, HEARD_AGAIN)
        heard = await self.hearing.hear(connection, ids) if ids else []
        return Counter(clean(topic) for one in heard for topic in one.said.unheard).most_common(LISTED)

    async def publish(self) -> None:
        """Set the gauges."""
        async with self.pool.acquire() as connection:
            for row in await figures.newest(connection):
                NEWEST.labels(row["source"]).set(row["newest"].timestamp())
                WAITING.labels(row["source"]).set(row["waiting"])

    async def _publish_for_ever(self) -> None:
        while True:
            with contextlib.suppress(*STORE_TROUBLE):
                await self.publish()
            await asyncio.sleep(MEASURE_EVERY_S)


def _first_day(now: datetime) -> date:
    return now.date() - timedelta(days=VOLUME_DAYS)


def _figures(
    scope: Scope,
    now: datetime,
    days: Sequence[Record],
    states: Sequence[Record],
    quality: Sequence[Record],
    **more: Any,
) -> Figures:
    own = [row for row in days if row["source"] == scope.source]
    measured = [row for row in quality if row["source"] == scope.source]
    return Figures(
        scope=scope,
        now=now,
        last_received=max((row["newest"] for row in own), default=None),
        volume=volume(own, now),
        states={row["state"]: row["deliveries"] for row in states if row["source"] == scope.source},
        quality=dict(measured[0]) if measured else None,
        **more,
    )


def volume(rows: Sequence[Mapping[str, Any]], now: datetime) -> Volume:
    """Return each of the last 30 days and today, what is usual for a whole day, and how yesterday compares with it.

    The median of the whole days since the first delivery is usual; with fewer than three of them nothing is.
    """
    first, today = _first_day(now), now.date()
    came: dict[date, list[int]] = {first + timedelta(days=number): [0, 0] for number in range(VOLUME_DAYS + 1)}
    for row in rows:
        for place, name in enumerate(("deliveries", "elements")):
            came.setdefault(row["day"], [0, 0])[place] += row[name]
    days = [Day(day, *numbers) for day, numbers in sorted(came.items())]
    whole = [one.deliveries for one in days if one.day < today]
    while whole and whole[0] == 0:
        whole.pop(0)
    last = whole[-1] if whole else 0
    usual = statistics.median(whole[:-1]) if len(whole) > 3 else None
    return Volume(days, usual, last, _word(last, usual))


def _word(number: int, usual: float | None) -> str:
    if usual is None:
        return "unknown"
    return "quiet" if number < QUIET * usual else "busy" if number > BUSY * usual else "usual"
