"""Claims about answers from memory: never older than a second, whatever is lost, cut, merged or restarted."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from support.health_documents import document
from support.scoring_web import Web, keep, running

from milepost_devstack.schemas import SCHEMAS
from milepost_devstack.stores import EmbeddedPostgres
from milepost_runtime.migrations import upgrade_all

ALLOWED_S = 1.0


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as made:
        yield made


@pytest.fixture
async def client(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    async with web.client(key=web.reader) as made:
        yield made


async def kept(web: Web, score: float = 50.0) -> UUID:
    """Store an account with a document and a reference; return our id."""
    identity = uuid4()
    who = {"id": identity, "name": "Fresh", "segment": "smb", "stage": "early", "owner": None,
           "references": [f"external:{identity}"]}  # fmt: skip
    await keep(web.owner, document(account=who, score=score))
    return identity


async def stored(owner: asyncpg.Connection, account: UUID, score: float) -> float:
    """Store another score, as a rescoring does, and return when it was committed."""
    await owner.execute(
        "update scoring.health_document set etag = '\"' || gen_random_uuid() || '\"', body ="
        " convert_to(jsonb_set(convert_from(body, 'UTF8')::jsonb, '{score}', to_jsonb($2::float8))::text, 'UTF8')"
        " where account_id = $1",
        account, score,
    )  # fmt: skip
    return time.monotonic()


async def seen(client: httpx.AsyncClient, name: object) -> float:
    answer = await client.get(f"/accounts/{name}/health")
    assert answer.status_code == 200, answer.text
    found: float = answer.json()["score"]
    return found


async def remembered(client: httpx.AsyncClient, account: UUID) -> None:
    """Read an account by both of its names, before and after a look for changes: by then both are in memory."""
    names = (account, f"external:{account}")
    for name in names:
        await seen(client, name)
    await asyncio.sleep(0.3)
    for name in names:
        await seen(client, name)


async def lag_of(client: httpx.AsyncClient, account: UUID, score: float, since: float) -> float:
    """Ask by both names until both tell this score; return how long after `since` the last old answer came."""
    last = since
    for _ in range(400):
        asked = time.monotonic()
        told = [await seen(client, name) for name in (account, f"external:{account}")]
        if told == [score, score]:
            return last - since
        last = asked
        await asyncio.sleep(0.005)
    raise AssertionError("the new score was never told")


async def test_a_read_account_is_answered_from_memory(web: Web, client: httpx.AsyncClient) -> None:
    account = await kept(web)
    await remembered(client, account)
    async with web.owner.transaction():
        # Nobody can read the table now: what is answered comes from elsewhere.
        await web.owner.execute("lock table scoring.health_document in access exclusive mode")
        async with asyncio.timeout(0.5):
            assert await seen(client, account) == 50.0


async def test_a_new_score_is_told_within_a_second_by_the_bell(web: Web, client: httpx.AsyncClient) -> None:
    account = await kept(web)
    for turn in range(10):
        await remembered(client, account)
        lag = await lag_of(client, account, 60.0 + turn, await stored(web.owner, account, 60.0 + turn))
        assert lag < 0.2


async def test_a_new_score_is_told_within_a_second_without_any_bell(web: Web, client: httpx.AsyncClient) -> None:
    account = await kept(web)
    bell = "select pg_get_functiondef('scoring.tell_stale_answers'::regproc)"
    whole: str = await web.owner.fetchval(bell)
    await web.owner.execute(whole.replace("perform pg_notify('scoring.stale_answer', '')", "null"))
    try:
        lags = []
        for turn in range(8):
            await remembered(client, account)
            await asyncio.sleep(0.031 * turn)
            lags.append(await lag_of(client, account, 60.0 + turn, await stored(web.owner, account, 60.0 + turn)))
    finally:
        await web.owner.execute(whole)
    assert max(lags) < ALLOWED_S
    assert max(lags) > 0.02, "the bell rang all the same"


async def test_commits_in_another_order_than_their_beginnings_hide_nothing(
    web: Web, client: httpx.AsyncClient, database_url: str
) -> None:
    slow, quick = await kept(web), await kept(web)
    other = await asyncpg.connect(database_url)
    change = other.transaction()
    await change.start()
    await stored(other, slow, 11.0)
    for turn in range(3):
        await remembered(client, quick)
        assert await lag_of(client, quick, 20.0 + turn, await stored(web.owner, quick, 20.0 + turn)) < ALLOWED_S
        await asyncio.sleep(0.3)
    await remembered(client, slow)
    await change.commit()
    assert await lag_of(client, slow, 11.0, time.monotonic()) < ALLOWED_S
    await other.close()


async def test_many_writers_and_readers_never_see_an_old_score_for_long(web: Web, database_url: str) -> None:
    accounts = [await kept(web) for _ in range(6)]
    truth: dict[UUID, list[tuple[float, float]]] = {one: [(0.0, 50.0)] for one in accounts}
    worst, ends = 0.0, time.monotonic() + 3.0

    async def write(account: UUID) -> None:
        connection = await asyncpg.connect(database_url)
        score = 1.0
        while time.monotonic() < ends:
            committed = await stored(connection, account, score)
            truth[account].append((committed, score))
            score = score % 90 + 1.0
            await asyncio.sleep(0.01 + 0.4 * (score % 3 == 0))
        await connection.close()

    async def read(account: UUID) -> None:
        nonlocal worst
        async with web.client(key=web.reader) as client:
            while time.monotonic() < ends:
                asked = time.monotonic()
                told = await seen(client, account)
                # When was what we were told replaced, as far as is known by the time of asking?
                later = [at for at, score in truth[account] if at <= asked]
                # Not among them: it was committed, and its writer has not come to say so.
                position = max((i for i, (_, score) in enumerate(truth[account]) if score == told), default=len(later))
                if position + 1 < len(later):
                    worst = max(worst, asked - truth[account][position + 1][0])

    await asyncio.gather(*(write(one) for one in accounts), *(read(one) for one in accounts for _ in range(2)))
    assert worst < ALLOWED_S


async def test_an_emptied_queue_delays_no_answer(web: Web, client: httpx.AsyncClient, valkey: Any) -> None:
    account = await kept(web)
    await remembered(client, account)
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(valkey.url).port)
    writer.write(b"FLUSHALL\r\n")
    assert (await reader.readline()).startswith((b"+OK", b"-NOAUTH"))
    writer.close()
    assert await lag_of(client, account, 61.0, await stored(web.owner, account, 61.0)) < ALLOWED_S


async def test_a_watch_that_is_cut_off_leaves_every_read_to_the_store(web: Web, client: httpx.AsyncClient) -> None:
    account = await kept(web)
    for turn in range(3):
        await remembered(client, account)
        cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%memory'"
        assert await web.owner.fetch(cut + " and datname = current_database()")
        lag = await lag_of(client, account, 70.0 + turn, await stored(web.owner, account, 70.0 + turn))
        assert lag < ALLOWED_S


async def test_an_account_that_was_merged_away_is_its_survivor_within_a_second(
    web: Web, client: httpx.AsyncClient
) -> None:
    gone, survivor = await kept(web, 10.0), await kept(web, 90.0)
    for one in (gone, survivor):
        await remembered(client, one)
    async with web.owner.transaction():
        await web.owner.execute("insert into scoring.merged_account values ($1, $2)", gone, survivor)
        await web.owner.execute(
            "update scoring.account_reference set account_id = $2 where account_id = $1", gone, survivor
        )
        await web.owner.execute("delete from scoring.health_document where account_id = $1", gone)
    assert await lag_of(client, gone, 90.0, time.monotonic()) < ALLOWED_S


async def test_a_reference_that_leads_elsewhere_or_nowhere_is_followed_within_a_second(
    web: Web, client: httpx.AsyncClient
) -> None:
    first, second = await kept(web, 10.0), await kept(web, 90.0)
    await remembered(client, first)
    move = "update scoring.account_reference set account_id = $2 where reference = $1"
    await web.owner.execute(move, f"external:{first}", second)
    await asyncio.sleep(ALLOWED_S)
    assert await seen(client, f"external:{first}") == 90.0
    assert await seen(client, first) == 10.0
    await web.owner.execute("delete from scoring.account_reference where reference = $1", f"external:{first}")
    await asyncio.sleep(ALLOWED_S)
    assert (await client.get(f"/accounts/external:{first}/health")).status_code == 404


async def test_a_forgotten_account_is_unknown_within_a_second(web: Web, client: httpx.AsyncClient) -> None:
    account = await kept(web)
    await remembered(client, account)
    for table in ("health_document", "account_reference", "account"):
        await web.owner.execute(f"delete from scoring.{table} where account_id = $1", account)
    await asyncio.sleep(ALLOWED_S)
    for name in (account, f"external:{account}"):
        assert (await client.get(f"/accounts/{name}/health")).status_code == 404


async def test_after_a_restart_of_the_store_nothing_old_is_told(redis_url: str, tmp_path: Path) -> None:
    # Where no other house or test begins to look for a port, and no connection gets one: it is ours when it is back.
    server = EmbeddedPostgres(tmp_path / "postgres", port=random.randrange(20_000, 30_000))
    await server.start()
    try:
        await upgrade_all(server.url(), SCHEMAS)
        async with running(server.url(), redis_url) as web, web.client(key=web.reader) as client:
            account = await kept(web)
            await remembered(client, account)
            await server.stop()
            await asyncio.sleep(1.0)
            assert (await client.get(f"/accounts/{account}/health")).status_code == 503
            port = server.port
            await server.start()
            assert server.port == port
            owner = await asyncpg.connect(server.url())
            committed = await stored(owner, account, 77.0)
            await owner.close()
            async with asyncio.timeout(10):
                while (await client.get(f"/accounts/{account}/health")).status_code == 503:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            assert await seen(client, account) == 77.0
            await remembered(client, account)
            assert await lag_of(client, account, 77.0, committed) < 30
            await web.owner.close()
    finally:
        await server.stop()
