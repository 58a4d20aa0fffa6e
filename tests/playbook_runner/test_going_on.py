"""Claims about runs on their way: they pass, wait, branch; what happens wakes or ends them; nothing is missed."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from support.outreach import Outreach, health_of, publish
from support.plans_on_their_way import PLAN, begin, happens, plan, read_on, steps, task, wait

from milepost_runtime.database import Pool
from milepost_runtime.lanes import claim, drain
from playbook_runner.people.task_views import OutcomeWord
from playbook_runner.people.tending import Outcome
from playbook_runner.queries.waking import SETTLED_S


async def test_a_wait_lasts_until_its_time_by_the_stores_clock(outreach: Outreach) -> None:
    account = await begin(outreach, plan(wait("a", days=2), task("b")))
    step = await outreach.one("step", account)

    assert step["state"] == "waiting"
    assert step["next_at"] == step["created_at"] + timedelta(days=2)
    await outreach.pool.execute("update step set created_at = created_at - interval '2 days'")
    await outreach.later("step", timedelta(days=2) - timedelta(minutes=1))
    await outreach.advance()
    assert await steps(outreach, account) == {"a": "waiting"}
    await outreach.later("step", timedelta(minutes=1))
    await outreach.advance()
    assert await steps(outreach, account) == {"a": "done", "b": "performing"}


async def test_a_wait_until_a_time_of_day_is_in_the_zone_of_the_account(outreach: Outreach) -> None:
    account = await begin(outreach, plan(wait("a", until="09:30"), task("b")), timezone="Asia/Kathmandu")
    step = await outreach.one("step", account)

    assert (step["next_at"].hour, step["next_at"].minute) == (3, 45)
    assert timedelta(0) <= step["next_at"] - step["created_at"] <= timedelta(days=1)


async def test_a_run_goes_through_all_that_is_over_at_once(outreach: Outreach) -> None:
    gold = {"subject": "attribute.plan", "operator": "eq", "value": "gold"}
    branch = {"id": "b", "kind": "branch", "otherwise": "c", "cases": [{"when": gold, "next": "d"}]}
    document = plan(wait("a", days=0.00001), branch, task("c", next="end"), wait("d", business_days=1))
    account = await begin(outreach, document, plan="gold")
    await outreach.pool.execute("update step set created_at = created_at - interval '1 hour'")
    await outreach.later("step")
    await outreach.advance()

    assert await steps(outreach, account) == {"a": "done", "b": "done", "d": "waiting"}
    asked = [path for path, _ in outreach.scoring.asked]
    assert asked.count("/audiences/match") == 1


async def test_an_event_wakes_what_waits_for_it_and_an_older_one_does_not(
    outreach: Outreach, ingest_pool: Pool
) -> None:
    document = plan(
        wait("a", events=["meeting.scheduled"], timeout_days=3, on_timeout="c"), task("b", next="end"), task("c")
    )
    account = await begin(outreach, document)
    await happens(outreach, ingest_pool, account, "meeting.scheduled", datetime.now(UTC) - timedelta(hours=1))
    await happens(outreach, ingest_pool, account, "ticket.opened")
    await happens(outreach, ingest_pool, uuid4(), "meeting.scheduled")
    assert await steps(outreach, account) == {"a": "waiting"}

    await happens(outreach, ingest_pool, account, "meeting.scheduled")
    assert await steps(outreach, account) == {"a": "done", "b": "performing"}


async def test_nobody_times_out_while_an_event_from_before_is_unread(outreach: Outreach, ingest_pool: Pool) -> None:
    document = plan(
        wait("a", events=["meeting.scheduled"], timeout_days=3, on_timeout="c"), task("b", next="end"), task("c")
    )
    account = await begin(outreach, document)
    await ingest_pool.execute(
        "insert into event (event_id, account_id, type, occurred_at, recorded_at, source, properties)"
        " select $1, $2, 'meeting.scheduled', at, at, 'tests', '{}' from"
        " (select clock_timestamp() - interval '1 day' as at)",
        str(uuid4()),
        account,
    )
    await outreach.pool.execute("update step set created_at = created_at - interval '3 days'")
    await outreach.later("step", timedelta(days=3))
    await outreach.advance()
    assert await steps(outreach, account) == {"a": "waiting"}
    await read_on(outreach)

    assert await steps(outreach, account) == {"a": "done", "b": "performing"}


async def test_a_wait_for_an_event_that_never_comes_takes_the_other_way(outreach: Outreach) -> None:
    document = plan(
        wait("a", events=["meeting.scheduled"], timeout_days=3, on_timeout="c"), task("b", next="end"), task("c")
    )
    account = await begin(outreach, document)
    await outreach.pool.execute("update step set created_at = created_at - interval '3 days'")
    await outreach.later("step", timedelta(days=3))
    await outreach.advance()

    assert await steps(outreach, account) == {"a": "done", "c": "performing"}


async def test_a_change_of_health_wakes_what_waits_for_a_condition(outreach: Outreach) -> None:
    document = plan(wait("a", when={"subject": "band", "operator": "eq", "value": "green"}, timeout_days=9), task("b"))
    account = await begin(outreach, document)
    assert await steps(outreach, account) == {"a": "waiting"}
    outreach.scoring.documents[account] = health_of(account, "green")
    await publish(outreach.scoring_pool, account, from_band="red", to_band="green")
    await read_on(outreach)

    assert await steps(outreach, account) == {"a": "done", "b": "performing"}


@pytest.mark.parametrize(("tasks", "state"), [("close", "closed"), ("keep", "open")])
async def test_recovery_ends_a_run_with_all_its_pending_steps_and_its_tasks_by_choice(
    outreach: Outreach, tasks: str, state: str
) -> None:
    exits = [{"kind": "recovered", "bands": ["green"], "tasks": tasks}]
    account = await begin(outreach, plan(task("a"), wait("b", days=1), exits=exits))
    outreach.scoring.documents[account] = health_of(account, "green")
    await publish(outreach.scoring_pool, account, from_band="red", to_band="green")
    await read_on(outreach)

    assert (await outreach.one("run", account))["end_code"] == "recovered"
    assert await steps(outreach, account) == {"a": "cancelled"}
    assert (await outreach.one("task", account))["state"] == state
    assert await outreach.outcomes(account) == [("skipped", "recovered")]


@pytest.mark.parametrize(("kind", "event"), [("replied", "message.replied"), ("churned", "churned")])
async def test_what_the_customer_does_ends_a_run_that_names_it_and_no_other(
    outreach: Outreach, ingest_pool: Pool, kind: str, event: str
) -> None:
    minded = await begin(outreach, plan(wait("a", days=5), exits=[{"kind": kind}]))
    unminded = uuid4()
    outreach.scoring.documents[unminded] = health_of(unminded)
    other = plan(wait("a", days=5)) | {"id": "other"}
    await outreach.runner.keeping.stock([other])
    await outreach.runner.by_hand.start(unminded, "other", "", "kim")
    await outreach.advance()
    await happens(outreach, ingest_pool, unminded, event)
    await happens(outreach, ingest_pool, minded, event)

    assert (await outreach.one("run", minded))["end_code"] == kind
    assert await steps(outreach, minded) == {"a": "cancelled"}
    assert (await outreach.one("run", unminded))["state"] == "running"


async def test_an_exit_that_health_decides_waits_for_an_answer_and_loses_nothing(outreach: Outreach) -> None:
    account = await begin(outreach, plan(wait("a", days=5), exits=[{"kind": "recovered", "bands": ["green"]}]))
    outreach.scoring.documents[account] = health_of(account, "green")
    await publish(outreach.scoring_pool, account, from_band="red", to_band="green")
    outreach.scoring.status = 503
    await read_on(outreach)
    assert (await outreach.one("run", account))["state"] == "running"

    outreach.scoring.status = 200
    await outreach.later("wake_cursor")
    await read_on(outreach)
    assert (await outreach.one("run", account))["end_code"] == "recovered"


async def test_a_step_that_is_woken_while_it_is_decided_is_decided_again(outreach: Outreach, ingest_pool: Pool) -> None:
    """The event comes between the claim and the writing of what was decided without it."""
    account = await begin(outreach, plan(wait("a", events=["churned"], timeout_days=3), task("b")))
    await outreach.later("step", timedelta(days=3))
    lane = outreach.runner.advancing.lane
    async with outreach.pool.acquire() as connection:
        claims = await claim(connection, lane, 10)
    assert len(claims) == 1
    await ingest_pool.execute(
        "insert into event (event_id, account_id, type, occurred_at, source, properties)"
        " values ($1, $2, 'churned', clock_timestamp(), 'tests', '{}')",
        str(uuid4()),
        account,
    )
    await asyncio.sleep(SETTLED_S + 0.05)
    await drain(outreach.pool, outreach.runner.waking.lane)
    await lane.handle(claims)
    await outreach.advance()

    assert await steps(outreach, account) == {"a": "done", "b": "performing"}


async def test_a_closed_task_lets_its_run_go_on(outreach: Outreach) -> None:
    account = await begin(outreach, plan(task("a"), wait("b", days=1)))
    row = await outreach.one("task", account)
    assert (row["title"], row["script"]) == ("Call them", "Say hello")
    await outreach.pool.execute("update step set outcome = 'helped', state = 'due', next_at = clock_timestamp()")
    await outreach.advance()

    assert await steps(outreach, account) == {"a": "done", "b": "waiting"}


async def test_two_workers_at_once_pass_every_step_once(outreach: Outreach) -> None:
    await outreach.runner.keeping.stock([plan(wait("a", days=0.00001), wait("b", days=0.00001), task("c"))])
    accounts = [uuid4() for _ in range(40)]
    for account in accounts:
        outreach.scoring.documents[account] = health_of(account)
        await outreach.runner.by_hand.start(account, PLAN, "", "kim")
    for _ in range(3):
        await asyncio.gather(*(drain(outreach.pool, outreach.runner.advancing.lane) for _ in range(4)))
        await outreach.pool.execute("update step set created_at = created_at - interval '1 hour'")
        await outreach.later("step")
    await outreach.advance()

    counted = await outreach.pool.fetch("select path, count(*)::int as n from step group by 1 order by 1")
    assert {row["path"]: row["n"] for row in counted} == {"a": 40, "b": 40, "c": 40}
    assert await outreach.pool.fetchval("select count(*) from task") == 40


async def test_a_cancelled_run_wakes_for_nothing_any_more(outreach: Outreach, ingest_pool: Pool) -> None:
    account = await begin(outreach, plan(wait("a", events=["churned"], timeout_days=3), task("b")))
    run = await outreach.one("run", account)
    await outreach.runner.resolving.cancel(run["id"], "kim")
    await happens(outreach, ingest_pool, account, "churned")

    assert await steps(outreach, account) == {"a": "cancelled"}
    assert await outreach.outcomes(account) == [("cancelled", "run_cancelled")]


async def test_a_pause_holds_a_wait_that_is_over_and_costs_it_nothing(outreach: Outreach) -> None:
    account = await begin(outreach, plan(wait("a", days=1), task("b")))
    await outreach.runner.keeping.switch(paused=True, by="test")
    await outreach.pool.execute("update step set created_at = created_at - interval '1 day'")
    await outreach.later("step")
    await outreach.advance()
    assert await steps(outreach, account) == {"a": "waiting"}

    await outreach.runner.keeping.switch(paused=False, by="test")
    await outreach.advance()
    assert await steps(outreach, account) == {"a": "done", "b": "performing"}


@pytest.mark.parametrize(
    ("word", "then"), [("false_alarm", "done"), ("helped", "after"), ("no_effect", "other"), (None, "other")]
)
async def test_a_branch_goes_by_what_came_of_a_task(outreach: Outreach, word: OutcomeWord | None, then: str) -> None:
    def case(value: str, to: str) -> dict[str, Any]:
        return {"when": {"subject": "outcome.call", "value": value}, "next": to}

    branch = {"id": "which", "kind": "branch", "cases": [case("false_alarm", "end"), case("helped", "after")],
              "otherwise": "other"}  # fmt: skip
    unasked = wait("never", days=1, only_if={"subject": "outcome.call", "operator": "unknown"})
    account = await begin(
        outreach, plan(task("call"), unasked, branch, wait("after", days=1, next="end"), wait("other", days=1))
    )
    given = await outreach.one("task", account)
    if word is None:
        await outreach.runner.tending.skip(given["id"], "nobody there", "kim")
    else:
        await outreach.runner.tending.complete(given["id"], Outcome(word, "so it was", 5), "kim")
    for _ in range(3):
        await outreach.advance()

    run = await outreach.one("run", account)
    found = await steps(outreach, account)
    assert (
        run["state"] if then == "done" else next(path for path, state in found.items() if state == "waiting")
    ) == then
