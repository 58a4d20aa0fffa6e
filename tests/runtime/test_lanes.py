"""Claims about lanes: nobody's work is done twice, nothing is stuck, a bad row harms only itself."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import asyncpg
import pytest

from milepost_runtime.database import STORE_TROUBLE, Connection, Pool
from milepost_runtime.lanes import (
    Claim,
    GiveUp,
    Lane,
    TryLater,
    claim,
    claim_suspects,
    drain,
    finish,
    hold,
    release,
)

Handle = Callable[[Sequence[Claim]], Awaitable[int]]


@pytest.fixture
async def parcels(plumbing: Pool) -> Pool:
    await plumbing.execute("truncate parcel")
    return plumbing


async def put(pool: Pool, count: int, *, due_in_s: float = -1) -> None:
    await pool.execute(
        "insert into parcel (id, next_at) select i, clock_timestamp() + make_interval(secs => $2)"
        " from generate_series(1, $1) i",
        count,
        due_in_s,
    )


def lane(handle: Handle, pool: Pool, *, batch: int = 50, lease_s: float = 15) -> Lane:
    async def bury(one: Claim, reason: str) -> None:
        await pool.execute(
            "update parcel set outcome = 'buried: ' || $2, next_at = null where id = $1", one.key, reason
        )

    return Lane("test.parcel", "parcel", "id", handle, bury=bury, columns=("payload",), batch=batch, lease_s=lease_s)


def delivering(pool: Pool, log: list[int]) -> Lane:
    async def deliver(claims: Sequence[Claim]) -> int:
        log.extend(one.key for one in claims)
        async with pool.acquire() as connection, connection.transaction():
            ours = await hold(connection, made, claims)
            await connection.execute("update parcel set outcome = 'delivered' where id = any($1)", list(ours))
            await finish(connection, made, claims)
        return len(claims)

    made = lane(deliver, pool)
    return made


async def test_everything_due_is_done_once_by_four_drains_at_the_same_time(parcels: Pool) -> None:
    await put(parcels, 400)
    done: list[int] = []

    await asyncio.gather(*(drain(parcels, delivering(parcels, done)) for _ in range(4)))

    assert sorted(done) == list(range(1, 401))
    assert await parcels.fetchval("select count(*) from parcel where outcome = 'delivered' and next_at is null") == 400


async def test_of_a_table_in_parts_only_rows_that_are_due_are_claimed_wherever_they_lie(plumbing: Pool) -> None:
    async def nobody(_claims: Sequence[Claim]) -> int:
        return 0

    async with plumbing.acquire() as connection, rolled_back(connection):
        await connection.execute(
            "create table shelf (like parcel including defaults, part int) partition by list (part)"
        )
        for part in (1, 2):
            await connection.execute(f"create table shelf_{part} partition of shelf for values in ({part})")
        # The first row of each part lies at the same place; only that of the second part is due.
        await connection.execute(
            "insert into shelf (id, part, next_at) values (1, 1, null), (2, 2, clock_timestamp() - interval '1 second')"
        )
        shelf = Lane("test.shelf", "shelf", "id", nobody)

        assert [one.key for one in await claim(connection, shelf, 10)] == [2]
        assert await connection.fetchval("select fence from shelf where id = 1") == 0

        await connection.execute("update shelf set lease_until = clock_timestamp() - interval '1 second' where id = 2")
        assert [one.key for one in await claim_suspects(connection, shelf)] == [2]
        assert await connection.fetchval("select fence from shelf where id = 1") == 0


@contextlib.asynccontextmanager
async def rolled_back(connection: Connection) -> AsyncIterator[None]:
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


async def test_what_is_not_due_yet_is_left_alone(parcels: Pool) -> None:
    await put(parcels, 3, due_in_s=60)
    done: list[int] = []

    assert await drain(parcels, delivering(parcels, done)) == 0
    assert done == []


async def test_rows_that_somebody_is_just_claiming_make_nobody_wait(parcels: Pool) -> None:
    await put(parcels, 5)
    made = lane(_never, parcels)
    async with parcels.acquire() as one, one.transaction(), parcels.acquire() as other:
        held = await claim(one, made, 2)
        await other.execute("begin; set local lock_timeout = '200ms'")

        free = await claim(other, made, 10)

        await other.execute("commit")
    assert len(held) == 2
    assert sorted(row.key for row in (*held, *free)) == [1, 2, 3, 4, 5]


async def test_rows_whose_holder_died_make_nobody_wait_either(parcels: Pool) -> None:
    await put(parcels, 8)
    made = lane(_never, parcels, lease_s=0.02)
    async with parcels.acquire() as one, parcels.acquire() as other:
        await claim(one, made, 10)
        await asyncio.sleep(0.1)
        async with one.transaction():
            held = await claim_suspects(one, made)
            await other.execute("begin; set local lock_timeout = '200ms'")

            free = await claim_suspects(other, made)

            await other.execute("commit")
    assert (len(held), len({row.key for row in (*held, *free)})) == (6, 8)


async def test_a_claim_whose_lease_is_over_goes_to_somebody_else_and_the_first_writes_nothing(parcels: Pool) -> None:
    await put(parcels, 1)
    made = lane(_never, parcels, lease_s=0.05)
    async with parcels.acquire() as connection:
        first = await claim(connection, made, 10)
        await asyncio.sleep(0.1)
        second = await claim_suspects(connection, made)

        assert [one.fence for one in (*first, *second)] == [1, 2]
        assert await hold(connection, made, first) == set()
        assert await finish(connection, made, first) == set()
        assert await hold(connection, made, second) == {1}


async def test_rows_whose_holder_died_are_claimed_a_few_at_a_time_and_alone_once_another_died(parcels: Pool) -> None:
    await put(parcels, 10)
    made = lane(_never, parcels, batch=32, lease_s=0.05)
    async with parcels.acquire() as connection:
        await claim(connection, made, 10)
        await asyncio.sleep(0.1)
        assert await claim(connection, made, 10) == []

        sizes = [len(await claim_suspects(connection, made)) for _ in range(4)]
        await asyncio.sleep(0.1)
        again = [await claim_suspects(connection, made) for _ in range(11)]

    assert sizes == [4, 4, 2, 0]
    assert [len(one) for one in again] == [1] * 10 + [0]
    assert {one.crashes for (one,) in again[:10]} == {2}


async def test_what_a_dead_worker_held_goes_on_at_once_though_others_are_always_due(parcels: Pool) -> None:
    await put(parcels, 200)
    made: Lane
    busy: list[int] = []

    async def endless(claims: Sequence[Claim]) -> int:
        busy.append(len(claims))
        async with parcels.acquire() as connection, connection.transaction():
            mine = [one for one in claims if one.key <= 200]
            await finish(connection, made, mine)
            # All others are due again and again: there is never nothing to do.
            await release(connection, made, [one for one in claims if one.key > 200])
        return len(claims)

    made = lane(endless, parcels, batch=200, lease_s=0.05)
    async with parcels.acquire() as connection:
        await claim(connection, made, 200)
    await parcels.execute(
        "insert into parcel (id, next_at) select i, clock_timestamp() from generate_series(201, 800) i"
    )
    await asyncio.sleep(0.1)

    await drain(parcels, made, seconds=1)

    assert await parcels.fetchval("select count(*) from parcel where id <= 200 and next_at is not null") == 0
    assert busy.count(25) == 8


async def test_others_do_not_wait_for_what_a_dead_worker_held_however_long_it_takes(parcels: Pool) -> None:
    await put(parcels, 24)
    made: Lane
    worked = {"held": 0.0, "others": 0.0}

    async def work(claims: Sequence[Claim]) -> int:
        long = claims[0].key <= 24
        began = time.monotonic()
        await asyncio.sleep(0.6 if long else 0.02)
        worked["held" if long else "others"] += time.monotonic() - began
        async with parcels.acquire() as connection, connection.transaction():
            await (finish if long else release)(connection, made, claims)
        return len(claims)

    made = lane(work, parcels, batch=64, lease_s=0.05)
    async with parcels.acquire() as connection:
        await claim(connection, made, 24)
    await parcels.execute("insert into parcel (id, next_at) select i, clock_timestamp() from generate_series(25, 90) i")
    await asyncio.sleep(0.1)

    await drain(parcels, made, seconds=2)

    assert worked["held"] > 1.7
    assert worked["others"] > 0.6


async def test_what_a_dead_worker_held_does_not_wait_for_a_batch_of_others_that_takes_long(parcels: Pool) -> None:
    await put(parcels, 24)
    made: Lane
    moments: dict[str, float] = {}

    async def work(claims: Sequence[Claim]) -> int:
        held = claims[0].key <= 24
        await asyncio.sleep(0.0 if held else 2.5)
        moments["held" if held else "others"] = time.monotonic()
        async with parcels.acquire() as connection, connection.transaction():
            await finish(connection, made, claims)
        return len(claims)

    made = lane(work, parcels, batch=64, lease_s=0.3)
    async with parcels.acquire() as connection:
        await claim(connection, made, 24)
    await parcels.execute("insert into parcel (id, next_at) select i, clock_timestamp() from generate_series(25, 30) i")

    await drain(parcels, made, seconds=2)

    assert moments["held"] < moments["others"] - 1.0


async def test_those_that_were_there_more_than_once_leave_the_others_half_of_the_time(parcels: Pool) -> None:
    await put(parcels, 40)
    await parcels.execute("update parcel set crashes = 1")
    made: Lane
    worked = {"suspects": 0.0, "others": 0.0}

    async def work(claims: Sequence[Claim]) -> int:
        long = claims[0].key <= 40
        began = time.monotonic()
        await asyncio.sleep(0.4 if long else 0.05)
        worked["suspects" if long else "others"] += time.monotonic() - began
        async with parcels.acquire() as connection, connection.transaction():
            await (finish if long else release)(connection, made, claims)
        return len(claims)

    made = lane(work, parcels, batch=8)
    await parcels.execute("insert into parcel (id, next_at) select i, clock_timestamp() from generate_series(41, 80) i")

    await drain(parcels, made, seconds=3)

    assert worked["suspects"] > 0.5
    assert worked["others"] > worked["suspects"] * 0.6


async def test_looking_for_what_is_due_costs_the_same_beside_any_number_that_wait(parcels: Pool) -> None:
    await put(parcels, 20_000, due_in_s=3600)
    await parcels.execute("update parcel set next_at = clock_timestamp() where id <= 3")
    await parcels.execute("analyze parcel")
    made = lane(_never, parcels)

    for statement in (made.claiming, made.claiming_first_time, made.claiming_again):
        plan = await parcels.fetch(f"explain (analyze, buffers, format text) {_literal(statement)}")
        hits = re.findall(r"Buffers: shared hit=(\d+)", "\n".join(row[0] for row in plan))
        assert int(hits[0]) < 100, "\n".join(row[0] for row in plan)


async def test_of_thousands_due_at_one_moment_what_a_dead_worker_held_is_in_front_and_few_rows_are_read(
    parcels: Pool,
) -> None:
    await put(parcels, 20_000)
    await parcels.execute("update parcel set next_at = date_trunc('minute', clock_timestamp())")
    await parcels.execute("vacuum analyze parcel")
    made = lane(_never, parcels, batch=400, lease_s=0.05)
    async with parcels.acquire() as connection:
        held = await claim(connection, made, 400)
        await asyncio.sleep(0.1)
        found = [one.key for _ in range(8) for one in await claim_suspects(connection, made)]

    assert found == sorted(one.key for one in held)
    plan = "\n".join(row[0] for row in await parcels.fetch(f"explain (analyze, buffers) {_literal(made.claiming)}"))
    assert "Sort" not in plan, plan
    assert int(re.findall(r"Buffers: shared hit=(\d+)", plan)[0]) < 2_000, plan


def _literal(statement: str) -> str:
    return statement.replace("$1", "50").replace("$2", "15")


async def test_those_held_by_the_fewest_who_died_go_before_the_one_that_kills(parcels: Pool) -> None:
    await put(parcels, 3)
    made = lane(_never, parcels, batch=8, lease_s=0.05)
    taken = []
    async with parcels.acquire() as connection:
        await claim(connection, made, 10)
        await parcels.execute("update parcel set next_at = next_at - interval '1 hour' where id = 2")
        for _ in range(4):
            await asyncio.sleep(0.1)
            taken += [one.key for one in await claim_suspects(connection, made)]
            # Only the second dies of its work again and again.
            await parcels.execute("update parcel set next_at = null where id = $1 and id <> 2", taken[-1])

    assert (taken[0], sorted(taken[1:3]), taken[3]) == (2, [1, 3], 2)


async def test_one_bad_row_cannot_hold_up_the_others(parcels: Pool) -> None:
    await put(parcels, 20)
    made: Lane

    async def choke(claims: Sequence[Claim]) -> int:
        if any(one.key == 7 for one in claims):
            raise ValueError("seven")
        async with parcels.acquire() as connection, connection.transaction():
            await finish(connection, made, claims)
        return len(claims)

    made = lane(choke, parcels)
    await drain(parcels, made)

    left = await parcels.fetch("select id, crashes from parcel where next_at is not null")
    assert [(row["id"], row["crashes"]) for row in left] == [(7, 1)]


async def test_a_row_that_always_fails_is_buried_after_three_tries(parcels: Pool) -> None:
    await put(parcels, 1)

    async def choke(_claims: Sequence[Claim]) -> int:
        raise ValueError("always")

    made = lane(choke, parcels)
    for _ in range(3):
        await drain(parcels, made)
        await parcels.execute("update parcel set next_at = clock_timestamp() where next_at is not null")

    outcome = await parcels.fetchval("select outcome from parcel")
    assert outcome.startswith("buried: failed 3 times")


async def test_a_row_that_brings_three_workers_down_is_buried(parcels: Pool) -> None:
    await put(parcels, 1)
    made = lane(_never, parcels, lease_s=0.02)
    async with parcels.acquire() as connection:
        await claim(connection, made, 1)
        for _ in range(2):
            await asyncio.sleep(0.05)
            assert len(await claim_suspects(connection, made)) == 1
    await asyncio.sleep(0.05)
    await drain(parcels, made)

    assert await parcels.fetchval("select outcome from parcel") == "buried: brought a worker down 3 times"


async def test_try_later_postpones_without_blame_and_give_up_buries(parcels: Pool) -> None:
    await put(parcels, 2)

    async def refuse(claims: Sequence[Claim]) -> int:
        if claims[0].key == 1:
            raise TryLater("receiver is closed", after_s=60)
        raise GiveUp("receiver moved")

    await drain(parcels, lane(refuse, parcels, batch=1))

    rows = await parcels.fetch(
        "select id, crashes, outcome, next_at > clock_timestamp() as later from parcel order by id"
    )
    assert [tuple(row.values()) for row in rows] == [(1, 0, None, True), (2, 0, "buried: receiver moved", None)]


async def test_a_store_in_trouble_is_nobodys_fault(parcels: Pool) -> None:
    await put(parcels, 1)
    with pytest.raises(ConnectionResetError):
        await drain(parcels, lane(_unlucky, parcels))
    assert await parcels.fetchval("select crashes from parcel") == 0


async def test_a_store_that_fails_again_and_again_brings_no_row_under_suspicion(parcels: Pool) -> None:
    await put(parcels, 2)
    failures = iter(range(4))
    made: Lane

    async def cut_off(claims: Sequence[Claim]) -> int:
        async with parcels.acquire() as connection, connection.transaction():
            ours = await hold(connection, made, claims)
            if next(failures, None) is not None:
                await connection.execute("set local role none; select pg_terminate_backend(pg_backend_pid())")
            await finish(connection, made, claims)
        return len(ours)

    made = lane(cut_off, parcels, lease_s=0.02)
    for _ in range(4):
        with pytest.raises(STORE_TROUBLE):
            await drain(parcels, made)
        # By now the lease of what was claimed is over, as after the death of its holder.
        await asyncio.sleep(0.05)

    done = 0
    for _ in range(5):
        # A pool may notice late that a connection of its own was cut.
        with contextlib.suppress(*STORE_TROUBLE):
            done += await drain(parcels, made)
    assert done == 2
    assert await parcels.fetchval("select count(*) from parcel where outcome is null and crashes = 0") == 2


async def test_what_an_unlucky_worker_lost_to_another_stays_with_that_one(parcels: Pool) -> None:
    await put(parcels, 1)

    made = lane(_unlucky, parcels, lease_s=0.02)
    with pytest.raises(ConnectionResetError):
        await drain(parcels, made)
    await asyncio.sleep(0.05)
    async with parcels.acquire() as connection:
        await claim_suspects(connection, lane(_never, parcels))

        assert await drain(parcels, made) == 0
        assert await connection.fetchval("select lease_until > clock_timestamp() from parcel")


async def test_a_row_whose_work_takes_too_long_is_claimed_with_few_from_then_on(parcels: Pool) -> None:
    await put(parcels, 3)

    async def slow(_claims: Sequence[Claim]) -> int:
        await parcels.execute("set local statement_timeout = '20ms'; select pg_sleep(5)")
        return 0

    made = lane(slow, parcels, batch=8, lease_s=0.02)
    async with parcels.acquire() as connection:
        with pytest.raises(asyncpg.QueryCanceledError):
            await drain(parcels, made)
        await asyncio.sleep(0.05)
        assert await claim(connection, made, 10) == []
        assert len(await claim_suspects(connection, made)) == 1


async def test_a_long_batch_keeps_its_lease(parcels: Pool) -> None:
    await put(parcels, 1)
    made: Lane

    async def slow(claims: Sequence[Claim]) -> int:
        await asyncio.sleep(1.2)
        async with parcels.acquire() as connection, connection.transaction():
            assert await hold(connection, made, claims) == {1}
            await finish(connection, made, claims)
        return 1

    made = lane(slow, parcels, lease_s=0.6)
    task = asyncio.create_task(drain(parcels, made))
    await asyncio.sleep(0.9)
    async with parcels.acquire() as connection:
        assert await claim_suspects(connection, made) == []
    await task

    assert await parcels.fetchval("select next_at is null from parcel")


async def test_released_rows_are_as_due_as_before(parcels: Pool) -> None:
    await put(parcels, 1)
    made = lane(_never, parcels)
    async with parcels.acquire() as connection:
        await release(connection, made, await claim(connection, made, 1))

        assert len(await claim(connection, made, 1)) == 1


async def _unlucky(_claims: Sequence[Claim]) -> int:
    raise ConnectionResetError


async def _never(_claims: Sequence[Claim]) -> int:
    raise AssertionError("this lane is claimed by hand")
