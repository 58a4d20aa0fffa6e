"""Claims about what our own people say: it is kept once, follows its account, and is told at once."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from support.histories import Told, new_account, tell

from milepost_core.model import ScoreModel
from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from scoring_api.queries.marks import mark_human
from scoring_api.queries.records import OwnWord, insert_own
from scoring_api.scores.recording import Recording

MAKE = Callable[[ScoreModel], Recording]
START = datetime(2026, 3, 1, tzinfo=UTC)
PULSE = OwnWord("pulse.given", value=4.0, actor="Dana", expires_at=START + timedelta(days=3650))


async def say(pool: Pool, account: UUID, *words: OwnWord) -> list[str]:
    async with pool.acquire() as connection, connection.transaction():
        return await insert_own(connection, account, words)


async def known(owner: asyncpg.Connection, recording: Recording, *accounts: UUID) -> None:
    await tell(owner, [Told(account, "feature.used", START) for account in accounts])
    await drain(recording.pool, recording.lane)


async def merge(owner: asyncpg.Connection, recording: Recording, gone: UUID, survivor: UUID) -> None:
    await tell(owner, [Told(gone, "account.merged", START, value_text=str(survivor))])
    await drain(recording.pool, recording.lane)


async def kept(owner: asyncpg.Connection, account: UUID) -> list[tuple[str, float | None, datetime | None]]:
    rows = await owner.fetch(
        "select event_id, value, expires_at from scoring.record where account_id = $1 and source = 'milepost'", account
    )
    return [(row["event_id"], row["value"], row["expires_at"]) for row in rows]


async def test_of_a_stranger_nothing_is_kept(scoring_pool: Pool) -> None:
    assert await say(scoring_pool, new_account(), PULSE) == []


async def test_a_word_follows_its_account_into_the_one_that_lives_on(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    gone, survivor, recording = new_account(), new_account(), recorder(shipped)
    await known(owner, recording, gone, survivor)
    before = await say(recording.pool, gone, PULSE)
    await merge(owner, recording, gone, survivor)
    after = await say(recording.pool, gone, PULSE)
    assert {one[0] for one in await kept(owner, survivor)} == {*before, *after}
    assert {one[1:] for one in await kept(owner, survivor)} == {(4.0, PULSE.expires_at)}
    assert await kept(owner, gone) == []


async def test_a_word_that_is_said_while_its_account_is_merged_is_not_lost(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    gone, survivor, recording = new_account(), new_account(), recorder(shipped)
    await known(owner, recording, gone, survivor)
    async with recording.pool.acquire() as connection:
        async with connection.transaction():
            said = await insert_own(connection, gone, [PULSE])
            merging = asyncio.create_task(merge(owner, recording, gone, survivor))
            await asyncio.sleep(0.3)
            assert not merging.done()
        await merging
    assert [one[0] for one in await kept(owner, survivor)] == said


async def test_a_word_of_an_earlier_day_moves_no_start(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    account, recording = new_account(), recorder(shipped)
    await known(owner, recording, account)
    await say(recording.pool, account, OwnWord("milestone.completed", START - timedelta(days=9), item="kickoff"))
    # A word that is taken back makes the start be found anew.
    wrong = Told(account, "account.started", START + timedelta(days=1), event_id=f"{account}:wrong")
    back = Told(account, "event.retracted", START, START + timedelta(days=2), supersedes=wrong.event_id)
    await tell(owner, [wrong, back])
    await drain(recording.pool, recording.lane)
    assert await owner.fetchval("select start_at from scoring.account where account_id = $1", account) == START


async def test_of_words_of_one_instant_the_later_said_counts(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    account, recording = new_account(), recorder(shipped)
    await known(owner, recording, account)
    words = [OwnWord("milestone.reopened" if number % 2 else "milestone.completed", START, item="sso", value=number)
             for number in range(6)]  # fmt: skip
    for place in (0, 3, 4):
        await say(recording.pool, account, *words[place : place + (3 if place == 0 else 1)])
    await say(recording.pool, account, words[5])
    rows = await owner.fetch(
        "select value from scoring.record where account_id = $1 and source = 'milepost'"
        ' order by occurred_at, sequence collate "C"',
        account,
    )
    assert [row["value"] for row in rows] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("waits", ["live", "backfill", "silence", "model", "human"])
async def test_a_person_s_word_is_told_as_that_whatever_else_waits(
    waits: str, owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    account, recording = new_account(), recorder(shipped)
    await known(owner, recording, account)
    later = "update scoring.rescoring set cause = $2, next_at = now() + interval '1 day' where account_id = $1"
    await owner.execute(later, account, waits)
    async with recording.pool.acquire() as connection:
        await mark_human(connection, [account], "word-1")
    look = (
        "select cause, next_at <= clock_timestamp() as due, correlation_id from scoring.rescoring where account_id = $1"
    )
    assert tuple(await owner.fetchrow(look, account)) == ("human", True, "word-1")
    # What is told after it and before it is scored does not make it something else.
    await tell(owner, [Told(account, "feature.used", START)])
    await drain(recording.pool, recording.lane)
    assert await owner.fetchval("select cause from scoring.rescoring where account_id = $1", account) == "human"
