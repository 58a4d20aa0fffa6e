"""Claims about messages in the product: up once, for whom they are meant, until they are put away or too old."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from support.runner_api import key_with, runner_api

from milepost_core.effects import GiveUp, Performed, TryLater
from milepost_runtime.database import Pool
from playbook_runner.actions.channel import Sendable
from playbook_runner.in_app.putting_up import MOST_TEXT, InAppChannel
from playbook_runner.settings import RunnerSettings

pytestmark = pytest.mark.usefixtures("empty")


def message(account: UUID, name: str = "one", **parts: Any) -> Sendable:
    said = {
        "account_id": str(account), "account": "Aurora", "references": [], "title": "Import your data",
        "text": "Two steps are left.", "link": "https://product.example/import", "role": "", "days": 14.0,
    } | parts  # fmt: skip
    return Sendable(hashlib.sha256(f"{account} {name}".encode()).digest(), "", json.dumps(said).encode(), "corr-1")


async def perform(pool: Pool, effect: Sendable, *, may_write: bool = True) -> object:
    async with InAppChannel(pool).open(effect) as call:
        return await call.perform(lambda: may_write)


@pytest.fixture
async def api(settings: RunnerSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with runner_api(settings) as client:
        yield client


@pytest.fixture
async def product(api: httpx.AsyncClient, playbooks_pool: Pool) -> httpx.AsyncClient:
    """The product's back end."""
    api.headers.update(await key_with(playbooks_pool, "read", "write", name="Product"))
    return api


async def shown(client: httpx.AsyncClient, account: UUID, **query: str) -> list[str]:
    answer = await client.get(f"/accounts/{account}/messages", params=query)
    assert answer.status_code == 200, answer.text
    return [one["title"] for one in answer.json()["data"]]


async def test_a_message_is_up_once_however_often_its_call_is_repeated(
    product: httpx.AsyncClient, playbooks_pool: Pool
) -> None:
    account = uuid4()
    effect = message(account)

    outcomes = await asyncio.gather(*(perform(playbooks_pool, effect) for _ in range(5)))

    assert outcomes == [Performed(effect.key.hex())] * 5
    [found] = (await product.get(f"/accounts/{account}/messages")).json()["data"]
    assert found["key"] == effect.key.hex()
    assert (found["title"], found["text"]) == ("Import your data", "Two steps are left.")
    assert found["link"] == "https://product.example/import"
    assert found["seen_at"] is None


async def test_what_may_not_be_written_any_more_or_is_too_long_is_not_put_up(
    product: httpx.AsyncClient, playbooks_pool: Pool
) -> None:
    account = uuid4()

    late = await perform(playbooks_pool, message(account), may_write=False)
    long = await perform(playbooks_pool, message(account, text="x" * (MOST_TEXT + 1)))

    assert isinstance(late, TryLater)
    assert isinstance(long, GiveUp)
    assert await shown(product, account) == []


async def test_a_message_is_shown_to_its_account_and_role_alone(
    product: httpx.AsyncClient, playbooks_pool: Pool
) -> None:
    account = uuid4()
    await perform(playbooks_pool, message(account, "all", title="For all"))
    await perform(playbooks_pool, message(account, "admins", title="For admins", role="admin"))

    assert await shown(product, account) == ["For admins", "For all"]
    assert await shown(product, account, role="admin") == ["For admins", "For all"]
    assert await shown(product, account, role="viewer") == ["For all"]
    assert await shown(product, uuid4()) == []


async def test_seen_keeps_it_up_and_dismissed_takes_it_down_and_the_first_time_counts(
    product: httpx.AsyncClient, playbooks_pool: Pool
) -> None:
    account = uuid4()
    effect = message(account)
    await perform(playbooks_pool, effect)
    path = f"/accounts/{account}/messages/{effect.key.hex()}"

    first = (await product.post(f"{path}/seen")).json()["seen_at"]
    assert (await product.post(f"{path}/seen")).json()["seen_at"] == first
    assert await shown(product, account) == ["Import your data"]

    assert (await product.post(f"{path}/dismissed")).status_code == 200
    assert (await product.post(f"{path}/dismissed")).json()["seen_at"] == first
    assert await shown(product, account) == []
    assert isinstance(await perform(playbooks_pool, effect), Performed)
    assert await shown(product, account) == []


async def test_another_accounts_message_cannot_be_spoken_of(product: httpx.AsyncClient, playbooks_pool: Pool) -> None:
    effect = message(uuid4())
    await perform(playbooks_pool, effect)

    answer = await product.post(f"/accounts/{uuid4()}/messages/{effect.key.hex()}/dismissed")

    assert answer.status_code == 404
    assert answer.json()["type"].endswith("/message_unknown")


async def test_an_old_message_is_not_shown(product: httpx.AsyncClient, playbooks_pool: Pool) -> None:
    account = uuid4()
    await perform(playbooks_pool, message(account, days=1.0))
    assert len(await shown(product, account)) == 1

    await playbooks_pool.execute("update in_app_message set expires_at = expires_at - interval '1 day'")

    assert await shown(product, account) == []


@pytest.fixture
async def token(product: httpx.AsyncClient) -> tuple[UUID, str]:
    account = uuid4()
    answer = await product.post("/in-app-tokens", json={"account_id": str(account), "role": "admin", "hours": 1})
    assert answer.status_code == 201, answer.text
    return account, answer.json()["token"]


async def test_a_page_with_a_token_sees_and_puts_away_its_messages_from_any_origin(
    product: httpx.AsyncClient, playbooks_pool: Pool, token: tuple[UUID, str]
) -> None:
    account, text = token
    effect = message(account, role="admin")
    await perform(playbooks_pool, effect)
    await perform(playbooks_pool, message(account, "other", role="viewer"))
    del product.headers["Authorization"]

    answer = await product.get(f"/in-app/{text}", headers={"Origin": "https://product.example"})
    assert [one["key"] for one in answer.json()["data"]] == [effect.key.hex()]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert (await product.post(f"/in-app/{text}/{effect.key.hex()}/dismissed")).status_code == 200
    assert (await product.get(f"/in-app/{text}")).json()["data"] == []


async def test_a_token_that_was_changed_or_has_ended_opens_nothing(
    product: httpx.AsyncClient, token: tuple[UUID, str]
) -> None:
    _, text = token
    brief = await product.post("/in-app-tokens", json={"account_id": str(uuid4()), "hours": 0.0001})
    await asyncio.sleep(0.4)

    for refused in (text[:-2] + "AA", "x", brief.json()["token"]):
        answer = await product.get(f"/in-app/{refused}")
        assert answer.status_code == 401
        assert answer.json()["type"].endswith("/token_invalid")


async def test_a_token_is_no_key(product: httpx.AsyncClient, token: tuple[UUID, str]) -> None:
    account, text = token

    answer = await product.get(f"/accounts/{account}/messages", headers={"Authorization": f"Bearer {text}"})

    assert answer.status_code == 401


async def test_the_element_for_pages_is_served_and_writes_text_as_text(api: httpx.AsyncClient) -> None:
    answer = await api.get("/in-app.js")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "milepost-messages" in answer.text
    assert "innerHTML" not in answer.text


@pytest.mark.parametrize(("method", "scope"), [("GET", "write"), ("POST", "read")])
async def test_reading_and_putting_away_need_their_scopes(
    api: httpx.AsyncClient, playbooks_pool: Pool, method: str, scope: str
) -> None:
    path = f"/accounts/{uuid4()}/messages" + ("" if method == "GET" else f"/{'0' * 64}/seen")

    assert (await api.request(method, path)).status_code == 401
    assert (await api.request(method, path, headers=await key_with(playbooks_pool, scope))).status_code == 403
