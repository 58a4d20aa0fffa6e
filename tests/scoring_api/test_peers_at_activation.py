"""Claims about a version that compares with peers and is put in charge: it knows them before it judges, in one wave."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from support.held_up import held_up, somebody_waits
from support.histories import Told, new_account, tell
from support.peers import comparing
from support.scored import clock, score
from support.scoring_web import Web, add_key, running

from milepost_runtime.database import Pool
from milepost_runtime.lanes import claim, drain
from scoring_api.queries import peers
from scoring_api.service import Scoring

pytestmark = pytest.mark.anyio
USES = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
RANKS = [8.3, 25.0, 41.7, 58.3, 75.0, 91.7]  # half of oneself, and all who are below


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as found:
        yield found


@pytest.fixture(scope="module")
async def scored(web: Web, scoring_pool: Pool) -> tuple[Scoring, list[UUID]]:
    """Six accounts that the shipped model has judged, and a chore that sleeps."""
    now, accounts = await clock(web.owner), [new_account() for _ in USES]
    scoring = await score(web, scoring_pool, [story(*one, now) for one in zip(accounts, USES, strict=True)])
    await drain(scoring_pool, scoring.housekeeping.lane)
    return scoring, accounts


def story(account: UUID, use: float, now: datetime) -> list[Told]:
    start = now - timedelta(days=100)
    return [
        Told(account, "account.started", start),
        Told(account, "account.updated", start, properties={"name": "A", "segment": "smb"}),
        Told(account, "m_use", start + timedelta(days=99), value=use),
        Told(account, "m_mood", start + timedelta(days=99), value=use * 10),
    ]


async def put_in_charge(web: Web, version: int = 1) -> dict[str, object]:
    async with web.client(key=await add_key(web.owner, ["read", "models"])) as client:
        kept = await client.post("/models", json=comparing(version=version))
        assert kept.status_code in (200, 201), kept.text
        body = {"reason": "rank them", "retire": ["b2b-onboarding"]}
        answer = await client.post(f"/models/comparing/versions/{version}:activate", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found


async def use_of(owner: asyncpg.Connection, accounts: list[UUID]) -> list[float | None]:
    """The points of `use` in the documents of accounts, by the document's own drivers."""
    rows = await owner.fetch("select account_id, body from scoring.health_document")
    bodies = {row["account_id"]: json.loads(row["body"]) for row in rows}
    assert [bodies[one]["notes"] for one in accounts] == [[]] * len(accounts)
    drivers = [{one["signal"]: one["y"] for one in bodies[account]["drivers"]} for account in accounts]
    return [one.get("use") for one in drivers]


async def test_a_version_put_in_charge_ranks_everybody_among_their_peers_at_the_first_look(
    web: Web, scored: tuple[Scoring, list[UUID]], scoring_pool: Pool, owner: asyncpg.Connection
) -> None:
    scoring, accounts = scored
    waits = "select next_at > clock_timestamp() from scoring.chore where name = 'gather'"
    assert await owner.fetchval(waits)

    assert (await put_in_charge(web))["marked"] == len(accounts)

    assert not await owner.fetchval(waits)
    # nobody is judged without peers while they are looked for
    await drain(scoring_pool, scoring.rescoring.lane)
    by_it = "select count(*) from scoring.snapshot where model_id = 'comparing'"
    assert await owner.fetchval(by_it) == 0

    await drain(scoring_pool, scoring.housekeeping.lane)
    await drain(scoring_pool, scoring.rescoring.lane)
    assert await use_of(owner, accounts) == RANKS
    # one wave: another look of the chore moves nobody
    await owner.execute("update scoring.chore set next_at = clock_timestamp()")
    await drain(scoring_pool, scoring.housekeeping.lane)
    await drain(scoring_pool, scoring.rescoring.lane)
    assert await owner.fetchval(by_it) == len(accounts)


async def test_many_new_accounts_are_among_the_peers_at_the_next_look_of_the_chore(
    web: Web, scored: tuple[Scoring, list[UUID]], scoring_pool: Pool, owner: asyncpg.Connection
) -> None:
    scoring, accounts = scored
    now, more = await clock(owner), [new_account() for _ in range(6)]
    for account, use in zip(more, [7.0, 8.0, 9.0, 10.0, 11.0, 12.0], strict=True):
        await tell(owner, story(account, use, now))
    await drain(scoring_pool, scoring.recording.lane, seconds=30)
    await drain(scoring_pool, scoring.rescoring.lane, seconds=30)
    soon = "select next_at <= clock_timestamp() + interval '1 minute' from scoring.chore where name = 'gather'"
    assert await owner.fetchval(soon)

    await scoring.housekeeping.gathering.gather()
    await drain(scoring_pool, scoring.rescoring.lane, seconds=30)

    found = await use_of(owner, [*accounts, *more])
    assert found == [round(100 * (place + 0.5) / 12 + 1e-9, 1) for place in range(12)]


async def judged(owner: asyncpg.Connection) -> set[tuple[int, bool]]:
    """By which versions accounts were judged last, and whether among peers."""
    rows = await owner.fetch(
        "select p.model_version, p.cohort_id is not null as among from scoring.standing s"
        " join scoring.snapshot p on p.account_id = s.account_id and p.as_of = s.snapshot_as_of"
    )
    return {(row["model_version"], row["among"]) for row in rows}


async def test_who_is_looked_at_while_peers_are_being_measured_is_ranked_among_them_too(
    web: Web, scored: tuple[Scoring, list[UUID]], scoring_pool: Pool, owner: asyncpg.Connection, database_url: str
) -> None:
    scoring, accounts = scored
    await put_in_charge(web, 2)

    async with held_up(database_url, "lock table scoring.cohort in share mode") as holder:
        measuring = asyncio.create_task(drain(scoring_pool, scoring.housekeeping.lane))
        await somebody_waits(holder)
        await tell(owner, [Told(accounts[0], "m_use", await clock(owner), value=1.0)])
        await drain(scoring_pool, scoring.recording.lane)
        await drain(scoring_pool, scoring.rescoring.lane)
        assert (2, False) in await judged(owner)
    await measuring

    await drain(scoring_pool, scoring.rescoring.lane, seconds=30)
    assert await judged(owner) == {(2, True)}


async def test_who_becomes_known_while_a_version_is_put_in_charge_is_judged_by_it_too(
    web: Web, scored: tuple[Scoring, list[UUID]], scoring_pool: Pool, owner: asyncpg.Connection, database_url: str
) -> None:
    """The marks of an activation do not see who was not there yet, and this version has its peers already."""
    scoring, accounts = scored
    late, now = new_account(), await clock(owner)

    marked = "select from scoring.rescoring where account_id = $1 for update"
    async with held_up(database_url, marked, accounts[0]) as holder:
        activating = asyncio.create_task(put_in_charge(web, 1))
        await somebody_waits(holder)
        await tell(owner, story(late, 3.5, now))
        await drain(scoring_pool, scoring.recording.lane)
        async with scoring_pool.acquire() as connection:
            claims = await claim(connection, scoring.rescoring.lane, 10)
        assert [one.key for one in claims] == [late]
        await scoring.rescoring.handle(claims)
    await activating

    await drain(scoring_pool, scoring.housekeeping.lane)
    await drain(scoring_pool, scoring.rescoring.lane, seconds=30)
    assert await judged(owner) == {(1, True)}


async def test_peers_that_are_asked_for_while_they_are_being_gathered_are_gathered_once_more(
    scored: tuple[Scoring, list[UUID]], scoring_pool: Pool, owner: asyncpg.Connection, database_url: str
) -> None:
    lane = scored[0].housekeeping.lane
    due = "select next_at <= clock_timestamp() and lease_until is null from scoring.chore where name = 'gather'"
    await peers.hurry(owner)
    async with scoring_pool.acquire() as connection:
        claims = await claim(connection, lane, 1)
    async with held_up(database_url, "lock table scoring.cohort in access exclusive mode") as holder:
        gathering = asyncio.create_task(lane.handle(claims))
        await somebody_waits(holder)
        await peers.hurry(owner)
    await gathering

    assert await owner.fetchval(due)
    await drain(scoring_pool, lane)
    assert not await owner.fetchval(due)


async def test_who_is_merged_away_while_peers_are_being_measured_stops_nobody(
    web: Web, scored: tuple[Scoring, list[UUID]], owner: asyncpg.Connection, database_url: str
) -> None:
    await put_in_charge(web, 3)
    async with held_up(database_url, "lock table scoring.record in access exclusive mode") as holder:
        measuring = asyncio.create_task(scored[0].housekeeping.gathering.gather())
        await somebody_waits(holder)
        for table in ("health_document", "standing", "rescoring", "account"):
            await holder.execute(f"delete from scoring.{table} where account_id = $1", scored[1][0])
    await measuring

    assert await owner.fetchval("select accounts from scoring.cohort where model_version = 3") > 0
