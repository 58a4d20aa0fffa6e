"""Claims about keeping: nothing is acknowledged before it is stored, and nobody waits without bounds."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from ingest_webhooks.entrance import intake as intakes
from ingest_webhooks.entrance.intake import Intake, NotKept
from ingest_webhooks.queries.deliveries import Kept
from ingest_webhooks.words.shapes import delivery_key
from milepost_runtime import failpoints
from milepost_runtime.database import Pool
from milepost_runtime.ids import new_id
from milepost_runtime.queue import Hints

from .conftest import Bench, batch, change


def kept(body: bytes, headers: str = "{}") -> Kept:
    key = delivery_key("hubspot", "test", body)
    return Kept(new_id(), "hubspot", None, "", key, body, headers, "c", 1)


@pytest.fixture
async def intake(ingest_pool: Pool, redis_url: str) -> AsyncIterator[Intake]:
    made = Intake(ingest_pool, Hints(redis_url))
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def disarmed() -> Iterator[None]:
    yield
    failpoints.arm("")


async def stored(pool: Pool, one: Kept) -> bool:
    return bool(await pool.fetchval("select exists(select from ingest.delivery where id = $1)", one.id))


async def test_a_delivery_is_visible_to_others_when_it_is_acknowledged(intake: Intake, ingest_pool: Pool) -> None:
    one = kept(b"visible")
    assert await intake.accept(one)
    assert await stored(ingest_pool, one)
    assert await intake.accept(kept(b"visible")) is False


async def test_a_known_and_a_new_one_in_one_group_are_told_apart(intake: Intake) -> None:
    await intake.accept(kept(b"known"))
    answers = await asyncio.gather(*(intake.accept(kept(body)) for body in (b"known", b"new", b"new", b"known")))
    assert answers == [False, True, False, False]


async def test_one_that_cannot_be_stored_fails_alone(intake: Intake, ingest_pool: Pool) -> None:
    good, bad, other = kept(b"good"), kept(b"bad", headers="no json"), kept(b"other")
    results = await asyncio.gather(*(intake.accept(one) for one in (good, bad, other)), return_exceptions=True)

    assert results[0] is True
    assert isinstance(results[1], NotKept)
    assert results[2] is True
    assert [await stored(ingest_pool, one) for one in (good, bad, other)] == [True, False, True]


async def test_nothing_is_acknowledged_while_the_store_is_silent(
    intake: Intake, ingest_pool: Pool, disarmed: None
) -> None:
    failpoints.arm("intake.before_commit=sleep:30")
    one = kept(b"silent")
    waiting = intake.accept(one)
    await asyncio.sleep(0.2)
    assert not waiting.done()
    with pytest.raises(NotKept):
        await asyncio.wait_for(waiting, intakes.COMMIT_S + 2)
    assert not await stored(ingest_pool, one)


async def test_more_than_may_wait_is_refused_at_once(intake: Intake, disarmed: None) -> None:
    failpoints.arm("intake.before_commit=sleep:0.5")
    big = b"x" * 2**20
    first = intake.accept(kept(b"first"))
    await asyncio.sleep(0.05)
    accepted = [intake.accept(kept(big + str(number).encode())) for number in range(64)]
    with pytest.raises(NotKept):
        intake.accept(kept(b"one too many"))
    failpoints.arm("")
    assert await first
    assert all(await asyncio.gather(*accepted))


async def test_with_the_database_away_the_answer_is_503_and_afterwards_200(
    bench: Bench, owner: asyncpg.Connection
) -> None:
    body = batch(change("company.creation", 81, 1))
    await bench.pool.execute("select 1")
    await owner.execute("alter table ingest.delivery rename to delivery_away")
    try:
        away = await bench.deliver(body)
    finally:
        await owner.execute("alter table ingest.delivery_away rename to delivery")
    back = await bench.deliver(body)

    assert (away.status_code, away.headers["content-type"]) == (503, "application/problem+json")
    assert int(away.headers["retry-after"]) > 0
    assert back.status_code == 200


async def test_a_killed_connection_is_503_or_200_and_the_books_agree(bench: Bench, owner: asyncpg.Connection) -> None:
    before = await bench.counts()
    bodies = [batch(change("company.creation", 82, number)) for number in range(100)]
    posts = [asyncio.create_task(bench.deliver(body)) for body in bodies]
    for _ in range(5):
        await asyncio.sleep(0.01)
        await owner.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'milepost ingest-webhooks web' and datname = current_database()"
        )
    answers = [(await post).status_code for post in posts]
    again = [(await bench.deliver(body)).status_code for body in bodies]

    assert set(answers) <= {200, 503}
    assert set(again) == {200}
    assert (await bench.counts())["delivery"] == before["delivery"] + 100
