"""An account as of an earlier moment is what was known then, whatever is told later; restated, it is told anew."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest
from support.histories import Told, tell
from support.scored import clock, score, three_customers
from support.scoring_web import Web, running

from milepost_runtime.database import Pool
from milepost_runtime.ids import new_id
from milepost_runtime.lanes import drain
from milepost_runtime.queue import Hints
from scoring_api.past.recalling import BEHIND, NO_PREVIOUS
from scoring_api.queries import lineups
from scoring_api.scores.lineup import KeptLineUps
from scoring_api.service import Scoring, build


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


async def test_a_score_is_known_from_when_it_was_there(web: Web, accounts: dict[str, UUID], scoring_pool: Pool) -> None:
    account = accounts["newcomer"]
    first = (await health(web, account)).json()
    now = await clock(web.owner)
    await score(web, scoring_pool, [[Told(account, "survey.answered", now, value=2.0)]])
    second = (await health(web, account, as_of=written(await clock(web.owner)))).json()
    made = datetime.fromisoformat(second["as_of"])
    # It took its time from the look to the commit.
    await web.owner.execute(
        "update scoring.snapshot set computed_at = as_of + interval '40 ms' where account_id = $1 and as_of = $2",
        account,
        made,
    )
    await asyncio.sleep(0.1)
    between = (await health(web, account, as_of=written(made + timedelta(milliseconds=20)))).json()
    after = (await health(web, account, as_of=written(made + timedelta(milliseconds=41)))).json()
    itself = (await health(web, account, as_of=written(made))).json()

    assert between["as_of"] == first["as_of"]
    assert after["as_of"] == itself["as_of"] == second["as_of"] != first["as_of"]


async def test_a_score_that_was_made_while_the_feed_was_unread_says_so(
    web: Web, accounts: dict[str, UUID], scoring_pool: Pool
) -> None:
    account = accounts["newcomer"]
    caught_up = (await health(web, account, as_of=written(await clock(web.owner)))).json()
    await tell(web.owner, [Told(account, "survey.answered", await clock(web.owner), value=9.0)])
    await web.owner.execute("update scoring.rescoring set next_at = now() where account_id = $1", account)
    await web.owner.execute("update scoring.health_document set fresh_until = now() where account_id = $1", account)
    scoring = await score_unread(web, scoring_pool)
    behind = (await health(web, account, as_of=written(await clock(web.owner)))).json()
    await drain(scoring_pool, scoring.recording.lane, seconds=30)

    assert caught_up["notes"] == []
    assert behind["as_of"] > caught_up["as_of"]
    assert behind["notes"] == [BEHIND.format(1)]


async def score_unread(web: Web, pool: Pool) -> Scoring:
    scoring = build(web.settings, KeptLineUps(web.founding), pool, Hints(web.settings.redis_url))
    await drain(pool, scoring.rescoring.lane, seconds=30)
    return scoring


async def test_a_restated_score_stands_against_the_one_before_if_the_model_says_so(
    web: Web, accounts: dict[str, UUID], scoring_pool: Pool
) -> None:
    async with scoring_pool.acquire() as connection:
        (row,) = await lineups.documents(connection, [("b2b-onboarding", 1)])
        document = copy.deepcopy(dict(row["document"])) | {"id": "backward", "version": 1, "baseline": "previous"}
        version = ["backward", 1, "Against the one before", document, "", "b" * 64, "test", "", False]
        await lineups.keep_version(connection, version)
    now = (await health(web, accounts["stalled"])).json()
    at = written(await clock(web.owner))
    told = (await health(web, accounts["stalled"], as_of=at, restate="backward@1")).json()
    first = (await health(web, accounts["stalled"], as_of=now["as_of"], restate="backward@1")).json()

    gates = sum(one["points"] for one in told["gates"])
    assert told["baseline"] + gates == pytest.approx(told["score"], abs=0.5), "nothing moved since then"
    assert NO_PREVIOUS not in told["notes"]
    assert NO_PREVIOUS in first["notes"]
