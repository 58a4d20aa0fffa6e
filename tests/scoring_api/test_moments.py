"""An account as of an earlier moment is what was known then, whatever is told later; restated, it is told anew."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest
from support.histories import Told
from support.scored import clock, score, three_customers
from support.scoring_web import Web, running

from milepost_runtime.database import Pool
from milepost_runtime.ids import new_id


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as started:
        yield started


@pytest.fixture(scope="module")
async def accounts(web: Web, scoring_pool: Pool) -> dict[str, UUID]:
    return await three_customers(web, scoring_pool, await clock(web.owner))


async def health(web: Web, account: UUID, **asked: Any) -> httpx.Response:
    query = "&".join(f"{name}={quote(str(value))}" for name, value in asked.items())
    async with web.client(key=web.reader) as client:
        return await client.get(f"/accounts/{account}/health?{query}")


def written(at: datetime) -> str:
    return at.isoformat()


async def test_the_document_of_a_moment_says_what_was_served_then(web: Web, accounts: dict[str, UUID]) -> None:
    for account in accounts.values():
        served = (await health(web, account)).json()
        told = (await health(web, account, as_of=served["as_of"])).json()
        moments = {"fresh_until", "asked_for", "computed_at"}
        # The evidence of an earlier moment is asked for as of that moment.
        told = json.loads(json.dumps(told).replace(f"?as_of={served['as_of']}", ""))

        assert {k: v for k, v in told.items() if k not in moments} == {
            k: v for k, v in served.items() if k not in moments
        }
        assert told["asked_for"] == served["as_of"]


async def test_what_is_told_later_never_moves_what_was_known(
    web: Web, accounts: dict[str, UUID], scoring_pool: Pool
) -> None:
    account = accounts["thriving"]
    before = await health(web, account, as_of=written(await clock(web.owner)))
    at = before.json()["asked_for"]
    late = [
        Told(account, "ticket.opened", datetime.fromisoformat(at) - timedelta(days=3), await clock(web.owner),
             item=f"L-{n}", properties={"severity": "critical"})
        for n in range(3)
    ]  # fmt: skip
    await score(web, scoring_pool, [late])
    after = await health(web, account, as_of=at)
    now = (await health(web, account)).json()

    assert after.content == before.content
    assert after.headers["etag"] == before.headers["etag"]
    assert now["score"] < before.json()["score"]
    restated = (await health(web, account, as_of=at, restate="now")).json()
    assert restated["restated"] is True
    assert restated["score"] < before.json()["score"]


async def test_nothing_is_known_before_the_first_score_nor_of_the_future(web: Web, accounts: dict[str, UUID]) -> None:
    early = await health(web, accounts["stalled"], as_of="2020-01-01T00:00:00Z")
    ahead = await health(web, accounts["stalled"], as_of="2999-01-01T00:00:00Z")
    bare = await health(web, accounts["stalled"], as_of="2026-03-02T09:30:00")
    nobody = await health(web, new_id(), as_of="2026-03-02T09:30:00Z")

    assert (early.status_code, early.json()["type"].rsplit("/", 1)[-1]) == (404, "not_scored_then")
    assert early.json()["errors"][0]["first_moment"]
    assert (ahead.status_code, ahead.json()["type"].rsplit("/", 1)[-1]) == (422, "future_moment")
    assert (bare.status_code, bare.json()["errors"][0]["code"]) == (422, "bad_time")
    assert nobody.status_code == 404


async def test_an_unknown_version_names_those_there_are(web: Web, accounts: dict[str, UUID]) -> None:
    at = written(await clock(web.owner))
    for version in ("99", "b2b-onboarding@77", "nonsense"):
        answer = await health(web, accounts["stalled"], as_of=at, restate=version)

        assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (404, "model_unknown")
        assert answer.json()["errors"]


async def test_the_restated_score_of_a_known_version_is_the_one_of_today(web: Web, accounts: dict[str, UUID]) -> None:
    now = (await health(web, accounts["stalled"])).json()
    for version in ("now", str(now["model"]["version"]), f"{now['model']['id']}@{now['model']['version']}"):
        told = (await health(web, accounts["stalled"], as_of=now["as_of"], restate=version)).json()

        assert (told["score"], told["restated"]) == (now["score"], True)
        assert [one["signal"] for one in told["drivers"]] == [one["signal"] for one in now["drivers"]]
