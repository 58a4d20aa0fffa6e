"""Claims about starting: one run per playbook and change, only for news of today, and every refusal is written down."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from support.outreach import PLAYBOOK, Outreach, publish

from milepost_runtime import failpoints
from milepost_runtime.failpoints import FailpointRaised
from milepost_runtime.lanes import claim, drain
from playbook_runner.runs.starting import ensure_feed_cursor


async def test_a_drop_opens_one_run_with_its_first_step_due(outreach: Outreach) -> None:
    account = uuid4()
    change = await publish(outreach.scoring_pool, account, correlation_id="from-the-webhook")
    await outreach.start()
    run = await outreach.one("run", account)
    step = await outreach.one("step", account)

    assert (run["playbook_id"], run["change_id"], run["state"]) == (PLAYBOOK, change, "running")
    assert run["because"] == "the band moved from green to red"
    assert run["correlation_id"] == "from-the-webhook"
    assert (step["path"], step["state"], step["next_at"] is not None) == ("tell-owner", "due", True)


async def test_reading_the_feed_again_opens_nothing_twice(outreach: Outreach) -> None:
    account = uuid4()
    await publish(outreach.scoring_pool, account)
    await outreach.start()
    await outreach.pool.execute("update run set state = 'done', started_at = started_at - interval '30 days'")
    await outreach.pool.execute("update cursor set position = 0")
    await outreach.start()

    await outreach.one("run", account)
    await outreach.one("step", account)


async def test_drains_at_the_same_time_open_one_run_per_change(outreach: Outreach) -> None:
    accounts = [uuid4() for _ in range(450)]
    for account in accounts:
        await publish(outreach.scoring_pool, account)
    for _ in range(4):
        await asyncio.gather(*(drain(outreach.pool, outreach.runner.starting.lane) for _ in range(4)))
    rows = await outreach.pool.fetch("select account_id, count(*) from run group by 1")

    assert len(rows) == 450
    assert {row["count"] for row in rows} == {1}


async def test_a_worker_that_lost_its_claim_writes_nothing(outreach: Outreach) -> None:
    account = uuid4()
    await publish(outreach.scoring_pool, account)
    lane = outreach.runner.starting.lane
    async with outreach.pool.acquire() as connection:
        claims = await claim(connection, lane, 2)
        await connection.execute("update cursor set fence = fence + 1")
    assert await lane.handle(claims) == 0

    assert await outreach.pool.fetchval("select count(*) from run") == 0
    assert await outreach.pool.fetchval("select position from cursor where feed = 'scoring.change'") == 0


async def test_a_failure_before_the_commit_leaves_no_half_run(outreach: Outreach) -> None:
    account = uuid4()
    await publish(outreach.scoring_pool, account)
    async with outreach.pool.acquire() as connection:
        claims = await claim(connection, outreach.runner.starting.lane, 2)
    failpoints.arm("playbooks.start.answered=raise")
    try:
        with pytest.raises(FailpointRaised):
            await outreach.runner.starting.start(claims)
    finally:
        failpoints.arm("")

    assert await outreach.pool.fetchval("select count(*) from run") == 0
    assert await outreach.pool.fetchval("select position from cursor where feed = 'scoring.change'") == 0


@pytest.mark.parametrize("cause", ["backfill", "model"])
async def test_history_and_new_models_start_nothing_and_say_so(outreach: Outreach, cause: str) -> None:
    account = uuid4()
    await publish(outreach.scoring_pool, account, cause=cause)
    await outreach.start()

    assert await outreach.pool.fetchval("select count(*) from run") == 0
    assert await outreach.outcomes(account) == [("skipped", f"cause_{cause}")]


async def test_silence_starts_as_an_event_does(outreach: Outreach) -> None:
    account = uuid4()
    await publish(outreach.scoring_pool, account, cause="silence")
    await outreach.start()

    await outreach.one("run", account)


async def test_a_first_score_in_red_starts_and_in_green_does_not(outreach: Outreach) -> None:
    red, green = uuid4(), uuid4()
    await publish(outreach.scoring_pool, red, kind="first_score", from_band=None, from_score=None)
    await publish(outreach.scoring_pool, green, kind="first_score", from_band=None, from_score=None, to_band="green")
    await outreach.start()

    assert (await outreach.one("run", red))["because"] == "the account's first score is red"
    assert await outreach.outcomes(green) == []


async def test_moves_that_are_no_drop_leave_no_trace(outreach: Outreach) -> None:
    account = uuid4()
    await publish(outreach.scoring_pool, account, kind="score_moved", from_band="red")
    await publish(outreach.scoring_pool, account, from_band="red", to_band="yellow")
    await publish(outreach.scoring_pool, account, from_band="yellow", to_band="green")
    await outreach.start()

    assert await outreach.pool.fetchval("select count(*) from run") == 0
    assert await outreach.outcomes(account) == []
    assert await outreach.pool.fetchval(
        "select position from cursor where feed = 'scoring.change'"
    ) == await outreach.scoring_pool.fetchval("select max(id) from change")


async def test_kinds_of_news_that_are_no_trigger_are_passed_over(outreach: Outreach) -> None:
    account = uuid4()
    for kind in ("journey_moved", "milestone_moved", "went_stale", "a_kind_of_next_year"):
        news = await publish(outreach.scoring_pool, account, kind=kind)
        told = "update change set subject = 'sso', detail = $2 where id = $1"
        await outreach.scoring_pool.execute(told, news, {"from": "due", "to": "late"})
    await outreach.start()
    assert await outreach.outcomes(account) == []
    drop = await publish(outreach.scoring_pool, account)
    await outreach.start()

    assert (await outreach.one("run", account))["change_id"] == drop


async def test_a_second_drop_in_the_same_batch_meets_the_open_run(outreach: Outreach) -> None:
    account = uuid4()
    await publish(outreach.scoring_pool, account, to_band="yellow")
    await publish(outreach.scoring_pool, account, from_band="yellow")
    await outreach.start()

    await outreach.one("run", account)
    assert await outreach.outcomes(account) == [("skipped", "already_running")]


async def test_within_a_week_of_the_last_run_nothing_starts(outreach: Outreach) -> None:
    account = uuid4()
    await publish(outreach.scoring_pool, account)
    await outreach.start()
    await outreach.pool.execute("update run set state = 'done', ended_at = clock_timestamp()")
    await publish(outreach.scoring_pool, account)
    await outreach.start()
    assert await outreach.outcomes(account) == [("skipped", "too_soon")]

    await outreach.pool.execute("update run set started_at = started_at - interval '8 days'")
    await publish(outreach.scoring_pool, account)
    await outreach.start()
    assert await outreach.pool.fetchval("select count(*) from run") == 2


async def test_a_change_that_waited_for_days_starts_nothing(outreach: Outreach) -> None:
    account = uuid4()
    await publish(outreach.scoring_pool, account, computed_at=datetime.now(UTC) - timedelta(days=3))
    await outreach.start()

    assert await outreach.outcomes(account) == [("skipped", "stale_change")]


async def test_a_paused_playbook_starts_nothing_and_says_so(outreach: Outreach) -> None:
    account = uuid4()
    await outreach.runner.keeping.set_state(PLAYBOOK, "paused", "test")
    await publish(outreach.scoring_pool, account)
    await outreach.start()

    assert await outreach.outcomes(account) == [("suppressed", "playbook_paused")]


async def test_a_restart_goes_on_where_the_cursor_is(outreach: Outreach) -> None:
    first, second = uuid4(), uuid4()
    await publish(outreach.scoring_pool, first)
    await outreach.start()
    await ensure_feed_cursor(outreach.pool)
    await publish(outreach.scoring_pool, second)
    await outreach.start()

    await outreach.one("run", first)
    await outreach.one("run", second)
    assert await outreach.outcomes(first) == []


async def test_a_playbook_that_cannot_be_read_does_not_hold_up_the_others(outreach: Outreach) -> None:
    account = uuid4()
    await outreach.pool.execute(
        "insert into playbook (id, version, document, state) values ('broken', 1, '{\"id\": \"broken\"}', 'active')"
    )
    await publish(outreach.scoring_pool, account)
    await outreach.start()

    assert (await outreach.one("run", account))["playbook_id"] == PLAYBOOK


def meant_for_some(version: int) -> dict[str, Any]:
    """A playbook that a drop starts once somebody has said for whom it is meant."""
    return {
        "id": "meant", "version": version, "name": "Meant", "trigger": {"kind": "band_changed", "to": ["red"]},
        "audience": {"subject": "score", "operator": "known"}, "steps": [{"id": "wait", "kind": "wait", "days": 1}],
    }  # fmt: skip


async def test_a_version_that_is_replaced_while_somebody_is_asked_begins_no_run(outreach: Outreach) -> None:
    for version in (1, 2):
        await outreach.runner.keeping.stock([meant_for_some(version)])
    account = await outreach.drop()
    async with outreach.while_asked(outreach.start()):
        released = await outreach.runner.releasing.rollback("meant", "stop", "kim")
    assert (released.version, released.stopped) == (1, 0)

    runs = await outreach.pool.fetch("select version from run where playbook_id = 'meant'")
    assert [run["version"] for run in runs] == [1]
    assert await outreach.pool.fetchval("select count(*) from run where account_id = $1", account) == 2


@pytest.mark.parametrize("before", ["active", "paused"])
async def test_a_pause_that_begins_or_ends_while_somebody_is_asked_counts(outreach: Outreach, before: str) -> None:
    after = "paused" if before == "active" else "active"
    await outreach.pool.execute("delete from playbook")
    # What is paused asks nobody: another one does.
    await outreach.runner.keeping.stock([meant_for_some(1), meant_for_some(1) | {"id": "asks"}])
    await outreach.runner.keeping.set_state("meant", before, "kim")
    await outreach.drop()
    async with outreach.while_asked(outreach.start()):
        await outreach.runner.keeping.set_state("meant", after, "kim")

    runs = await outreach.pool.fetchval("select count(*) from run where playbook_id = 'meant'")
    codes = [row["code"] for row in await outreach.pool.fetch("select code from ledger where playbook_id = 'meant'")]
    assert (runs, codes) == ((0, ["playbook_paused"]) if after == "paused" else (1, []))
    assert await outreach.pool.fetchval(
        "select position from cursor where feed = 'scoring.change'"
    ) == await outreach.scoring_pool.fetchval("select max(id) from change")
