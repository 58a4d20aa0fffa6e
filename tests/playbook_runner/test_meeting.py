"""Claims about runs that something happens to while they are looked at: it is neither missed nor undone."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from support.held_up import somebody_waits, waits_or_ends
from support.outreach import Outreach, health_of, publish
from support.plans_on_their_way import PLAN, begin, happens, plan, steps, task, wait

from milepost_runtime.database import Pool
from milepost_runtime.lanes import Claim, claim, drain
from playbook_runner.queries import playbooks
from playbook_runner.queries.waking import SETTLED_S


async def begin_before_a_move(outreach: Outreach, document: dict[str, Any], before: dict[str, Any]) -> UUID:
    """Begin by a version of the plan that has taken the place of another one, to which runs may move back."""
    await outreach.runner.keeping.stock([before | {"version": 1}])
    return await begin(outreach, document | {"version": 2})


async def test_a_run_that_moves_while_its_step_is_looked_at_goes_on_by_the_version_that_it_moved_to(
    outreach: Outreach,
) -> None:
    exits = [{"kind": "recovered", "bands": ["green"]}]
    here, there = wait("old", days=90), task("new")
    account = await begin_before_a_move(
        outreach, plan(wait("a", days=1), here, exits=exits), plan(wait("a", days=1), there, exits=exits)
    )
    await outreach.pool.execute("update step set created_at = created_at - interval '1 day'")
    await outreach.later("step")
    outreach.scoring.delay_s = 0.4
    advancing = asyncio.create_task(outreach.advance())
    await asyncio.sleep(0.2)
    assert (await outreach.runner.releasing.rollback(PLAN, "move", "kim")).moved == 1
    await advancing
    await outreach.advance()

    assert await steps(outreach, account) == {"a": "done", "new": "performing"}
    assert (await outreach.one("run", account))["version"] == 1


async def test_a_mail_that_is_worded_while_its_run_moves_goes_out_in_the_words_of_the_version_that_it_moved_to(
    outreach: Outreach,
) -> None:
    mail = {"id": "say", "kind": "email", "to": "owner", "subject": "Before", "text": "Hello {{ account.name }}"}
    await begin_before_a_move(outreach, plan(mail), plan(mail | {"subject": "After"}))
    outreach.scoring.delay_s = 0.4
    performing = asyncio.create_task(outreach.perform())
    await asyncio.sleep(0.2)
    assert (await outreach.runner.releasing.rollback(PLAN, "move", "kim")).moved == 1
    await performing
    await outreach.perform()

    assert [one["Subject"] for one in outreach.mail.mails] == ["After"]


async def held_mail(outreach: Outreach, all_of_it: bool) -> tuple[UUID, list[Claim]]:
    """A pause has held a mail for nine days; return its account, and the mail claimed by who looks at it again."""
    mail = {"id": "say", "kind": "email", "to": "owner", "subject": "Hello", "text": "Hello {{ account.name }}"}
    account = await begin(outreach, plan(mail))
    await pause(outreach, all_of_it, paused=True)
    await outreach.perform()
    await outreach.pool.execute("update effect set asked_at = asked_at - interval '9 days'")
    await outreach.pool.execute("update ledger set at = at - interval '9 days'")
    await outreach.later("effect")
    async with outreach.pool.acquire() as connection:
        return account, await claim(connection, outreach.runner.performing.lane, 10)


async def pause(outreach: Outreach, all_of_it: bool, *, paused: bool) -> None:
    if all_of_it:
        await outreach.runner.keeping.switch(paused=paused, by="kim")
    else:
        await outreach.runner.keeping.set_state(PLAN, "paused" if paused else "active", "kim")


WAITED = "select clock_timestamp() - asked_at from effect"


@pytest.mark.parametrize("all_of_it", [True, False], ids=["all outreach", "one playbook"])
async def test_a_mail_that_is_resumed_while_a_worker_puts_it_off_goes_out_at_once_and_has_not_waited(
    outreach: Outreach, all_of_it: bool
) -> None:
    account, claims = await held_mail(outreach, all_of_it)
    async with outreach.pool.acquire() as other, other.transaction():
        await other.execute("select from run where account_id = $1 for update", account)
        performing = asyncio.create_task(outreach.runner.performing.perform(claims))
        await somebody_waits(other)
        resuming = asyncio.create_task(pause(outreach, all_of_it, paused=False))
        await waits_or_ends(other, resuming)
    await asyncio.gather(performing, resuming)

    assert await outreach.pool.fetchval(WAITED) < timedelta(days=1)
    await outreach.perform()
    assert len(outreach.mail.raw) == 1


async def test_a_mail_that_was_resumed_before_a_worker_puts_it_off_is_not_put_off_and_has_not_waited(
    outreach: Outreach,
) -> None:
    account, claims = await held_mail(outreach, all_of_it=False)
    async with outreach.pool.acquire() as other, other.transaction():
        await playbooks.lock_playbook(other, PLAN)
        performing = asyncio.create_task(outreach.runner.performing.perform(claims))
        await somebody_waits(other)
        await playbooks.set_state(other, PLAN, "active")
        await playbooks.wake_held(other, PLAN)
    await performing

    assert await outreach.pool.fetchval(WAITED) < timedelta(days=1)
    assert await outreach.outcomes(account) == [("deferred", "paused")]
    await outreach.perform()
    assert len(outreach.mail.raw) == 1


async def test_a_moved_run_is_woken_by_what_its_new_version_waits_for_from_that_moment_on(
    outreach: Outreach, ingest_pool: Pool
) -> None:
    account = await begin_before_a_move(
        outreach,
        plan(wait("a", events=["churned"], timeout_days=3, on_timeout="c"), task("b"), task("c")),
        plan(wait("a", events=["meeting.scheduled"], timeout_days=3, on_timeout="c"), task("b"), task("c")),
    )
    await outreach.runner.keeping.switch(paused=True, by="test")
    await outreach.runner.releasing.rollback(PLAN, "move", "kim")
    await happens(outreach, ingest_pool, account, "churned")
    await happens(outreach, ingest_pool, account, "meeting.scheduled")
    await outreach.runner.keeping.switch(paused=False, by="test")
    await outreach.advance()

    assert await steps(outreach, account) == {"a": "done", "b": "performing"}


@pytest.mark.parametrize("held_up", ["a pause", "silence"])
async def test_an_event_reaches_a_wait_that_nobody_could_look_at_yet(
    outreach: Outreach, ingest_pool: Pool, held_up: str
) -> None:
    """The run has come to its wait, and stands there due: for a pause, or as nobody answers how the account does."""
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account, "red")
    first = wait("a", events=["meeting.scheduled"], timeout_days=3, on_timeout="c")
    exits = [{"kind": "recovered", "bands": ["green"]}]
    await outreach.runner.keeping.stock([plan(first, task("b", next="end"), task("c"), exits=exits)])
    await outreach.runner.by_hand.start(account, PLAN, "a hunch", "kim")
    outreach.scoring.status = 503 if held_up == "silence" else 200
    await outreach.runner.keeping.switch(paused=held_up == "a pause", by="test")
    await outreach.advance()
    assert await steps(outreach, account) == {"a": "due"}
    await happens(outreach, ingest_pool, account, "meeting.scheduled")

    outreach.scoring.status = 200
    await outreach.runner.keeping.switch(paused=False, by="test")
    await outreach.later("step")
    await outreach.advance()
    assert await steps(outreach, account) == {"a": "done", "b": "performing"}


async def test_a_change_while_a_branch_asks_for_the_first_time_is_not_missed(outreach: Outreach) -> None:
    """What decides the branch becomes known after it was asked about, and before what was decided is written."""
    case = {"when": {"subject": "attribute.plan", "value": "gold"}, "next": "b"}
    branch = {"id": "a", "kind": "branch", "cases": [case], "otherwise": "c", "timeout_days": 5}
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account, "red")
    await outreach.runner.keeping.stock([plan(branch, task("b", next="end"), task("c"))])
    await outreach.runner.by_hand.start(account, PLAN, "a hunch", "kim")
    lane = outreach.runner.advancing.lane
    async with outreach.pool.acquire() as connection:
        claims = await claim(connection, lane, 10)
    outreach.scoring.delay_s = 2 * SETTLED_S
    advancing = asyncio.create_task(lane.handle(claims))
    await asyncio.sleep(0.1)
    await publish(outreach.scoring_pool, account)
    await asyncio.sleep(SETTLED_S + 0.05)
    await drain(outreach.pool, outreach.runner.waking.lane)
    await advancing
    assert await steps(outreach, account) == {"a": "due"}
    outreach.scoring.delay_s = 0.0
    outreach.scoring.attributes[account] = {"plan": "gold"}
    await outreach.advance()

    assert await steps(outreach, account) == {"a": "done", "b": "performing"}


async def test_a_run_that_was_stopped_while_nobody_answered_about_it_waits_for_no_answer(outreach: Outreach) -> None:
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account, "red")
    await outreach.runner.keeping.stock([plan(wait("a", days=5), exits=[{"kind": "recovered", "bands": ["green"]}])])
    run = await outreach.runner.by_hand.start(account, PLAN, "a hunch", "kim")
    outreach.scoring.status, outreach.scoring.delay_s = 503, 0.4
    advancing = asyncio.create_task(outreach.advance())
    await asyncio.sleep(0.2)
    await outreach.runner.resolving.cancel(run, "kim")
    await advancing

    step = await outreach.one("step", account)
    assert (step["state"], step["next_at"]) == ("cancelled", None)
    assert await outreach.outcomes(account) == [("cancelled", "run_cancelled")]
