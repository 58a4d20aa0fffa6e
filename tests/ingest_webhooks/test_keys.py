"""Claims about keys of facts: a fact is new once, whoever tells it and whenever the period of keys changes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from support.stores import Databases

from ingest_webhooks.queries import keys
from ingest_webhooks.settings import SCHEMA
from ingest_webhooks.upkeep.housekeeping import Housekeeping, Retention
from milepost_runtime.database import Pool, open_pool


@pytest.fixture
async def pool(databases: Databases) -> AsyncIterator[Pool]:
    """A database of the test's own: its clock is set far ahead."""
    async with await open_pool(await databases.clone(), SCHEMA, process="test", size=8) as made:
        yield made


def house(pool: Pool, days: float) -> Housekeeping:
    """The housekeeping as it will be in some days."""
    return Housekeeping(pool, Retention(), now=lambda: datetime.now(UTC) + timedelta(days=days))


async def reserve(pool: Pool, *facts: bytes) -> set[bytes]:
    async with pool.acquire() as connection, connection.transaction():
        return await keys.reserve(connection, dict.fromkeys(facts, uuid4()))


async def test_a_fact_is_known_in_later_periods_until_its_own_is_dropped(pool: Pool) -> None:
    first = await reserve(pool, b"fact")
    for days in (100, 200, 300, 400):
        await house(pool, days).make()
        await house(pool, days).drop()
        assert await reserve(pool, b"fact") == set()
    await house(pool, 499).drop()
    still = await reserve(pool, b"fact")
    await house(pool, 501).drop()
    forgotten = await reserve(pool, b"fact")

    assert (first, still, forgotten) == ({b"fact"}, set(), {b"fact"})


async def test_two_who_note_a_fact_while_the_period_changes_are_one_new_and_one_known(pool: Pool) -> None:
    async with pool.acquire() as connection:
        slow = connection.transaction()
        await slow.start()
        mine = await keys.reserve(connection, {b"racing": uuid4()})
        changing = asyncio.create_task(house(pool, 100).make())
        await asyncio.sleep(0.2)
        others = [asyncio.create_task(reserve(pool, b"racing", b"other")) for _ in range(3)]
        await asyncio.sleep(0.2)
        waited = [task.done() for task in (changing, *others)]
        await slow.commit()
    told = [await task for task in others]
    await changing

    assert waited == [False] * 4
    assert mine == {b"racing"}
    assert sorted(len(one) for one in told) == [0, 0, 1]
    assert await pool.fetchval("select count(*) from ingest.event_key") == 2
    assert await pool.fetchval("select count(distinct period) from ingest.event_key") == 2


async def test_a_hundred_doors_that_note_the_same_facts_over_changing_periods_note_each_once(pool: Pool) -> None:
    facts = [bytes([number]) * 32 for number in range(40)]

    async def change() -> None:
        for days in (100, 200, 300):
            await house(pool, days).make()
            await asyncio.sleep(0.02)

    told = await asyncio.gather(*(reserve(pool, *facts[n % 20 : n % 20 + 20]) for n in range(100)), change())

    assert sum(len(one) for one in told if one) == 39
    assert await pool.fetchval("select count(*) from ingest.event_key") == 39
