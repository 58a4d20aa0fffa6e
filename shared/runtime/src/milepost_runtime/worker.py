"""The working process of a service: a runner per lane, a sweep every half second, hints in between; it owns no lane."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import structlog
from uvicorn.loops.auto import auto_loop_factory

from milepost_runtime import failpoints, logging
from milepost_runtime.database import STORE_TROUBLE, Pool, Schema, open_pool, require_schema
from milepost_runtime.entry import GRACE_S, settle_in
from milepost_runtime.health import Readiness, serve_health
from milepost_runtime.lanes import Lane, drain
from milepost_runtime.metrics import LANE_DUE, LANE_OLDEST, LOOP_LAG
from milepost_runtime.queue import Hints, listen
from milepost_runtime.settings import RuntimeSettings

log = structlog.get_logger()
# From a delivery to a mail there are three hops; with every hint lost they still fit into two seconds.
SWEEP_EVERY_S = 0.5
LAG_LIMIT_S = 10.0
MEASURE_EVERY_S = 10.0

Build = Callable[[Pool, Hints], Sequence[Lane]]
Begin = Callable[[Pool], Awaitable[None]]


class LaneRunner:
    """Drains one lane: at once when woken, within half a second in any case, as many batches abreast as it says."""

    def __init__(self, pool: Pool, lane: Lane) -> None:
        self.lane = lane
        self._pool = pool
        self._bell = asyncio.Event()

    def wake(self) -> None:
        """Look into the lane now."""
        self._bell.set()

    def stop(self) -> None:
        """End after the batch that is under way."""
        self.lane.stopping.set()
        self._bell.set()

    async def run(self) -> None:
        """Drain until stopped."""
        await asyncio.gather(*(self._drain_on() for _ in range(self.lane.abreast)))
        if self.lane.at_end is not None:
            await self.lane.at_end()

    async def _drain_on(self) -> None:
        while not self.lane.stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_EVERY_S):
                    await self._bell.wait()
            self._bell.clear()
            if not self.lane.stopping.is_set():
                await self._drain_once()

    async def _drain_once(self) -> None:
        try:
            await drain(self._pool, self.lane, glance=True)
        except STORE_TROUBLE as error:
            log.warning("lane_store_trouble", lane=self.lane.name, error=repr(error)[:200])
            await asyncio.sleep(0.2)
        except Exception:
            log.exception("lane_drain_failed", lane=self.lane.name)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a worker on the loop that web processes run on: the quick one, where there is one."""
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(work)


async def run_worker(
    service: str,
    settings: RuntimeSettings,
    schema: Schema,
    build: Build,
    *,
    health_port: int,
    begin: Begin | None = None,
) -> None:
    """Work through a service's lanes until SIGTERM or SIGINT; finish what is under way, then end.

    `begin` comes before any work. Raises SchemaTooOld, and what `begin` raises, before any work is touched.
    """
    logging.configure(service, "worker", settings)
    failpoints.arm(settings.failpoints)
    pool = await open_pool(
        settings.database_url,
        schema,
        process=f"{service} worker",
        size=settings.database_pool_size,
        statement_timeout_s=60,
    )
    hints = Hints(settings.redis_url)
    try:
        await require_schema(pool, schema)
        if begin is not None:
            await begin(pool)
        runners = [LaneRunner(pool, lane) for lane in build(pool, hints)]
        for runner in runners:
            hints.adopt(runner.lane.name, runner.wake)
        await hints.start()
        settle_in()
        readiness = Readiness(pool, hints, schema, settings.run_id)
        await _work(runners, readiness, settings, health_port)
    finally:
        await hints.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await pool.close()


async def _work(
    runners: Sequence[LaneRunner], readiness: Readiness, settings: RuntimeSettings, health_port: int
) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    lanes = [asyncio.create_task(runner.run(), name=runner.lane.name) for runner in runners]
    beside = [
        asyncio.create_task(listen(settings.redis_url, readiness.schema.name, _waker(runners)), name="listen"),
        asyncio.create_task(serve_health(readiness, settings.host, health_port), name="health"),
        asyncio.create_task(_watch_loop(), name="watch"),
        asyncio.create_task(_measure(readiness.pool, [runner.lane for runner in runners]), name="measure"),
    ]
    log.info("worker_ready", lanes=[runner.lane.name for runner in runners])
    stopped = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([stopped, *lanes, *beside], return_when=asyncio.FIRST_COMPLETED)
    for runner in runners:
        runner.stop()
    await asyncio.wait(lanes, timeout=GRACE_S)
    for task in [stopped, *lanes, *beside]:
        task.cancel()
    await asyncio.gather(stopped, *lanes, *beside, return_exceptions=True)
    for task in done - {stopped}:
        task.result()
    log.info("worker_stopped")


def _waker(runners: Sequence[LaneRunner]) -> Callable[[str], None]:
    by_name = {runner.lane.name: runner for runner in runners}

    def wake(lane: str) -> None:
        runner = by_name.get(lane)
        if runner is None:
            log.warning("hint_unknown", lane=lane[:100])
        else:
            runner.wake()

    return wake


async def _watch_loop() -> None:
    """End the process when its loop was blocked for long: its leases are over and others have taken its work."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(1.0)
        lag = time.monotonic() - before - 1.0
        LOOP_LAG.set(max(0.0, lag))
        if lag > LAG_LIMIT_S:
            log.error("loop_blocked", seconds=round(lag, 1))
            os._exit(70)


async def _measure(pool: Pool, lanes: Sequence[Lane]) -> None:
    """Publish how much is due in each lane and for how long; queue age is the first alert."""
    while True:
        with contextlib.suppress(*STORE_TROUBLE):
            for lane in lanes:
                row = await pool.fetchrow(
                    "select count(*) as due, coalesce(extract(epoch from clock_timestamp() - min(next_at)), 0)::float8"  # noqa: S608
                    f" as oldest from {lane.table} where next_at <= statement_timestamp() and next_at > '-infinity'"
                )
                assert row is not None
                LANE_DUE.labels(lane.name).set(row["due"])
                LANE_OLDEST.labels(lane.name).set(row["oldest"])
        await asyncio.sleep(MEASURE_EVERY_S)
