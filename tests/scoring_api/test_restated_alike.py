"""Claims about the restated past: it does not depend on where the order begins, nor on who asks for it."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import asyncpg
import pytest
from support.customers import now_of
from support.held_up import held_up, somebody_waits
from support.histories import Told, new_account, tell
from support.scoring_web import Web, add_key, running
from support.several_models import Several

from milepost_core.model import ScoreModel, parse_model
from milepost_runtime.database import Pool
from milepost_runtime.lanes import Lane, TryLater, claim, drain
from milepost_runtime.queue import Hints
from milepost_runtime.secrets import Vault
from scoring_api.answers.reading import NotScoredYet, Reading
from scoring_api.past.recalling import NotScoredThen, Recalling
from scoring_api.past.restating import Restating, Wanted
from scoring_api.scores.lineup import KeptLineUps, OneModel
from scoring_api.service import build

DAYS = 40
BANDS = {"green": 60, "yellow": 35, "margin_up": 3, "margin_down": 2, "dwell_up_days": 4, "dwell_down_days": 2}
RANKED = {"kind": "percentile", "cohort": ["segment"], "min_cohort": 5,
          "fallback": {"kind": "piecewise", "points": [[0, 0], [1000, 100]]}}  # fmt: skip


def document(name: str, curve: dict[str, Any]) -> dict[str, Any]:
    """A model of one signal: what the last `m` said."""
    signal = {"id": "m", "label": "m", "dimension": "all", "source": {"agg": "last", "where": {"type": "m"}},
              "normalise": curve}  # fmt: skip
    return {"format": "health-score-model/1", "id": name, "version": 1, "title": name, "signals": [signal],
            "dimensions": [{"id": "all", "label": "All", "weight": 1}], "bands": BANDS}  # fmt: skip


def wandering(name: str) -> ScoreModel:
    return parse_model(document(name, {"kind": "piecewise", "points": [[0, 0], [100, 100]]}))


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as made:
        yield made


@pytest.fixture(scope="module")
async def start(web: Web, scoring_pool: Pool) -> datetime:
    """Accounts whose score wanders around the thresholds, and falls silent before anything was said."""
    begun = datetime.combine((await now_of(web.owner)).date() - timedelta(days=DAYS), time(0), UTC)
    chance, told = random.Random(4), list[Told]()
    for number in range(12):
        account, value = new_account(), 50.0
        told.append(Told(account, "account.started", begun))
        told.append(Told(account, "account.updated", begun, properties={"segment": "ab"[number % 2]}))
        for day in range(number % 4, DAYS):
            value = min(max(value + chance.uniform(-12, 12), 10), 90)
            told.append(Told(account, "m", begun + timedelta(days=day, hours=9), value=value))
    await tell(web.owner, told)
    await drain(scoring_pool, recorded(web, scoring_pool), seconds=60)
    return begun


def recorded(web: Web, pool: Pool) -> Lane:
    return build(web.settings, KeptLineUps(web.founding), pool, Hints(web.settings.redis_url)).recording.lane


async def restate(restating: Restating, start: datetime, first: int, last: int, **more: Any) -> None:
    day = start.date()
    await restating.order(Wanted(day + timedelta(days=first), day + timedelta(days=last), **more), "tests")
    await drain(restating.pool, restating.lane, seconds=60)


async def points(owner: asyncpg.Connection, model: str) -> list[asyncpg.Record]:
    found: list[asyncpg.Record] = await owner.fetch(
        "select account_id, day, as_of, score, band from scoring.restated_point where model_id = $1 order by 1, 2",
        model,
    )
    return found


@pytest.mark.parametrize(
    ("step", "spans"), [(1, [(20, 30), (7, 38), (13, 13), (31, 31), (1, 2)]), (3, [(21, 30), (12, 12)])]
)
async def test_a_part_of_what_was_restated_tells_the_same_bands_again(
    web: Web, scoring_pool: Pool, start: datetime, step: int, spans: list[tuple[int, int]]
) -> None:
    name = f"wandering-{step}"
    restating = Restating(scoring_pool, Hints(web.settings.redis_url), OneModel(wandering(name)), Vault("x" * 64))
    await restate(restating, start, 0, DAYS - 1, every_days=step)
    whole = await points(web.owner, name)
    assert {one["band"] for one in whole} == {"red", "yellow", "green", "unknown"}
    plain = ["green" if one["score"] >= 60 else "yellow" if one["score"] >= 35 else "red"
             for one in whole if one["band"] != "unknown"]  # fmt: skip
    assert plain != [one["band"] for one in whole if one["band"] != "unknown"], "bands have a memory here"
    for first, last in spans:
        await restate(restating, start, first, last, every_days=step)
        assert await points(web.owner, name) == whole, (first, last)


async def test_a_restated_moment_says_what_the_restatement_of_it_says(
    web: Web, scoring_pool: Pool, start: datetime
) -> None:
    async with web.client(key=await add_key(web.owner, ["read", "models"])) as client:
        made = await client.post("/models", json=document("ranked", RANKED))
        assert made.status_code == 201, made.text
        lineups = KeptLineUps(web.founding)
        restating = Restating(scoring_pool, Hints(web.settings.redis_url), lineups, Vault("x" * 64))
        await restate(restating, start, 10, 12, model_id="ranked", model_version=1)
        found = await points(web.owner, "ranked")
        asked = [
            (await client.get(f"/accounts/{one['account_id']}/health",
                              params={"as_of": one["as_of"].isoformat(), "restate": "ranked@1"})).json()
            for one in found
        ]  # fmt: skip

    assert len(found) == 36
    assert [one["score"] for one in asked] == [one["score"] for one in found]
    assert not any("fallback curve" in note for one in asked for note in one["notes"])


async def test_among_very_many_the_peers_are_those_that_were_kept(
    web: Web, scoring_pool: Pool, start: datetime
) -> None:
    """Nobody waits for a whole store to be measured; the answer says what it was ranked among."""
    (one, *_), lineups = await points(web.owner, "ranked"), KeptLineUps(web.founding)
    recalling = Recalling(scoring_pool, Reading(scoring_pool), lineups, "")
    few = replace(recalling, most_peers=3)
    exact = await recalling.restated(str(one["account_id"]), one["as_of"], "ranked@1")
    told = await few.restated(str(one["account_id"]), one["as_of"], "ranked@1")

    assert exact.document().score == one["score"]
    assert told.document().score != one["score"]
    assert any("fallback curve" in note for note in told.document().notes)


async def test_days_before_todays_start_are_told_anew_as_far_as_they_can_be_asked_for(
    web: Web, scoring_pool: Pool, start: datetime
) -> None:
    """A start is moved, a record comes late, the first start is taken back: the past is the one that answers tell."""
    account, lineups = new_account(), OneModel(wandering("moved"))
    restating = Restating(scoring_pool, Hints(web.settings.redis_url), lineups, Vault("x" * 64))
    recalling = Recalling(scoring_pool, Reading(scoring_pool), lineups, "")
    first = Told(account, "account.started", start + timedelta(days=3), event_id=f"start-{account}")
    moved = Told(account, "account.started", start + timedelta(days=12), start + timedelta(days=12))
    late = Told(account, "m", start + timedelta(days=4), value=10.0)
    back = Told(account, "event.retracted", start, start + timedelta(days=13), supersedes=first.event_id)
    for words in ([first, Told(account, "m", start + timedelta(days=8), value=70.0)], [moved, late], [back]):
        await tell(web.owner, words)
        await drain(scoring_pool, recorded(web, scoring_pool), seconds=60)
        await restate(restating, start, 0, 20, every_days=5)
        found = {one["as_of"]: one["score"] for one in await points(web.owner, "moved") if one["account_id"] == account}
        asked = {}
        for day in range(1, 22, 5):
            with suppress(NotScoredThen, NotScoredYet):
                told = await recalling.restated(str(account), start + timedelta(days=day), "now")
                asked[told.as_of] = told.verdict.display
        assert found == asked
        assert len(found) == 4, words


async def test_a_day_that_another_model_judges_now_is_told_by_that_one_alone(
    web: Web, scoring_pool: Pool, start: datetime
) -> None:
    everybody, others = wandering("everybody"), wandering("others")
    some = parse_model(document("some", {"kind": "piecewise", "points": [[0, 0], [50, 100]]})
                       | {"applies_to": {"segment": ["a"]}, "precedence": 5})  # fmt: skip
    for model in (everybody, others):
        alone = Restating(scoring_pool, Hints(web.settings.redis_url), OneModel(model), Vault("x" * 64))
        await restate(alone, start, 10, 11)
    both = Restating(scoring_pool, Hints(web.settings.redis_url), Several(everybody, some), Vault("x" * 64))
    await restate(both, start, 10, 10)
    count = "select count(*) from scoring.restated_point where model_id = $1 and day = $2"
    day = start.date() + timedelta(days=10)
    told = {one: await web.owner.fetchval(count, one, day) for one in ("everybody", "some", "others")}

    assert told == {"everybody": told["others"] - told["some"], "some": 6, "others": told["others"]}
    assert await web.owner.fetchval(count, "everybody", day + timedelta(days=1)) == told["others"]


async def test_an_order_is_worked_off_by_those_who_were_in_charge_when_it_was_given(
    web: Web, scoring_pool: Pool, start: datetime
) -> None:
    """Whoever goes on with it, and whoever is put in charge meanwhile."""
    hints, day = Hints(web.settings.redis_url), start.date() + timedelta(days=20)
    begun, other = (
        Restating(scoring_pool, hints, KeptLineUps(web.founding), Vault("x" * 64), pairs=2, pieces=2) for _ in range(2)
    )
    order = await begun.order(Wanted(day, day), "tests")
    async with scoring_pool.acquire() as connection:
        claims = await claim(connection, begun.lane, 1)
    assert await begun.work(claims) == 4
    async with web.client(key=await add_key(web.owner, ["read", "models"])) as client:
        assert (await client.post("/models", json=document("successor", RANKED))).status_code == 201
        asked = {"reason": "to see who judges", "retire": ["b2b-onboarding"]}
        answer = await client.post("/models/successor/versions/1:activate", json=asked)
        assert answer.status_code == 200, answer.text

    await drain(scoring_pool, other.lane, seconds=60)

    done = await other.one(order["id"])
    judged = "select count(*) from scoring.restated_point where model_id = $1 and day = $2"
    found = {one: await web.owner.fetchval(judged, one, day) for one in ("b2b-onboarding", "successor")}
    assert found == {"b2b-onboarding": done["points"], "successor": 0}
    assert done["points"] >= 12


async def test_who_is_merged_away_while_the_past_is_told_holds_no_order_up(
    web: Web, scoring_pool: Pool, start: datetime, database_url: str
) -> None:
    lineups = OneModel(parse_model(document("beside-merges", RANKED)))
    restating = Restating(scoring_pool, Hints(web.settings.redis_url), lineups, Vault("x" * 64))
    day = start.date() + timedelta(days=20)
    order = await restating.order(Wanted(day, day), "tests")

    async def step() -> int:
        """The next step of the order, beside a merge."""
        async with scoring_pool.acquire() as connection:
            claims = await claim(connection, restating.lane, 1)
        async with held_up(database_url, "lock table scoring.attribute in access exclusive mode") as holder:
            working = asyncio.create_task(restating.work(claims))
            await somebody_waits(holder)
            newest = "select account_id from scoring.account order by account_id desc limit 1"
            await holder.execute(f"delete from scoring.account where account_id = ({newest})")
        return await working

    before = await web.owner.fetchval("select count(*) from scoring.account")
    assert await step() == before, "its peers were gathered with who was there"
    with pytest.raises(TryLater, match="merged away meanwhile"):
        await step()
    await web.owner.execute("update scoring.restatement set lease_until = null")
    await drain(scoring_pool, restating.lane, seconds=60)

    done = await restating.one(order["id"])
    assert (done["state"], done["accounts_done"]) == ("done", before - 2)


async def test_who_is_merged_away_while_a_moment_is_told_has_that_moment_still(
    web: Web, scoring_pool: Pool, start: datetime, database_url: str
) -> None:
    account = await web.owner.fetchval("select account_id from scoring.account order by account_id desc limit 1")
    recalling = Recalling(scoring_pool, Reading(scoring_pool), OneModel(wandering("then")), "")
    async with held_up(database_url, "lock table scoring.attribute in access exclusive mode") as holder:
        telling = asyncio.create_task(recalling.restated(str(account), start + timedelta(days=30), "now"))
        await somebody_waits(holder)
        await holder.execute("delete from scoring.account where account_id = $1", account)
    assert (await telling).account_id == account


async def test_workers_that_take_turns_at_several_orders_come_to_an_end_with_all(
    web: Web, scoring_pool: Pool, start: datetime
) -> None:
    """Each knows only the peers that it gathered itself."""
    hints, lineups = Hints(web.settings.redis_url), OneModel(parse_model(document("in-turns", RANKED)))
    workers = [Restating(scoring_pool, hints, lineups, Vault("x" * 64)) for _ in range(2)]
    span = Wanted(start.date() + timedelta(days=20), start.date() + timedelta(days=22))
    orders = [await workers[0].order(span, "tests") for _ in range(2)]
    for turn in range(20):
        taking = workers[turn % 2 :] + workers[: turn % 2]
        async with scoring_pool.acquire() as connection:
            claims = [await claim(connection, worker.lane, 1) for worker in taking]
        for worker, taken in zip(taking, claims, strict=True):
            await worker.work(taken)

    assert {(await workers[0].one(order["id"]))["state"] for order in orders} == {"done"}
