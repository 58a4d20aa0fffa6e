"""Claims about validators: whoever has what is still so is answered in no bytes, whatever the clock says."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from support.scored import clock, three_customers
from support.scoring_web import Web, add_key, running

from milepost_contracts.health import HealthDocument
from milepost_runtime.database import Pool
from scoring_api.scores.publishing import without_moments


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as made:
        yield made


@pytest.fixture(scope="module")
async def account(web: Web, scoring_pool: Pool) -> UUID:
    return (await three_customers(web, scoring_pool, await clock(web.owner)))["stalled"]


@pytest.mark.parametrize("part", ["", "/health", "/explanation", "/history", "/milestones", "/notes", "/override"])
async def test_what_has_not_changed_is_not_sent_again(web: Web, account: UUID, part: str) -> None:
    async with web.client(key=web.reader) as client:
        first = await client.get(f"/accounts/{account}{part}")
        await asyncio.sleep(0.02)
        again = await client.get(f"/accounts/{account}{part}", headers={"if-none-match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize("part", ["milestones", "history"])
async def test_what_people_say_is_sent(web: Web, account: UUID, part: str) -> None:
    async with web.client(key=await add_key(web.owner, ["read", "write"])) as client:
        first = await client.get(f"/accounts/{account}/{part}")
        await client.post(f"/accounts/{account}/delays", json={"side": "customer", "because": f"on leave: {part}"})
        await client.post(f"/accounts/{account}/notes", json={"text": "Their lead is on leave."})
        again = await client.get(f"/accounts/{account}/{part}", headers={"if-none-match": first.headers["etag"]})

    assert again.status_code == 200
    assert again.headers["etag"] != first.headers["etag"]


async def test_of_a_document_only_its_moments_say_nothing_new(web: Web, account: UUID) -> None:
    body = await web.owner.fetchval("select body from scoring.health_document where account_id = $1", account)
    told = HealthDocument.model_validate_json(bytes(body))
    # A name may look like the keys between which the moments stand.
    named = told.account.model_copy(update={"name": '"as_of":"model":', "owner": '\\"as_of":\\"model":'})

    for one in (told, told.model_copy(update={"account": named, "summary": '{"as_of":0,"model":1}'})):
        without = one.model_dump_json(exclude={"as_of", "computed_at", "fresh_until"})
        assert without_moments(one.model_dump_json().encode()) == without.encode()


async def test_a_document_has_one_tag_in_each_of_its_forms(web: Web) -> None:
    async with web.client(key=web.reader) as client:
        tags = {}
        for form in ("json", "yaml"):
            whole = await client.get("/models/b2b-onboarding/versions/1", params={"format": form})
            tags[form] = whole.headers["etag"]
            again = await client.get(
                "/models/b2b-onboarding/versions/1", params={"format": form}, headers={"if-none-match": tags[form]}
            )
            assert (again.status_code, again.content) == (304, b"")
        other = await client.get(
            "/models/b2b-onboarding/versions/1", params={"format": "yaml"}, headers={"if-none-match": tags["json"]}
        )

    assert tags["json"] != tags["yaml"]
    assert other.status_code == 200
