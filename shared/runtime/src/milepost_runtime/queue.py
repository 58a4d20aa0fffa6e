"""Wake-ups through arq, and the only file that knows arq; it never carries work, time or data.

A hint says "look into this lane". It may be lost, doubled, late or forged without harm: the sweeper looks twice
a second anyway. So nothing here is retried for the sake of correctness, and nothing waits for the queue.

It is said twice: by a bell that those hear who listen right now, and as a job in arq's queue for those who come later.
A job costs a dozen round trips, so of a lane that is hinted at all the time only a few a second are queued.
"""

import asyncio
import contextlib
import functools
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlparse

import structlog
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.worker import Worker, func
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError

from milepost_runtime.metrics import HINTS

if TYPE_CHECKING:
    from arq.typing import WorkerCoroutine

log = structlog.get_logger()
SEND_LIMIT_S = 0.25
PAUSE_AFTER_FAILURE_S = 2.0
GAP_S = 0.02
# How long a job may lie whose bell nobody heard, and how often a lane that is rung for is queued as well.
POLL_S = 0.25
QUEUE_TROUBLE = (RedisError, OSError, TimeoutError)


def queue_name(lane: str) -> str:
    """Return the queue of the service that a lane belongs to: `scoring.record` lives in `milepost:scoring`."""
    return f"milepost:{lane.partition('.')[0]}"


def bell_name(lane: str) -> str:
    """Return the channel on which the lanes of a service are called out that hold work."""
    return f"{queue_name(lane)}:bell"


def redis_settings(url: str) -> RedisSettings:
    """Return arq's settings for a `redis://` URL, with decoded passwords and host names that are checked."""
    parts = urlparse(url)
    settings = RedisSettings.from_dsn(url)
    settings.username = unquote(parts.username) if parts.username else None
    settings.password = unquote(parts.password) if parts.password else None
    settings.ssl_check_hostname = True
    settings.conn_retries = 0
    settings.retry = Retry(ExponentialBackoff(cap=0.5, base=0.05), 3)
    settings.retry_on_error = [OSError]
    settings.retry_on_timeout = True
    return settings


class Hints:
    """Sends wake-ups: `nudge` marks a lane, a task in the background sends each mark once.

    Lanes of this very process are woken directly (`adopt`), without the queue.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._local: dict[str, Callable[[], None]] = {}
        self._marked: set[str] = set()
        self._bell = asyncio.Event()
        self._pool: ArqRedis | None = None
        self._closed_until = 0.0
        self._queued_at: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    def adopt(self, lane: str, wake: Callable[[], None]) -> None:
        """Wake this lane by calling `wake` from now on: its drain runs in this process."""
        self._local[lane] = wake

    def nudge(self, lane: str) -> None:
        """Say that there is work in a lane; never waits, never fails."""
        wake = self._local.get(lane)
        if wake is not None:
            wake()
        elif lane not in self._marked:
            self._marked.add(lane)
            self._bell.set()

    async def start(self) -> None:
        """Begin to send in the background."""
        self._task = asyncio.create_task(self._send_for_ever(), name="hints")

    async def close(self) -> None:
        """Stop sending; marks that were not sent are left to the sweepers."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._hang_up()

    async def ping(self) -> None:
        """Reach the queue or raise; for readiness only."""
        async with asyncio.timeout(1):
            pool = await self._connected()
            await pool.ping()

    async def eviction_policy(self) -> str:
        """Return the store's `maxmemory-policy`; anything but `noeviction` loses hints when it is full."""
        async with asyncio.timeout(1):
            pool = await self._connected()
            answer: dict[str, str] = await pool.config_get("maxmemory-policy")
        return answer.get("maxmemory-policy", "unknown")

    async def _send_for_ever(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            lanes, self._marked = self._marked, set()
            if time.monotonic() < self._closed_until:
                HINTS.labels("skipped").inc(len(lanes))
                continue
            await self._send(lanes)
            await asyncio.sleep(GAP_S)

    async def _send(self, lanes: set[str]) -> None:
        try:
            async with asyncio.timeout(SEND_LIMIT_S):
                pool = await self._connected()
                for lane in lanes:
                    heard = await pool.publish(bell_name(lane), lane)
                    if not heard or time.monotonic() - self._queued_at.get(lane, -POLL_S) >= POLL_S:
                        await pool.enqueue_job("drain", lane, _queue_name=queue_name(lane), _expires=60)
                        self._queued_at[lane] = time.monotonic()
            HINTS.labels("sent").inc(len(lanes))
        except QUEUE_TROUBLE as error:
            HINTS.labels("failed").inc(len(lanes))
            log.warning("queue_unreachable", error=type(error).__name__, pause_s=PAUSE_AFTER_FAILURE_S)
            self._closed_until = time.monotonic() + PAUSE_AFTER_FAILURE_S
            await self._hang_up()

    async def _connected(self) -> ArqRedis:
        if self._pool is None:
            self._pool = await create_pool(redis_settings(self._url), job_serializer=_dump, job_deserializer=json.loads)
        return self._pool

    async def _hang_up(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            with contextlib.suppress(*QUEUE_TROUBLE):
                async with asyncio.timeout(1):
                    await pool.aclose()


async def listen(url: str, service: str, wake: Callable[[str], None]) -> None:
    """Call `wake(lane)` for every hint to this service, for ever; a lost queue is waited for, never a reason to end."""
    while True:
        try:
            await _listen_once(url, service, wake)
        except (*QUEUE_TROUBLE, RuntimeError) as error:
            log.warning("queue_lost", error=type(error).__name__, remedy="the sweeper goes on without it")
        await asyncio.sleep(1.0)


async def _listen_once(url: str, service: str, wake: Callable[[str], None]) -> None:
    pool = await create_pool(redis_settings(url), job_serializer=_dump, job_deserializer=json.loads)
    worker = _worker(pool, service, wake)
    try:
        await worker.async_run()
    finally:
        for close in (worker.close, functools.partial(pool.aclose, close_connection_pool=True)):
            with contextlib.suppress(*QUEUE_TROUBLE):
                await close()


class _Listener(Worker):
    """arq's worker, which also hears the bell of its queue."""

    wake: Callable[[str], None]

    async def main(self) -> None:
        """Wake the lanes that are called out, and take up jobs every `POLL_S`, until cancelled."""
        async with self.pool.pubsub(ignore_subscribe_messages=True) as bell:
            await bell.subscribe(f"{self.queue_name}:bell")
            look_at = 0.0
            while True:
                if time.monotonic() >= look_at:
                    await self._poll_iteration()
                    look_at = time.monotonic() + POLL_S
                rung = await bell.get_message(timeout=max(0.001, look_at - time.monotonic()))
                if rung is not None:
                    self.wake(rung["data"].decode(errors="replace"))


def _worker(pool: ArqRedis, service: str, wake: Callable[[str], None]) -> Worker:
    async def drain(_context: dict[Any, Any], lane: str) -> None:
        wake(lane)

    listener = _Listener(
        functions=[func(cast("WorkerCoroutine", drain), name="drain", keep_result=0, max_tries=1, timeout=5)],
        queue_name=f"milepost:{service}",
        redis_pool=pool,
        handle_signals=False,
        keep_result=0,
        max_tries=1,
        max_jobs=50,
        job_timeout=5,
        poll_delay=POLL_S,
        health_check_interval=60,
        log_results=False,
        job_serializer=_dump,
        job_deserializer=json.loads,
    )
    listener.wake = wake
    return listener


def _dump(value: Any) -> bytes:
    # Of a hint that lay too long arq writes down the error itself as its result; nobody ever reads that.
    return json.dumps(value, default=repr).encode()
