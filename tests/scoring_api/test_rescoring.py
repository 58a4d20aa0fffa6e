"""Claims about rescoring: the document explains the score exactly, and news is published once, with its cause."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from support.customers import now_of, tell_healthy, turn
from support.histories import Told, new_account, tell

from milepost_contracts.changes import COLUMNS, ChangeRow
from milepost_contracts.events import OWN_SOURCE
from milepost_contracts.health import HealthDocument
from milepost_core.model import ScoreModel
from milepost_runtime import failpoints
from milepost_runtime.lanes import TryLater, claim, drain
from scoring_api.scores.lineup import OneModel
from scoring_api.service import Scoring

DUE = "select next_at <= clock_timestamp() as due, next_at - clock_timestamp() as wait, cause from scoring.rescoring"


async def document(owner: asyncpg.Connection, account: UUID) -> HealthDocument:
    return HealthDocument.model_validate_json(
        await owner.fetchval("select body from scoring.health_document where account_id = $1", account)
    )


async def changes(owner: asyncpg.Connection, account: UUID) -> list[ChangeRow]:
    rows = await owner.fetch(f"select {COLUMNS} from scoring.change where account_id = $1 order by id", account)
    return [ChangeRow.model_validate(dict(row) | {"detail": json.loads(row["detail"])}) for row in rows]


async def add(owner: asyncpg.Connection, scoring: Scoring, account: UUID, kind: str, **more: Any) -> None:
    """Tell that something happened just now, and let it be scored."""
    await tell(owner, [Told(account, kind, await now_of(owner), **more)])
    await turn(scoring)


async def test_drivers_baseline_and_gates_add_up_to_the_score(owner: asyncpg.Connection, scoring: Scoring) -> None:
    account = await tell_healthy(owner, scoring)
    await add(owner, scoring, account, "stakeholder.left", role="sponsor", correlation_id="c-1")
    found = await document(owner, account)
    assert found.score == 69.9
    assert found.baseline is not None
    total = found.baseline + sum(one.points for one in found.drivers) + sum(one.points for one in found.gates)
    assert round(total, 6) == found.score
    assert [gate.id for gate in found.gates] == ["sponsor_left"]
    assert found.effective_band.model_dump() == {
        "band": "yellow",
        "because": "gate",
        "sentence": "Yellow: a gate holds the score down.",
    }
    lost = [one.points_lost for one in found.drivers]
    assert lost == sorted(lost, reverse=True)


async def test_a_healthy_account_is_green_with_all_dimensions(owner: asyncpg.Connection, scoring: Scoring) -> None:
    found = await document(owner, await tell_healthy(owner, scoring))
    assert found.effective_band.band == "green"
    assert [(one.id, one.weight) for one in found.dimensions] == [
        ("usage", 40.0),
        ("onboarding", 10.0),
        ("support", 20.0),
        ("engagement", 15.0),
        ("commercial", 15.0),
    ]
    assert found.confidence.word == "high"
    assert found.milestones.done == found.milestones.due == 6
    assert found.path is None
    assert found.account.name == "Acme"


async def test_a_brand_new_account_is_unknown_never_red(owner: asyncpg.Connection, scoring: Scoring) -> None:
    account = new_account()
    await add(owner, scoring, account, "account.started", properties={"name": "New"})
    found = await document(owner, account)
    assert found.band == found.effective_band.band == "unknown"
    assert {one.signal for one in found.pending} == {"time_to_value"}
    reasons = {one.signal: one.why for one in found.missing}
    assert reasons["active_days"] == "the account is too new to tell"
    assert reasons["sentiment"] == "it has never happened"


async def test_a_sponsor_who_left_is_forgiven_when_another_joins(owner: asyncpg.Connection, scoring: Scoring) -> None:
    account = await tell_healthy(owner, scoring)
    await add(owner, scoring, account, "stakeholder.left", role="sponsor", correlation_id="left")
    await add(owner, scoring, account, "stakeholder.joined", role="sponsor", correlation_id="joined")
    assert (await document(owner, account)).gates == ()
    news = await changes(owner, account)
    assert [(one.kind, one.to_band, one.correlation_id) for one in news] == [
        ("first_score", "green", ""),
        ("band_changed", "yellow", "left"),
        ("score_moved", "yellow", "joined"),
    ]


async def test_what_changes_nothing_leaves_document_snapshot_and_feed_alone(
    owner: asyncpg.Connection, scoring: Scoring
) -> None:
    account = await tell_healthy(owner, scoring)
    look = "select etag, (select count(*) from scoring.snapshot s where s.account_id = d.account_id) as snapshots"
    before = await owner.fetchrow(f"{look} from scoring.health_document d where account_id = $1", account)
    await add(owner, scoring, account, "message.sent")
    after = await owner.fetchrow(f"{look} from scoring.health_document d where account_id = $1", account)
    assert after == before
    assert len(await changes(owner, account)) == 1


async def test_history_told_late_is_backfill_and_what_happens_now_is_live(
    owner: asyncpg.Connection, scoring: Scoring
) -> None:
    account = await tell_healthy(owner, scoring, recorded=await now_of(owner))
    (first,) = await changes(owner, account)
    # Its newest event is of five hours ago, but most of what was told is older.
    assert (first.kind, first.cause) == ("first_score", "backfill")
    await add(owner, scoring, account, "cancellation.noticed")
    assert (await changes(owner, account))[-1].cause == "live"
    late = new_account()
    moment = await now_of(owner)
    await tell(owner, [Told(late, "account.started", moment - timedelta(days=40), recorded_at=moment)])
    await tell(owner, [Told(late, "cancellation.noticed", moment - timedelta(days=3), recorded_at=moment)])
    await turn(scoring)
    assert [one.cause for one in await changes(owner, late)] == ["backfill"]


async def test_a_notice_of_cancellation_is_red_at_once(owner: asyncpg.Connection, scoring: Scoring) -> None:
    account = await tell_healthy(owner, scoring)
    await add(owner, scoring, account, "cancellation.noticed")
    found = await document(owner, account)
    assert (found.score, found.effective_band.band) == (39.9, "red")
    assert found.path is not None
    assert found.path.steps[0].signal == "cancel_notice"
    assert (await changes(owner, account))[-1].to_band == "red"


async def test_a_mark_that_comes_while_we_score_is_not_lost(owner: asyncpg.Connection, scoring: Scoring) -> None:
    account, rescoring = await tell_healthy(owner, scoring), scoring.rescoring
    await owner.execute("update scoring.rescoring set next_at = clock_timestamp() where account_id = $1", account)
    async with rescoring.pool.acquire() as connection:
        claims = await claim(connection, rescoring.lane, 10)
    failpoints.arm("scoring.rescore.before_write=sleep:0.5")
    try:
        handling = asyncio.create_task(rescoring.handle(claims))
        await asyncio.sleep(0.25)
        bump = "update scoring.rescoring set marked = marked + 1, cause = 'live' where account_id = $1"
        await owner.execute(bump, account)
        await handling
    finally:
        failpoints.arm("")
    row = await owner.fetchrow(f"{DUE} where account_id = $1", account)
    assert row is not None
    assert (row["due"], row["cause"]) == (True, "live")


async def test_an_account_that_is_recorded_while_nobody_knew_it_stays_due(
    owner: asyncpg.Connection, scoring: Scoring
) -> None:
    account, now, rescoring = new_account(), await now_of(owner), scoring.rescoring
    await tell(owner, [Told(account, "event.retracted", now, supersedes="nothing told yet", source=OWN_SOURCE)])
    await drain(scoring.recording.pool, scoring.recording.lane)
    async with rescoring.pool.acquire() as connection:
        claims = await claim(connection, rescoring.lane, 10)
    assert account in [one.key for one in claims]
    failpoints.arm("scoring.rescore.before_write=sleep:0.5")
    try:
        handling = asyncio.create_task(rescoring.handle(claims))
        await asyncio.sleep(0.25)
        await tell(owner, [Told(account, "usage.summary", now, value=3.0)])
        await drain(scoring.recording.pool, scoring.recording.lane)
        await handling
    finally:
        failpoints.arm("")
    await drain(rescoring.pool, rescoring.lane)
    assert (await document(owner, account)).account.id == account


async def test_an_account_nobody_has_recorded_is_asked_after_once(owner: asyncpg.Connection, scoring: Scoring) -> None:
    account, now = new_account(), await now_of(owner)
    await tell(owner, [Told(account, "event.retracted", now, supersedes="nothing told yet", source=OWN_SOURCE)])
    await turn(scoring)
    row = await owner.fetchrow("select next_at, lease_until from scoring.rescoring where account_id = $1", account)
    assert row is not None
    assert (row["next_at"], row["lease_until"]) == (None, None)


async def test_who_is_merged_away_while_we_look_is_looked_for_again_and_nobody_blamed(
    owner: asyncpg.Connection, scoring: Scoring
) -> None:
    account, rescoring = await tell_healthy(owner, scoring), scoring.rescoring
    await owner.execute("update scoring.rescoring set next_at = clock_timestamp() where account_id = $1", account)
    async with rescoring.pool.acquire() as connection:
        claims = await claim(connection, rescoring.lane, 10)
    failpoints.arm("scoring.rescore.facts_read=sleep:0.5")
    try:
        handling = asyncio.create_task(rescoring.handle(claims))
        await asyncio.sleep(0.25)
        for table in ("health_document", "standing", "rescoring", "account"):
            await owner.execute(f"delete from scoring.{table} where account_id = $1", account)
        with pytest.raises(TryLater, match="merged away meanwhile"):
            await handling
    finally:
        failpoints.arm("")


async def test_whoever_lost_the_claim_writes_nothing(owner: asyncpg.Connection, scoring: Scoring) -> None:
    account, rescoring = await tell_healthy(owner, scoring), scoring.rescoring
    await tell(owner, [Told(account, "cancellation.noticed", await now_of(owner))])
    await drain(scoring.recording.pool, scoring.recording.lane)
    async with rescoring.pool.acquire() as connection:
        claims = await claim(connection, rescoring.lane, 10)
    await owner.execute("update scoring.rescoring set fence = fence + 1 where account_id = $1", account)
    await rescoring.handle(claims)
    assert (await document(owner, account)).effective_band.band == "green"
    await owner.execute("update scoring.rescoring set lease_until = null where account_id = $1", account)
    await turn(scoring)
    assert (await document(owner, account)).effective_band.band == "red"


async def test_silence_is_looked_at_again_without_any_event(owner: asyncpg.Connection, scoring: Scoring) -> None:
    account = await tell_healthy(owner, scoring)
    row = await owner.fetchrow(f"{DUE} where account_id = $1", account)
    assert row is not None
    assert timedelta(0) < row["wait"] <= timedelta(hours=24)
    assert row["cause"] == "silence"


async def test_another_model_or_address_makes_every_document_anew(
    owner: asyncpg.Connection, scoring: Scoring, shipped: ScoreModel
) -> None:
    account = await tell_healthy(owner, scoring)
    assert await scoring.rescoring.mark_outdated() == 0
    newer = OneModel(replace(shipped, version=2), number=1)
    moved = replace(scoring.rescoring, lineups=newer, base_url="https://health.example")
    assert await moved.mark_outdated() > 0
    await drain(moved.pool, moved.lane, seconds=60)
    found = await document(owner, account)
    assert found.model.version == 2
    assert found.links["page"] == f"https://health.example/app/accounts/{account}"
    assert await moved.mark_outdated() == 0


async def test_the_stored_bytes_are_the_document_and_the_etag_is_theirs(
    owner: asyncpg.Connection, scoring: Scoring
) -> None:
    account = await tell_healthy(owner, scoring)
    row = "select body, etag, score, effective_band, fresh_until from scoring.health_document where account_id = $1"
    before = await owner.fetchrow(row, account)
    assert before is not None
    assert HealthDocument.model_validate_json(before["body"]).model_dump_json().encode() == before["body"]
    for column in ("health_document set fresh_until", "rescoring set next_at"):
        await owner.execute(f"update scoring.{column} = clock_timestamp() where account_id = $1", account)
    await turn(scoring)
    after = await owner.fetchrow(row, account)
    assert after is not None
    assert after["fresh_until"] >= before["fresh_until"]
    assert after["etag"] != before["etag"]
    assert (after["score"], after["effective_band"]) == (before["score"], before["effective_band"])


async def test_a_better_score_has_to_hold_before_the_band_rises(owner: asyncpg.Connection, scoring: Scoring) -> None:
    account = await tell_healthy(owner, scoring)
    urgent = {"properties": {"severity": "critical"}}
    for name in ("t7", "t8", "t9"):
        await add(owner, scoring, account, "ticket.opened", item=name, **urgent)
    await add(owner, scoring, account, "survey.answered", value=0.0)
    await tell(owner, [Told(account, "invoice.overdue", await now_of(owner) - timedelta(days=70), item="i1")])
    await turn(scoring)
    worse = await document(owner, account)
    for name in ("t7", "t8", "t9"):
        await add(owner, scoring, account, "ticket.resolved", item=name, value=1.0)
    await add(owner, scoring, account, "survey.answered", value=10.0)
    await add(owner, scoring, account, "invoice.paid", item="i1")
    better = await document(owner, account)
    assert (worse.effective_band.band, better.band, better.effective_band.band) == ("yellow", "green", "yellow")
    assert better.effective_band.sentence == "Still yellow: the score has to hold for another 14 days."
    assert better.path is not None
    assert better.path.holds_for_days == 14
    wait = await owner.fetchval("select pending_since from scoring.standing where account_id = $1", account)
    assert wait is not None
