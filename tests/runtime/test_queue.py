"""Claims about wake-ups: they arrive quickly, and losing every one of them costs a second."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence

import pytest
import redis.asyncio
from arq.connections import create_pool

from milepost_devstack.stores import EmbeddedValkey
from milepost_runtime.database import Pool
from milepost_runtime.lanes import Claim, Lane, finish
from milepost_runtime.queue import Hints, listen, redis_settings
from milepost_runtime.worker import LaneRunner


@contextlib.asynccontextmanager
async def running(pool: Pool, url: str) -> AsyncIterator[Hints]:
    """A worker's runner and listener for one lane, and the hints of another process."""
    lane: Lane

    async def deliver(claims: Sequence[Claim]) -> int:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("update parcel set outcome = 'done' where id = any($1)", [c.key for c in claims])
            await finish(connection, lane, claims)
        return len(claims)

    lane = Lane("plumbing.parcel", "parcel", "id", deliver)
    runner = LaneRunner(pool, lane)
    hints = Hints(url)
    await hints.start()
    tasks = [
        asyncio.create_task(runner.run()),
        asyncio.create_task(listen(url, "plumbing", lambda _lane: runner.wake())),
    ]
    try:
        yield hints
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await hints.close()


async def seconds_until_done(pool: Pool, hints: Hints, key: int) -> float:
    await pool.execute("insert into parcel (id, next_at) values ($1, clock_timestamp())", key)
    hints.nudge("plumbing.parcel")
    started = time.monotonic()
    while await pool.fetchval("select outcome from parcel where id = $1", key) is None:
        assert time.monotonic() - started < 10
        await asyncio.sleep(0.005)
    return time.monotonic() - started


@pytest.fixture
async def parcels(plumbing: Pool) -> Pool:
    await plumbing.execute("truncate parcel")
    return plumbing


async def test_a_hint_is_quicker_than_the_sweep(parcels: Pool, redis_url: str) -> None:
    async with running(parcels, redis_url) as hints:
        await seconds_until_done(parcels, hints, 1)
        waits = sorted([await seconds_until_done(parcels, hints, key) for key in range(2, 12)])

    assert waits[5] < 0.5  # half of them or more came by the hint: the sweep alone takes up to a second


async def test_with_the_queue_flushed_everything_still_happens_within_two_seconds(
    parcels: Pool, redis_url: str
) -> None:
    async with running(parcels, redis_url) as hints, redis.asyncio.Redis.from_url(redis_url) as store:
        for key in range(1, 4):
            await store.flushall()
            assert await seconds_until_done(parcels, hints, key) < 2
            await store.flushall()


async def test_with_the_queue_stopped_everything_still_happens_within_two_seconds(
    parcels: Pool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = EmbeddedValkey(tmp_path_factory.mktemp("own"), fast=True)
    await own.start()
    async with running(parcels, own.url) as hints:
        await seconds_until_done(parcels, hints, 1)
        await own.stop()
        for key in range(2, 5):
            assert await seconds_until_done(parcels, hints, key) < 2


async def test_strange_entries_in_the_queue_do_no_harm(parcels: Pool, redis_url: str) -> None:
    async with running(parcels, redis_url) as hints, redis.asyncio.Redis.from_url(redis_url) as store:
        await store.zadd("milepost:plumbing", {"hostile": 1})
        await store.set("arq:job:hostile", b"\x80\x04cos\nsystem\n(S'true'\ntR.")
        await store.zadd("milepost:plumbing", {"nobody": 1})
        await store.set("arq:job:nobody", b'{"t":null,"f":"unknown","a":[],"k":{},"et":0}')

        assert await seconds_until_done(parcels, hints, 1) < 2


def test_passwords_in_the_queue_url_are_decoded_and_host_names_checked() -> None:
    settings = redis_settings("rediss://us%40er:p%40ss%2F@host:1/3")

    assert (settings.username, settings.password, settings.database) == ("us@er", "p@ss/", 3)
    assert settings.ssl_check_hostname


async def test_a_hint_that_lay_too_long_is_dropped_without_an_alarm(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    pool = await create_pool(redis_settings(redis_url))
    await pool.zadd("milepost:stale", {"expired-hint": 1})
    task = asyncio.create_task(listen(redis_url, "stale", lambda _lane: None))
    try:
        started = time.monotonic()
        while await pool.zcard("milepost:stale"):
            assert time.monotonic() - started < 5
            await asyncio.sleep(0.02)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await pool.aclose()

    assert any("expired" in one.getMessage() for one in caplog.records)
    assert not any("error serializing" in one.getMessage() or one.exc_info for one in caplog.records)
