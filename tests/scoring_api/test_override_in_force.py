"""A person's word sets the band in effect, says so aloud, ends by itself, and changes nothing that was computed."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from support.customers import now_of, tell_healthy, turn
from support.histories import Told, tell

from milepost_contracts.health import HealthDocument
from scoring_api.service import Scoring

MARK = "update scoring.rescoring set next_at = clock_timestamp(), marked = marked + 1, cause = 'human'"


async def say(
    owner: asyncpg.Connection, scoring: Scoring, account: UUID, *, lasts: float = 86400.0, **word: Any
) -> UUID:
    """Keep an override as its use case does, and let the account be scored."""
    said = uuid4()
    await owner.execute(
        "insert into scoring.override (account_id, id, band, score, reason, author, told_by, expires_at)"
        " values ($1, $2, $3, $4, 'their champion told me.', 'Mara', 'a key',"
        " clock_timestamp() + make_interval(secs => $5))",
        account,
        said,
        word.get("band"),
        word.get("score"),
        lasts,
    )
    await owner.execute(f"{MARK} where account_id = $1", account)
    await turn(scoring)
    return said


async def document(owner: asyncpg.Connection, account: UUID) -> HealthDocument:
    body = await owner.fetchval("select body from scoring.health_document where account_id = $1", account)
    return HealthDocument.model_validate_json(body)


async def news(owner: asyncpg.Connection, account: UUID) -> list[tuple[str, str, str]]:
    rows = await owner.fetch(
        "select kind, to_band, cause from scoring.change where account_id = $1 and kind = 'band_changed' order by id",
        account,
    )
    return [(row["kind"], row["to_band"], row["cause"]) for row in rows]


async def test_a_word_sets_the_band_and_leaves_score_drivers_and_state_alone(
    owner: asyncpg.Connection, scoring: Scoring
) -> None:
    account = await tell_healthy(owner, scoring)
    before = await document(owner, account)
    said = await say(owner, scoring, account, band="red")
    after = await document(owner, account)
    assert (after.effective_band.band, after.effective_band.because) == ("red", "override")
    assert after.effective_band.sentence is not None
    assert after.effective_band.sentence.startswith("Red by Mara until ")
    assert after.effective_band.sentence.endswith(": their champion told me. Without that word: green by the score.")
    assert (after.score, after.band, after.drivers, after.baseline) == (
        before.score,
        before.band,
        before.drivers,
        before.baseline,
    )
    assert await news(owner, account) == [("band_changed", "red", "human")]
    row = await owner.fetchrow(
        "select s.override_id, s.band, s.effective_band, t.band as state from scoring.snapshot s"
        " join scoring.standing t using (account_id) where account_id = $1 order by s.as_of desc limit 1",
        account,
    )
    assert row is not None
    assert tuple(row) == (said, "green", "red", "green")


async def test_a_score_said_by_a_person_is_the_band_of_that_score_as_shown(
    owner: asyncpg.Connection, scoring: Scoring
) -> None:
    account = await tell_healthy(owner, scoring)
    await say(owner, scoring, account, score=69.94)
    assert (await document(owner, account)).effective_band.band == "yellow"
    await say(owner, scoring, account, score=69.96)
    assert (await document(owner, account)).effective_band.band == "green"
    assert (await document(owner, account)).effective_band.because == "override"


async def test_a_hard_gate_beats_a_word(owner: asyncpg.Connection, scoring: Scoring) -> None:
    account = await tell_healthy(owner, scoring)
    await say(owner, scoring, account, band="green")
    await tell(owner, [Told(account, "cancellation.noticed", await now_of(owner))])
    await turn(scoring)
    found = await document(owner, account)
    assert (found.effective_band.band, found.effective_band.because) == ("red", "gate")


async def test_a_word_that_has_run_out_gives_the_band_back_by_itself(
    owner: asyncpg.Connection, scoring: Scoring
) -> None:
    account = await tell_healthy(owner, scoring)
    await say(owner, scoring, account, band="yellow", lasts=2.0)
    waits = await owner.fetchval("select next_at from scoring.rescoring where account_id = $1", account)
    ends = await owner.fetchval("select expires_at from scoring.override where account_id = $1", account)
    assert timedelta(0) <= waits - ends < timedelta(seconds=1)
    await asyncio.sleep(max(0.0, (waits - await now_of(owner)).total_seconds()) + 0.05)
    await turn(scoring)
    found = await document(owner, account)
    assert (found.effective_band.band, found.effective_band.because) == ("green", "model")
    assert [one[1:] for one in await news(owner, account)] == [("yellow", "human"), ("green", "human")]


async def test_the_newest_word_in_force_counts_and_one_that_was_ended_does_not(
    owner: asyncpg.Connection, scoring: Scoring
) -> None:
    account = await tell_healthy(owner, scoring)
    await say(owner, scoring, account, band="red")
    newest = await say(owner, scoring, account, band="yellow")
    assert (await document(owner, account)).effective_band.band == "yellow"
    await owner.execute("update scoring.override set ended_at = clock_timestamp() where id = $1", newest)
    await owner.execute(f"{MARK} where account_id = $1", account)
    await turn(scoring)
    assert (await document(owner, account)).effective_band.band == "red"


async def test_a_look_without_news_under_the_same_word_writes_nothing(
    owner: asyncpg.Connection, scoring: Scoring
) -> None:
    account = await tell_healthy(owner, scoring)
    await say(owner, scoring, account, band="red")
    count = "select count(*) from scoring.snapshot where account_id = $1"
    before = await owner.fetchval(count, account)
    await owner.execute(f"{MARK} where account_id = $1", account)
    await turn(scoring)
    assert await owner.fetchval(count, account) == before
    kept = json.loads(
        await owner.fetchval(
            "select readings from scoring.snapshot where account_id = $1 order by as_of desc limit 1", account
        )
    )
    assert (kept["override"]["author"], kept["override"]["band"]) == ("Mara", "red")
