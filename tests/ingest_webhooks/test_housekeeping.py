"""Claims about partitions: made ahead, dropped when over, and nothing that counts is lost with them."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from support.stores import Databases

from ingest_webhooks.queries import books, deliveries, partitions
from ingest_webhooks.queries.deliveries import Kept, Settled
from ingest_webhooks.settings import SCHEMA
from ingest_webhooks.upkeep.housekeeping import WEEKS_AHEAD, Housekeeping, Retention
from ingest_webhooks.words.shapes import fact_key
from milepost_runtime.database import Pool, open_pool
from milepost_runtime.ids import first_id, new_id
from milepost_runtime.lanes import Lane, drain

WEEK = timedelta(days=7)


@pytest.fixture
async def url(databases: Databases) -> str:
    """A database of the test's own: its clock is set far ahead."""
    return await databases.clone()


@pytest.fixture
async def pool(url: str) -> AsyncIterator[Pool]:
    async with await open_pool(url, SCHEMA, process="test", size=8) as made:
        yield made


def house(pool: Pool, days: float = 0, since: datetime | None = None) -> Housekeeping:
    """The housekeeping as it will be some days after a moment, or from now."""
    return Housekeeping(pool, Retention(), now=lambda: (since or datetime.now(UTC)) + timedelta(days=days))


def kept(body: bytes, delivery_id: UUID | None = None, source: str = "hubspot") -> Kept:
    return Kept(delivery_id or new_id(), source, None, "", fact_key("test", body.decode()), body, "{}", "c", 2)


async def keep(pool: Pool, *group: Kept) -> set[UUID]:
    async with pool.acquire() as connection:
        return await deliveries.keep(connection, group)


async def settle(pool: Pool, delivery_id: UUID, state: str) -> None:
    """Write down that a delivery came to rest, as relaying does."""
    faults = json.dumps([{"position": 0, "reason": "strange"}, {"position": 1, "reason": "strange"}])
    counts = {"done": (0, 2, 0, 0, 0), "ignored": (0, 0, 0, 2, 0), "quarantined": (0, 0, 0, 0, 2)}[state]
    outcome = Settled(delivery_id, state, *counts, faults if state == "quarantined" else "[]")
    async with pool.acquire() as connection:
        await deliveries.settle(connection, [outcome])
        await connection.execute("update ingest.delivery set next_at = null where id = $1", delivery_id)


async def numbers(pool: Pool) -> dict[str, Any]:
    """Return the books of hubspot."""
    async with pool.acquire() as connection:
        rows = {row["source"]: dict(row) for row in await books.books(connection)}
    return rows["hubspot"]


async def weeks(pool: Pool) -> list[Any]:
    async with pool.acquire() as connection:
        return list(await partitions.weeks(connection))


async def test_a_new_database_has_room_for_eight_weeks_and_a_day_later_there_is_no_hole(pool: Pool) -> None:
    before = await weeks(pool)
    made = datetime.combine(before[0], time(12), UTC)
    await house(pool, 7, made).make()
    after = await weeks(pool)

    # It was made when this run of the tests began, which may have been in the week before.
    assert partitions.week_of(datetime.now(UTC).date()) in before[:2]
    assert after[: len(before)] == before
    assert after == [before[0] + number * WEEK for number in range(WEEKS_AHEAD + 2)]


async def test_deliveries_of_each_week_ahead_find_their_partition_and_a_clock_far_behind_does_too(pool: Pool) -> None:
    now = datetime.combine((await weeks(pool))[0], time(12), UTC)
    moments = [now - timedelta(days=4_000), *(now + number * WEEK for number in range(WEEKS_AHEAD))]
    made = {first_id(moment) for moment in moments}
    new = await keep(pool, *(kept(str(number).encode(), id_) for number, id_ in enumerate(sorted(made))))

    assert new == made
    assert await pool.fetchval("select count(distinct tableoid) from ingest.delivery") == WEEKS_AHEAD + 1


async def test_making_twice_at_once_makes_each_partition_once(pool: Pool) -> None:
    await asyncio.gather(*(house(pool, 60).make() for _ in range(4)))
    assert len(set(await weeks(pool))) == len(await weeks(pool))


async def test_a_process_that_starts_after_a_long_pause_makes_what_it_needs(pool: Pool) -> None:
    later = datetime.now(UTC) + timedelta(days=200)
    with pytest.raises(asyncpg.CheckViolationError):
        await keep(pool, kept(b"too early", first_id(later)))
    await house(pool, 200).ready()

    assert await keep(pool, kept(b"in time", first_id(later)))


async def test_making_a_partition_holds_up_nobody_who_writes(pool: Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await deliveries.keep(connection, [kept(b"under way")])
        await asyncio.wait_for(house(pool, 14).make(), 5)
    assert await keep(pool, kept(b"afterwards"))


async def test_the_same_delivery_is_known_within_a_week_and_kept_again_in_the_next(pool: Pool) -> None:
    later = first_id(datetime.now(UTC) + WEEK)
    first = await keep(pool, kept(b"same"))
    again = await keep(pool, kept(b"same"))
    next_week = await keep(pool, kept(b"same", later))

    assert (len(first), len(again), next_week) == (1, 0, {later})


async def test_a_week_over_its_time_is_dropped_and_the_books_stay_as_they_were(pool: Pool) -> None:
    done, ignored, strange = kept(b"done"), kept(b"ignored"), kept(b"strange")
    week = partitions.week_of(datetime.now(UTC).date())
    await keep(pool, done, ignored, strange)
    for one, state in ((done, "done"), (ignored, "ignored"), (strange, "quarantined")):
        await settle(pool, one.id, state)
    before = await numbers(pool)
    for days in (1, 96, 97, 98, 99):
        await house(pool, days).count()
        counted = await numbers(pool)
        assert counted == before
    await house(pool, 85).drop()
    in_time = week in await weeks(pool)
    await house(pool, 99).drop()

    assert in_time
    assert week not in await weeks(pool)
    assert await numbers(pool) == before
    assert [row["id"] for row in await pool.fetch("select id from ingest.delivery")] == [strange.id]
    assert (before["told"], before["accepted"], before["quarantined"]) == (3, 3, 1)


async def test_what_is_quarantined_outlives_its_week_and_can_still_be_replayed(pool: Pool) -> None:
    strange = kept(b"strange")
    await keep(pool, strange)
    await settle(pool, strange.id, "quarantined")
    await house(pool, 99).count()
    await house(pool, 99).drop()
    async with pool.acquire() as connection, connection.transaction():
        await books.reopen(connection, strange.id, strange.id)
        assert await deliveries.replay(connection, strange.id)
    waiting = await numbers(pool)
    await settle(pool, strange.id, "done")
    settled = await numbers(pool)
    await house(pool, 99).count()

    assert (waiting["told"], waiting["waiting"], waiting["quarantined"], waiting["events_unread"]) == (1, 1, 0, 2)
    assert (settled["done"], settled["quarantined"], settled["events_settled"]) == (1, 0, 2)
    assert await numbers(pool) == settled


async def test_remains_that_nobody_looked_at_go_when_keys_go_and_stay_in_the_books(pool: Pool) -> None:
    strange = kept(b"strange")
    await keep(pool, strange)
    await settle(pool, strange.id, "quarantined")
    before = await numbers(pool)
    await house(pool, 99).count()
    for days in (99, 399, 401):
        await house(pool, days).drop()

    assert await pool.fetchval("select count(*) from ingest.delivery") == 0
    assert await numbers(pool) == before


async def test_a_week_in_which_something_waits_is_not_dropped(pool: Pool) -> None:
    late = kept(b"late")
    await keep(pool, late)
    await house(pool, 99).count()
    await house(pool, 99).drop()

    assert (await numbers(pool))["waiting"] == 1
    await settle(pool, late.id, "done")
    await house(pool, 99).count()
    await house(pool, 99).drop()
    assert partitions.week_of(datetime.now(UTC).date()) not in await weeks(pool)


async def test_a_replay_of_a_counted_day_is_in_the_books_at_once(pool: Pool) -> None:
    one = kept(b"again")
    await keep(pool, one)
    await settle(pool, one.id, "quarantined")
    await house(pool, 2).count()
    async with pool.acquire() as connection, connection.transaction():
        await books.reopen(connection, one.id, one.id)
        await deliveries.replay(connection, one.id)
    replayed = await numbers(pool)
    await settle(pool, one.id, "done")
    settled = await numbers(pool)
    await house(pool, 2).count()

    assert (replayed["waiting"], replayed["quarantined"], settled["done"]) == (1, 0, 1)
    assert await numbers(pool) == settled
    assert not await pool.fetchval("select bool_or(reopened) from ingest.counted_day")


async def test_a_lost_row_is_missed_before_its_day_is_counted(pool: Pool) -> None:
    one, other = kept(b"one"), kept(b"other")
    await keep(pool, one, other)
    await pool.execute("delete from ingest.delivery where id = $1", other.id)
    found = await numbers(pool)

    assert (found["told"], found["accepted"], found["events_told"], found["events_accepted"]) == (2, 1, 4, 2)


async def test_what_sessions_counted_on_past_days_is_folded_into_one_row(url: str, pool: Pool) -> None:
    for number in range(3):
        async with await open_pool(url, SCHEMA, process="test", size=1) as other:
            await keep(other, kept(str(number).encode()))
    several = await pool.fetchval("select count(*) from ingest.tally")
    before = await numbers(pool)
    await house(pool, 2).fold()
    await house(pool, 2).fold()

    assert (several, await pool.fetchval("select count(*) from ingest.tally")) == (3, 1)
    assert await numbers(pool) == before


async def test_reports_of_replays_and_imports_go_with_the_deliveries_of_their_time(pool: Pool) -> None:
    for one, over in ((new_id(), datetime.now(UTC)), (new_id(), None)):
        replay = "insert into ingest.replay (id, author, dry_run, status, finished_at) values ($1, 'a', true, $2, $3)"
        await pool.execute(replay, one, "done" if over else "running", over)
        await pool.execute("insert into ingest.foreseen_fact (replay_id, key, delivery_id) values ($1, 'k', $1)", one)
        brought = "insert into ingest.import (id, name, sender, state, finished_at) values ($1, 'a', 'a', $2, $3)"
        await pool.execute(brought, one, "finished" if over else "open", over)
        await pool.execute("insert into ingest.import_reject (import_id, line, errors) values ($1, 1, '[]')", one)
    tables = ("replay", "foreseen_fact", "import_reject", "import")
    left = []
    for days in (89, 91):
        await house(pool, days).drop()
        left.append([await pool.fetchval(f"select count(*) from ingest.{name}") for name in tables])

    assert left == [[2, 2, 2, 2], [1, 1, 1, 2]]


async def test_the_lane_does_each_chore_and_puts_it_off(pool: Pool) -> None:
    ours = house(pool)
    done = await drain(pool, ours.lane)
    rows = await pool.fetch(
        "select name, next_at > clock_timestamp() + interval '5 minutes' as later from ingest.chore"
    )

    assert done == len(ours.chores)
    assert {row["name"]: row["later"] for row in rows} == dict.fromkeys(ours.chores, True)


async def test_a_reader_in_the_way_of_a_drop_only_puts_it_off(pool: Pool) -> None:
    await keep(pool, one := kept(b"one"))
    await settle(pool, one.id, "done")
    ours = house(pool, 99)
    await ours.count()
    async with pool.acquire() as connection, connection.transaction():
        await connection.fetch("select id from ingest.delivery limit 1")
        await pool.execute("update ingest.chore set next_at = '-infinity' where name = 'drop'")
        await drain(pool, ours.lane)
        put_off = await connection.fetchval(
            "select next_at < clock_timestamp() + interval '2 minutes' and lease_until is null"
            " from ingest.chore where name = 'drop'"
        )
    await pool.execute("update ingest.chore set next_at = clock_timestamp() where name = 'drop'")
    await drain(pool, ours.lane)

    assert put_off
    assert partitions.week_of(datetime.now(UTC).date()) not in await weeks(pool)


async def test_one_delivery_is_looked_up_in_one_partition_and_the_next_due_ones_by_index_in_each(pool: Pool) -> None:
    one = kept(b"one")
    await keep(pool, one, *(kept(str(number).encode()) for number in range(2_000)))
    await pool.execute("update ingest.delivery set next_at = null, state = 'done' where id <> $1", one.id)
    await pool.execute("analyze ingest.delivery")
    lane = Lane("test", "ingest.delivery", "id", _never, key_type="uuid")
    found = await pool.fetch("explain select body from ingest.delivery where id = $1", one.id)
    due = await pool.fetch("explain " + lane.claiming, 200, 20.0)
    week = partitions.table_of(partitions.week_of(datetime.now(UTC).date())).rpartition(".")[2]

    assert sum("delivery_" in row[0] for row in found) == 1
    assert any(f"Index Scan using {week}_next_at_id_idx" in row[0] for row in due)
    assert not any(f"Seq Scan on {week} delivery" in row[0] for row in due)


async def _never(_claims: object) -> int:
    raise AssertionError("this lane is only explained")
