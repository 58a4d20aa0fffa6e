"""Claims about whether a pulse counts: said by the score as it stands, and never promised by the pulse itself."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from re import sub
from uuid import UUID

import httpx
import pytest
from support.histories import Told, new_account
from support.people import PULSE, Office, health, open_office
from support.scored import clock, newcomer, score, thriving
from support.scoring_web import Web, add_key, running

from milepost_core.model.sources import Last
from milepost_runtime.database import Pool
from scoring_api.documents.founding import read_founding

NO_SIGNAL = "“Product-led, self-serve” judges this account, and does not ask for pulses"


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as made:
        yield made


@pytest.fixture(scope="module")
async def office(web: Web, scoring_pool: Pool) -> Office:
    """The office, with the model for self-serve customers in charge of them."""
    made = await open_office(web, scoring_pool)
    async with web.client(key=await add_key(web.owner, ["read", "models"])) as author:
        answer = await author.post("/models/product-led/versions/1:activate", json={"reason": "many small customers"})
        assert answer.status_code == 200, answer.text
    return made


@pytest.fixture
async def client(office: Office) -> AsyncIterator[httpx.AsyncClient]:
    async with office.client() as made:
        yield made


async def self_serve(office: Office) -> UUID:
    account, now = new_account(), await clock(office.web.owner)
    plan = Told(account, "account.updated", now - timedelta(days=50), properties={"plan": "self-serve"})
    await score(office.web, office.pool, [[*thriving(account, now), plan]])
    return account


async def page(client: httpx.AsyncClient, account: UUID) -> str:
    text = sub(r"<[^>]+>", " ", (await client.get(f"/app/accounts/{account}")).text)
    return " ".join(unescape(text).replace("\xa0", " ").split())


@pytest.mark.parametrize("name", ["b2b-onboarding", "enterprise-high-touch", "product-led"])
def test_no_shipped_model_looks_away_from_a_pulse_that_stands(name: str) -> None:
    sources = [one.source for one in read_founding(name).first.parsed.signals]
    read = [one for one in sources if isinstance(one, Last) and "pulse.given" in one.where.types]

    assert len(read) == (0 if name == "product-led" else 1)
    assert [one.window_days for one in read] == [None] * len(read)


async def test_a_pulse_counts_until_its_end_however_far_that_is(office: Office, client: httpx.AsyncClient) -> None:
    account = await office.customer()
    before = await health(client, account)
    await client.post(f"/accounts/{account}/pulse", json=PULSE | {"days": 300})
    await office.web.owner.execute(
        "update scoring.record set occurred_at = occurred_at - interval '120 days', recorded_at = recorded_at"
        " - interval '120 days', expires_at = expires_at - interval '120 days'"
        " where account_id = $1 and type = 'pulse.given'",
        account,
    )
    await office.due(account)
    after = await health(client, account)
    shown = (await client.get(f"/accounts/{account}/pulse")).json()["current"]

    assert (shown["state"], shown["counts"], shown["why"]) == ("stands", True, "")
    assert "pulse" in {one["signal"] for one in after["drivers"]}
    assert after["score"] < before["score"]
    assert "counts until" in await page(client, account)


async def test_a_pulse_that_the_judging_model_does_not_ask_for_does_not_count(
    office: Office, client: httpx.AsyncClient
) -> None:
    account = await self_serve(office)
    before = await health(client, account)
    made = (await client.post(f"/accounts/{account}/pulse", json=PULSE)).json()
    await office.turn()
    shown = (await client.get(f"/accounts/{account}/pulse")).json()["current"]
    told = await page(client, account)

    assert before["model"]["id"] == "product-led"
    assert (made["state"], made["counts"], made["why"]) == ("stands", False, NO_SIGNAL)
    assert shown == made
    assert (await health(client, account))["score"] == before["score"]
    assert f"Does not count: {NO_SIGNAL}." in told
    assert "counts until" not in told


async def test_a_pulse_in_a_dimension_of_which_too_little_is_known_does_not_count(
    office: Office, client: httpx.AsyncClient
) -> None:
    account, now = new_account(), await clock(office.web.owner)
    used = [Told(account, "feature.used", now - timedelta(days=n / 4), actor=f"u{n % 4}") for n in range(1, 8)]
    start = [replace(one, occurred_at=one.occurred_at - timedelta(days=58)) for one in newcomer(account, now)]
    await score(office.web, office.pool, [[*start, *used]])
    early = (await client.post(f"/accounts/{account}/pulse", json=PULSE)).json()
    await office.turn()
    shown = (await client.get(f"/accounts/{account}/pulse")).json()["current"]

    assert (early["counts"], early["why"]) == (None, "the score was not told anew since")
    assert (shown["counts"], shown["why"]) == (False, "too little else is known of “Engagement”")
    assert "pulse" not in {one["signal"] for one in (await health(client, account))["drivers"]}
    assert "Does not count: too little else is known of “Engagement”." in await page(client, account)


async def test_a_pulse_counts_no_longer_for_a_reason_that_is_said(office: Office, client: httpx.AsyncClient) -> None:
    account = await office.customer()
    for reason in ("First.", "Second.", "Third."):
        last = (await client.post(f"/accounts/{account}/pulse", json=PULSE | {"reason": reason})).json()
    await client.delete(f"/accounts/{account}/pulse/{last['id']}")
    await office.turn()
    history = (await client.get(f"/accounts/{account}/pulse")).json()["history"]

    assert [(one["counts"], one["why"]) for one in history] == [
        (False, "it was taken back"), (True, ""), (False, "a newer pulse stands"),
    ]  # fmt: skip
