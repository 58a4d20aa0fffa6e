"""Claims about rows that cannot be recorded: they are set aside by themselves, and the rest of the feed goes on."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest
from support.histories import Told, new_account, tell

from milepost_contracts.events import FEED
from milepost_core.model import ScoreModel
from milepost_runtime.lanes import drain
from milepost_runtime.metrics import REGISTRY
from scoring_api.scores.recording import RANGE, Recording

START = datetime(2026, 5, 1, tzinfo=UTC)
# Random enough that it cannot be pressed into an index row.
LONG = random.Random(7).randbytes(8000).hex()
MAKE = Callable[[ScoreModel], Recording]


async def record_all(recording: Recording) -> None:
    await drain(recording.pool, recording.lane, seconds=60)


async def position(owner: asyncpg.Connection) -> int:
    return int(await owner.fetchval("select position from scoring.cursor"))


def measured(name: str) -> float:
    return REGISTRY.get_sample_value(name, {"feed": FEED}) or 0.0


async def recorded(owner: asyncpg.Connection, account: UUID) -> list[str]:
    rows = await owner.fetch("select event_id from scoring.record where account_id = $1 order by 1", account)
    return [row["event_id"] for row in rows]


@pytest.mark.parametrize("places", [(0,), (5,), (11,), (3, 4)])
async def test_a_row_that_cannot_be_recorded_is_set_aside_and_all_others_are_recorded(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel, places: tuple[int, ...]
) -> None:
    account, recording = new_account(), recorder(shipped)
    await record_all(recording)
    before = measured("milepost_feed_unreadable_total")
    types = [f"noise.{LONG}" if place in places else "feature.used" for place in range(12)]
    await tell(owner, [Told(account, kind, START, event_id=f"{account}:{n:02}") for n, kind in enumerate(types)])
    await record_all(recording)

    good = [f"{account}:{n:02}" for n in range(12) if n not in places]
    assert await recorded(owner, account) == good
    aside = await owner.fetch(
        "select e.event_id, u.reason, u.at from scoring.unreadable u join ingest.event e on e.id = u.event_row_id"
        " where u.account_id = $1 order by e.id",
        account,
    )
    assert [row["event_id"] for row in aside] == [f"{account}:{n:02}" for n in places]
    assert all("index row" in row["reason"] for row in aside)
    assert measured("milepost_feed_unreadable_total") - before == len(places)
    assert await position(owner) == await owner.fetchval("select max(id) from ingest.event")
    assert await owner.fetchval("select marked > 0 from scoring.rescoring where account_id = $1", account)


async def test_reading_it_again_sets_it_aside_once(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    account, recording = new_account(), recorder(shipped)
    await tell(owner, [Told(account, f"noise.{LONG}", START)])
    await record_all(recording)
    await owner.execute("update scoring.cursor set position = 0")
    await record_all(recording)

    assert await owner.fetchval("select count(*) from scoring.unreadable where account_id = $1", account) == 1


async def test_a_name_that_is_too_long_is_left_out_and_the_rest_of_its_event_kept(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    account, recording = new_account(), recorder(shipped)
    await tell(owner, [Told(account, "account.updated", START, properties={LONG: 1, "n" * 256: 2, "seats": 3})])
    await tell(owner, [Told(account, "account.linked", START, value_text=f"external:{LONG}")])
    await record_all(recording)

    names = await owner.fetch("select name from scoring.attribute where account_id = $1", account)
    assert [row["name"] for row in names] == ["seats"]
    assert len(await recorded(owner, account)) == 1
    assert not await owner.fetchval("select count(*) from scoring.account_reference where account_id = $1", account)
    assert not await owner.fetchval("select count(*) from scoring.unreadable where account_id = $1", account)


async def test_a_store_that_lacks_a_table_sets_nothing_aside(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    account, recording = new_account(), recorder(shipped)
    await record_all(recording)
    before = await position(owner)
    await tell(owner, [Told(account, "feature.used", START)])
    await owner.execute("alter table scoring.record rename to elsewhere")
    try:
        await record_all(recording)
    finally:
        await owner.execute("alter table scoring.elsewhere rename to record")
    assert await position(owner) == before
    assert not await owner.fetchval("select count(*) from scoring.unreadable where account_id = $1", account)
    await owner.execute("update scoring.cursor set next_at = '-infinity'")
    await record_all(recording)
    assert len(await recorded(owner, account)) == 1


async def test_how_far_the_cursor_is_behind_is_measured(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    account, recording = new_account(), recorder(shipped)
    await record_all(recording)
    await tell(owner, [Told(account, "feature.used", START) for _ in range(RANGE + 5)])
    await drain(recording.pool, recording.lane, seconds=0.001)
    newest = await owner.fetchval("select max(id) from ingest.event")
    assert measured("milepost_feed_behind") == newest - await position(owner) == 5
    await record_all(recording)
    assert measured("milepost_feed_behind") == 0
