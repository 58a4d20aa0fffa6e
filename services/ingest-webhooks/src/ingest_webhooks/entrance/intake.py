"""Keeps deliveries durably before anybody is told that they were accepted; it never looks into them.

Whatever arrives while one INSERT is under way goes into the next one: under load many requests share a commit, and a
lone request waits for nobody. A group that fails for a reason other than the store being away is tried member by
member, so that one delivery cannot fail its neighbours. Nothing is acknowledged before the commit, and everything
that waits is bounded by number and by bytes.
"""

import asyncio
import contextlib
from collections import Counter, deque
from uuid import UUID

import asyncpg
import prometheus_client as metrics
import structlog

from ingest_webhooks.queries import deliveries
from ingest_webhooks.queries.deliveries import Kept
from milepost_runtime import logging
from milepost_runtime.database import Pool, is_store_trouble
from milepost_runtime.failpoints import afp
from milepost_runtime.metrics import REGISTRY
from milepost_runtime.queue import Hints

log = structlog.get_logger()
RELAY_LANE = "ingest.relay"
GROUP_ROWS = 1_000
GROUP_BYTES = 8 * 2**20
WAITING_ROWS = 4_000
WAITING_BYTES = 64 * 2**20
# Providers give up after three to five seconds; a commit that takes longer is worth a retry of theirs.
COMMIT_S = 2.5
CONNECTIONS_TRIED = 3
CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    # How the driver says that the server went away in the middle of a message.
    asyncpg.InternalClientError,
    OSError,
)

ACCEPTED = metrics.Counter("milepost_deliveries_accepted", "Deliveries acknowledged", ["source"], registry=REGISTRY)
KNOWN = metrics.Counter("milepost_deliveries_known", "Deliveries that had been kept before", registry=REGISTRY)
GROUPS = metrics.Histogram(
    "milepost_intake_group_size",
    "Deliveries in one commit",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
    registry=REGISTRY,
)


class NotKept(Exception):
    """The delivery could not be stored just now; the sender has to come again."""


_Waiting = tuple[Kept, "asyncio.Future[bool]"]


class Intake:
    """One flusher per process between the requests and the table of deliveries."""

    def __init__(self, pool: Pool, hints: Hints) -> None:
        self._pool = pool
        self._hints = hints
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to store what arrives."""
        self._task = asyncio.create_task(self._flush_for_ever(), name="intake")

    async def close(self) -> None:
        """Store what waits, then stop; called when no request can come any more."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task

    def accept(self, delivery: Kept) -> "asyncio.Future[bool]":
        """Return a future that is true for a new delivery and false for a known one, set after the commit.

        It raises NotKept when the store is away; so does the call itself when too much is waiting already.
        """
        if len(self._waiting) >= WAITING_ROWS or self._bytes > WAITING_BYTES:
            raise NotKept("too many deliveries are waiting to be stored")
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, kept))
        self._bytes += len(delivery.body)
        self._arrived.set()
        return kept

    async def _flush_for_ever(self) -> None:
        while not self._closing:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                # Two turns of the loop, no time: requests that are being read in this very moment share the commit.
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                await self._flush(self._next_group())

    def _next_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size = 0
        while self._waiting and len(group) < GROUP_ROWS and size < GROUP_BYTES:
            member = self._waiting.popleft()
            size += len(member[0].body)
            group.append(member)
        self._bytes -= size
        return group

    async def _flush(self, group: list[_Waiting]) -> None:
        GROUPS.observe(len(group))
        try:
            new = await self._store([delivery for delivery, _ in group])
        except Exception as error:
            # A value that cannot be encoded comes as an interface error too, but it is one member's own.
            if is_store_trouble(error):
                log.warning("intake_store_trouble", deliveries=len(group), error=repr(error)[:200])
                _refuse(group, "the store is not available")
            elif len(group) > 1:
                log.warning("intake_group_failed", deliveries=len(group), error=repr(error)[:200])
                for member in group:
                    await self._flush([member])
            else:
                log.error("intake_delivery_failed", delivery_id=str(group[0][0].id), exc_info=error)
                _refuse(group, "the delivery could not be stored")
        else:
            _acknowledge(group, new)
            self._hints.nudge(RELAY_LANE)

    async def _store(self, group: list[Kept]) -> set[UUID]:
        async with asyncio.timeout(COMMIT_S):
            for _ in range(CONNECTIONS_TRIED - 1):
                # A pooled connection may have died while it rested; keeping is repeatable, so take another one.
                with contextlib.suppress(*CONNECTION_LOST):
                    return await self._store_once(group)
            return await self._store_once(group)

    async def _store_once(self, group: list[Kept]) -> set[UUID]:
        async with self._pool.acquire() as connection:
            await afp("intake.before_commit")
            try:
                return await deliveries.keep(connection, group)
            except CONNECTION_LOST:
                with contextlib.suppress(asyncpg.InterfaceError):  # it left the pool by itself
                    connection.terminate()
                raise


def _acknowledge(group: list[_Waiting], new: set[UUID]) -> None:
    for delivery, kept in group:
        if not kept.done():
            kept.set_result(delivery.id in new)
    for source, number in Counter(delivery.source for delivery, _ in group).items():
        ACCEPTED.labels(source).inc(number)
    KNOWN.inc(len(group) - len(new))
    logging.info_each(
        "delivery_kept",
        (
            {
                "delivery_id": str(delivery.id),
                "correlation_id": delivery.correlation_id,
                "connection_id": str(delivery.connection_id),
                "known": delivery.id not in new,
            }
            for delivery, _ in group
        ),
    )


def _refuse(group: list[_Waiting], reason: str) -> None:
    for _, kept in group:
        if not kept.done():
            kept.set_exception(NotKept(reason))
