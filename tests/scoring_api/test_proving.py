"""Claims about the last look before a model judges: what the store cannot measure is refused and never activated."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import asyncpg
import httpx
import pytest
from support.held_up import held_up, somebody_waits
from support.histories import new_account
from support.score_models import document, last_signal, one_signal
from support.scored import clock, score, thriving
from support.scoring_web import Web, add_key, running

from milepost_core.model import ScoreModel, parse_model
from milepost_core.model.journey import Journey
from milepost_core.model.sources import Slope, Where
from milepost_runtime.database import Pool
from scoring_api.documents.proving import ModelUnmeasurable, Proving
from scoring_api.service import Scoring

pytestmark = pytest.mark.anyio
COUNT = {"agg": "count", "where": {"type": "feature.used"}}
PLAN = [{"id": "k", "target_day": 1}]


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as found:
        yield found


@pytest.fixture(scope="module")
async def client(web: Web, owner: asyncpg.Connection) -> AsyncIterator[httpx.AsyncClient]:
    async with web.client(key=await add_key(owner, ["read", "models"], name="policy team")) as found:
        yield found


@pytest.fixture(scope="module")
async def proving(web: Web, scoring_pool: Pool) -> tuple[Proving, UUID]:
    account = new_account()
    scoring: Scoring = await score(web, scoring_pool, [thriving(account, await clock(web.owner))])
    return Proving(scoring_pool, scoring.rescoring.hints), account


def too_wide() -> ScoreModel:
    model = parse_model(one_signal({"agg": "slope", "bucket_days": 1, "buckets": 4}))
    return replace(model, signals=(replace(model.signals[0], source=Slope(Where(), 1, 1700)),))


def beyond_all_time() -> ScoreModel:
    model = parse_model(one_signal(COUNT))
    return replace(model, signals=(replace(model.signals[0], source=Slope(Where(), 1e6, 4)),))


def never_stuck() -> ScoreModel:
    model = parse_model(one_signal(COUNT) | {"milestones": PLAN})
    return replace(model, journey=Journey(stuck_after_days=1e300))


@pytest.mark.parametrize("model", [too_wide(), beyond_all_time(), never_stuck()], ids=["wide", "time", "journey"])
async def test_what_could_not_be_rescored_is_found_out_and_nothing_is_kept(
    proving: tuple[Proving, UUID], owner: asyncpg.Connection, model: ScoreModel
) -> None:
    before = await owner.fetchval("select count(*) from scoring.snapshot")
    with pytest.raises(ModelUnmeasurable, match="cannot be measured"):
        await proving[0](model)

    assert await owner.fetchval("select count(*) from scoring.snapshot") == before


async def test_a_segment_that_nobody_is_in_yet_is_tried_too(proving: tuple[Proving, UUID]) -> None:
    whole = parse_model(one_signal(COUNT) | {"segments": [{"id": "big", "when": {"plan": "nobody"}}]})
    broken = replace(whole, segments=(replace(whole.segments[0], model=too_wide()),))

    await proving[0](whole)
    with pytest.raises(ModelUnmeasurable):
        await proving[0](broken)


async def test_a_version_that_yesterday_was_valid_is_not_put_in_charge(
    client: httpx.AsyncClient, proving: tuple[Proving, UUID], owner: asyncpg.Connection
) -> None:
    """Kept by rules that knew no limit of days."""
    doc = document(last_signal("a", "d"), id="boundless", version=1) | {"bands": {"dwell_up_days": 1e300}}
    await owner.execute(
        "insert into scoring.model_version (model_id, version, title, document, text, digest, author)"
        " values ('boundless', 1, 'b', $1, $2, 'x', 'me')",
        json.dumps(doc), json.dumps(doc),
    )  # fmt: skip
    answer = await client.post("/models/boundless/versions/1:activate", json={"reason": "to see what happens"})
    tried = await client.post("/models/boundless/versions/1:preview", json={})
    listed = (await client.get("/models")).json()["data"]

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/bands/dwell_up_days")
    assert (tried.status_code, tried.json()["type"].rpartition("/")[2]) == (422, "model_invalid")
    assert [one["in_charge"] for one in listed if one["id"] == "boundless"] == [None]


async def test_a_preview_of_a_model_that_replaces_another_says_what_would_change(
    client: httpx.AsyncClient, proving: tuple[Proving, UUID]
) -> None:
    _, account = proving
    await client.post("/models", json=one_signal(COUNT) | {"id": "rival", "version": 1})
    refused = await client.post("/models/rival/versions/1:preview", json={})
    assert refused.json()["type"].endswith("/line_up_unfit"), refused.text
    assert [one["code"] for one in refused.json()["errors"]] == ["equal_precedence"]

    asked = {"retire": ["b2b-onboarding"], "limit": 409.0}
    tried = (await client.post("/models/rival/versions/1:preview", json=asked)).json()
    assert [one["account_id"] for one in tried["accounts"]] == [str(account)]
    assert tried["accounts"][0]["before"]["model"]["id"] == "b2b-onboarding"
    assert tried["accounts"][0]["after"]["model"]["id"] == "rival"


@pytest.mark.parametrize("step", ["preview", "activate"])
async def test_who_is_merged_away_while_a_model_is_tried_is_no_fault_of_the_model(
    client: httpx.AsyncClient, web: Web, scoring_pool: Pool, owner: asyncpg.Connection, database_url: str, step: str
) -> None:
    gone, name = new_account(), f"to-{step}"
    await score(web, scoring_pool, [thriving(gone, await clock(owner))])
    await client.post("/models", json=one_signal(COUNT) | {"id": name, "version": 1, "precedence": 7})

    wanted = {"retire": [one["id"] for one in (await client.get("/models")).json()["data"] if one["id"] != name]}
    wanted |= {"reason": "to see what it says"} if step == "activate" else {}
    async with held_up(database_url, "lock table scoring.record in access exclusive mode") as holder:
        trying = asyncio.create_task(client.post(f"/models/{name}/versions/1:{step}", json=wanted))
        await somebody_waits(holder)
        for table in ("health_document", "standing", "rescoring", "account"):
            await holder.execute(f"delete from scoring.{table} where account_id = $1", gone)
    answer = await trying
    assert answer.status_code == 200, answer.text
