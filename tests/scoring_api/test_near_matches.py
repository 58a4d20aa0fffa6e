"""Claims about accounts that may have been meant: plain cases are found, and finding them holds nobody up."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest
from support.health_documents import ACCOUNT, document
from support.scoring_web import Web, keep, running

REFERENCES = ("hubspot:4711:9901", "external:r3plain", "external:wayne enterprises international holding")


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as made:
        await keep(made.owner, document())
        for name in REFERENCES:
            await made.owner.execute("insert into scoring.account_reference values ($2, $1, now())", ACCOUNT, name)
        yield made


@pytest.fixture
async def client(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    async with web.client(key=web.reader) as made:
        yield made


@pytest.mark.parametrize(
    "asked",
    ["wayne", "external:wayne", "domain:r3plain", "hubspot:r3plain", "hubspot:9901", "salesforce:4711:9901", "harbour"],
)
async def test_the_beginning_or_the_right_id_under_another_kind_is_near(client: httpx.AsyncClient, asked: str) -> None:
    answer = await client.get(f"/accounts/{quote(asked, safe='')}/health")
    assert answer.status_code == 404
    assert [near["id"] for near in answer.json()["errors"]] == [str(ACCOUNT)]


async def test_two_letters_are_the_beginning_of_too_much(client: httpx.AsyncClient) -> None:
    answer = await client.get("/accounts/external%3Awa/health")
    assert "errors" not in answer.json()


async def test_others_are_answered_while_a_hundred_long_names_are_compared(web: Web, client: httpx.AsyncClient) -> None:
    chance = random.Random(3)
    for number in range(200):
        long = ("external:ab", "domain:ab")[number % 2] + "".join(chance.choice("ab") for _ in range(180)) + str(number)
        await web.owner.execute("insert into scoring.account_reference values ($2, $1, now())", ACCOUNT, long)
    wanted = "ab" + "".join(chance.choice("ab") for _ in range(98))
    asked = asyncio.create_task(client.get(f"/accounts/{wanted}/health"))
    begun, longest = time.monotonic(), 0.0
    while not asked.done():
        before = time.monotonic()
        await asyncio.sleep(0.001)
        longest = max(longest, time.monotonic() - before)
    assert (await asked).status_code == 404
    assert longest < (time.monotonic() - begun) / 2, "most of the time others had their turn"
