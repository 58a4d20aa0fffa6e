"""Claims about feeds: a reader of `id > cursor` never steps over a row that commits late."""

import asyncio

from milepost_runtime.database import Pool
from milepost_runtime.feeds import advance_cursor, ensure_cursor, publish_lock
from milepost_runtime.lanes import Claim, Lane, claim, claim_suspects


async def test_a_slow_publisher_is_never_stepped_over(plumbing: Pool) -> None:
    read: list[int] = []
    stop = asyncio.Event()

    async def publish(delay: float) -> None:
        async with plumbing.acquire() as connection, connection.transaction():
            await publish_lock(connection, "news")
            await connection.execute("insert into news (text) values ('x')")
            await asyncio.sleep(delay)

    async def follow() -> None:
        position = 0
        while not stop.is_set() or await plumbing.fetchval("select count(*) from news where id > $1", position):
            rows = await plumbing.fetch("select id from news where id > $1 order by id limit 7", position)
            read.extend(row["id"] for row in rows)
            position = read[-1] if read else 0
            await asyncio.sleep(0.001)

    follower = asyncio.create_task(follow())
    await asyncio.gather(*(publish(0.02 if i % 3 else 0.0) for i in range(30)))
    stop.set()
    await follower

    assert read == sorted(read)
    assert len(set(read)) == 30


async def test_a_reader_that_lost_its_claim_moves_nothing(plumbing: Pool) -> None:
    async def never(_claims: object) -> int:
        raise AssertionError

    lane = Lane("test.news", "cursor", "feed", never, key_type="text", columns=("position",), lease_s=0.05)
    async with plumbing.acquire() as connection:
        await ensure_cursor(connection, "cursor", "news")
        stale: list[Claim] = await claim(connection, lane, 1)
        await asyncio.sleep(0.1)
        fresh = await claim_suspects(connection, lane)
        async with connection.transaction():
            assert not await advance_cursor(connection, lane, stale, 5)
        async with connection.transaction():
            assert await advance_cursor(connection, lane, fresh, 7)

    assert await plumbing.fetchval("select position from cursor where feed = 'news'") == 7
