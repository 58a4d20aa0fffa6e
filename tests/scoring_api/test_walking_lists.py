"""Claims about walking a whole list while scores move: the order by id gives every account exactly once."""

import asyncio
import random
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from support.health_documents import document
from support.scoring_web import Web, keep, running

ACCOUNTS = 60


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as made:
        yield made


@pytest.fixture(scope="module")
async def accounts(web: Web) -> list[UUID]:
    who = document().model_dump()["account"]
    found = [uuid4() for _ in range(ACCOUNTS)]
    for account in found:
        await keep(web.owner, document(account=who | {"id": account, "name": account.hex, "references": []}))
    return found


async def move(connection: asyncpg.Connection, chance: random.Random, done: asyncio.Event) -> int:
    """Give one account after another another score, name and moment until told to stop; return how often."""
    moves = 0
    while not done.is_set():
        await connection.execute(
            "update scoring.health_document set score = $1::float8, urgency = $1::float8, name = $2,"
            " computed_at = clock_timestamp() where account_id in"
            " (select account_id from scoring.health_document order by random() limit 1)",
            chance.uniform(0, 100),
            str(chance.random()),
        )
        moves += 1
    return moves


async def walk(client: httpx.AsyncClient, order: str) -> list[str]:
    """Every account of a list in pages of four."""
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query: dict[str, str | int] = {"sort": order, "limit": 4}
        page = await client.get("/accounts", params=query if cursor is None else query | {"cursor": cursor})
        assert page.status_code == 200, page.text
        seen += [one["account"]["id"] for one in page.json()["data"]]
        cursor = page.json()["next_cursor"]
        if cursor is None or len(seen) > 20 * ACCOUNTS:
            return seen


async def test_every_account_comes_exactly_once_while_everything_moves(
    web: Web, accounts: list[UUID], database_url: str
) -> None:
    done, chance = asyncio.Event(), random.Random(8)
    writers = [await asyncpg.connect(database_url) for _ in range(2)]
    moving = [asyncio.create_task(move(one, chance, done)) for one in writers]
    try:
        async with web.client(key=web.reader) as client:
            walks = [await walk(client, "id") for _ in range(3)]
            moved = await walk(client, "score")
    finally:
        done.set()
        moves = await asyncio.gather(*moving)
        for one in writers:
            await one.close()

    expected = sorted(str(one) for one in accounts)
    assert walks == [expected] * 3
    assert min(moves) > 10
    assert sorted(moved) != expected, "the writers do move accounts: an order by score shows it"


async def test_the_order_by_id_says_so_in_its_contract(web: Web) -> None:
    async with web.client() as client:
        route = (await client.get("/openapi.json")).json()["paths"]["/accounts"]["get"]

    assert "sort=id" in route["description"]
    (sort,) = [one for one in route["parameters"] if one["name"] == "sort"]
    assert "id" in sort["schema"]["enum"]
