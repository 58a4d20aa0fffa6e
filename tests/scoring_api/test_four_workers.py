"""Claims about four workers at once: in whatever order told, and however often read, all ends byte for byte alike."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random

import asyncpg
import pytest
from support.chance_feeds import ANCHORS, Story, chance_moments, chance_story
from support.figures import figures
from support.histories import Told, tell

from milepost_devstack.schemas import SCHEMAS
from milepost_runtime.database import Pool, open_pool
from milepost_runtime.lanes import drain
from milepost_runtime.queue import Hints
from scoring_api.documents.founding import read_founding
from scoring_api.scores.lineup import KeptLineUps, LineUp
from scoring_api.service import Scoring, build
from scoring_api.settings import ScoringSettings

WORKERS = 4
ROWS = {
    "account": "account_id, name, segment, owner, start_at, start_settled_at, started_at, started_told_at,"
    " started_sequence, first_seen_at, named_at, attributes",
    "account_reference": "reference, account_id, occurred_at",
    "merged_account": "account_id, survivor_id",
    "attribute": "*",
    "record": "*",
}
EMPTY = (
    "truncate ingest.event, scoring.account, scoring.account_reference, scoring.merged_account, scoring.attribute,"
    " scoring.record, scoring.rescoring, scoring.snapshot, scoring.standing, scoring.health_document, scoring.change"
)
BEGIN = "update scoring.cursor set position = 0, next_at = '-infinity' where feed = 'ingest.event'"
FOUNDING = read_founding("b2b-onboarding")
SHIPPED = LineUp.of([one.parsed for one in FOUNDING.shipped])


@pytest.fixture(scope="module")
async def workers(database_url: str, redis_url: str) -> AsyncIterator[list[Scoring]]:
    """Four workers, each with connections, lanes and compiled statements of its own, as processes have them."""
    pools: list[Pool] = [
        await open_pool(database_url, SCHEMAS[1], process=f"worker {number}", size=3) for number in range(WORKERS)
    ]
    settings = ScoringSettings(environment="test", database_url=database_url, redis_url=redis_url)
    yield [build(settings, KeptLineUps(FOUNDING), pool, Hints(redis_url)) for pool in pools]
    for pool in pools:
        await pool.close()


LEFT = """
select (select count(*) from scoring.rescoring where next_at <= clock_timestamp() or lease_until is not null)
  + (select count(*) from scoring.cursor c where lease_until is not null
     or position < (select coalesce(max(id), 0) from ingest.event))
"""


async def work(workers: list[Scoring], over: asyncio.Event, owner: asyncpg.Connection) -> None:
    """Let all workers record and rescore until the feed is over and nothing is left to anybody."""

    async def one(worker: Scoring, chance: Random) -> None:
        pool = worker.recording.pool
        while not finished.is_set():
            await drain(pool, worker.recording.lane, seconds=30)
            await drain(pool, worker.rescoring.lane, seconds=30)
            await asyncio.sleep(chance.random() / 50)

    async def watch() -> None:
        await over.wait()
        while await owner.fetchval(LEFT):  # noqa: ASYNC110 - the store rings no bell
            await asyncio.sleep(0.05)
        finished.set()

    finished = asyncio.Event()
    await asyncio.gather(watch(), *(one(worker, Random(place)) for place, worker in enumerate(workers)))


def shuffled(stories: list[Story], chance: Random) -> list[Told]:
    """The words of all stories in another order; what was told of an account that is gone stays before its merge."""
    piles = []
    for story in stories:
        gone = [one for one in story.feed.told if one.account_id != story.account and one.type != "account.merged"]
        merges = [one for one in story.feed.told if one.type == "account.merged"]
        rest = [one for one in story.feed.told if one.account_id == story.account]
        chance.shuffle(gone)
        chance.shuffle(rest)
        piles.append([*gone, *merges, *rest])
    told = []
    while piles := [pile for pile in piles if pile]:
        told.append(chance.choice(piles).pop(0))
    return told


async def publish(owner: asyncpg.Connection, told: list[Told], chance: Random) -> None:
    """Publish a feed in pieces of chance sizes, now and then setting its reader back to a place it has passed."""
    waiting = list(told)
    while waiting:
        size = chance.randint(1, 30)
        await tell(owner, waiting[:size])
        waiting = waiting[size:]
        if chance.random() < 0.3:
            await owner.execute(
                "update scoring.cursor set position = floor(position * $1::float8) where feed = 'ingest.event'",
                chance.random(),
            )
        await owner.execute("update scoring.cursor set next_at = '-infinity' where next_at is null")
        await asyncio.sleep(chance.random() / 100)


async def rows_of(owner: asyncpg.Connection) -> dict[str, list[str]]:
    found = {}
    for table, columns in ROWS.items():
        found[table] = sorted(repr(dict(row)) for row in await owner.fetch(f"select {columns} from scoring.{table}"))
    return found


@pytest.mark.parametrize("seed", range(2))
async def test_four_workers_leave_the_same_rows_and_figures_in_any_order_and_repetition(
    seed: int, workers: list[Scoring], owner: asyncpg.Connection
) -> None:
    chance = Random(seed)
    base = chance.choice(ANCHORS)
    stories = [chance_story(chance, base) for _ in range(15)]
    looks = [*chance.sample(chance_moments(chance, base), 2), base + timedelta(days=200)]
    ends = []
    for turn in range(3):
        await owner.execute(EMPTY)
        await owner.execute(BEGIN)
        told = [one for story in stories for one in story.feed.told] if turn == 0 else shuffled(stories, chance)
        over = asyncio.Event()
        working = asyncio.create_task(work(workers, over, owner))
        await publish(owner, told, Random(turn))
        over.set()
        await working
        assert not await owner.fetchval("select count(*) from scoring.unreadable")
        accounts = [row[0] for row in await owner.fetch("select account_id from scoring.account order by 1")]
        scored = [row[0] for row in await owner.fetch("select account_id from scoring.health_document order by 1")]
        assert scored == accounts
        async with workers[0].recording.pool.acquire() as connection:
            seen = [await figures(connection, SHIPPED, accounts, moment) for moment in looks]
        ends.append((await rows_of(owner), seen))
    assert ends[1] == ends[0]
    assert ends[2] == ends[0]
