"""Claims about calls that follow a call: one that hangs on nothing is begun with the end of the one before it."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from support.calls import WEBHOOK, Calls, playbook
from support.outreach import Outreach, health_of
from support.receiver import receiver


@pytest.fixture
async def hook(outreach: Outreach) -> AsyncIterator[Calls]:
    async with receiver() as server:
        yield Calls(outreach, WEBHOOK, server)


async def steps(hook: Calls, account: UUID) -> list[tuple[str, str]]:
    rows = await hook.outreach.pool.fetch("select path, state from step where account_id = $1 order by path", account)
    return [(row["path"], row["state"]) for row in rows]


async def test_calls_in_a_row_are_made_without_anybody_looking_at_their_steps(hook: Calls) -> None:
    await hook.set_up(steps=3)
    accounts = await hook.intended(5)
    await hook.perform()

    assert [taken.json["data"]["step"] for taken in hook.server.taken].count("call-3") == 5
    assert len({taken.headers["webhook-id"] for taken in hook.server.taken}) == 15 == len(hook.server.taken)
    for account in accounts:
        assert await steps(hook, account) == [(f"call-{number}", "done") for number in (1, 2, 3)]
        assert (await hook.outreach.one("run", account))["end_code"] == "completed"
        assert await hook.outreach.outcomes(account) == [("sent", "sent")] * 3


async def test_the_next_call_is_not_made_when_its_reason_is_gone_by_then(hook: Calls) -> None:
    await hook.set_up(steps=2)
    (account,) = await hook.intended()
    hook.server.answers = [503]
    await hook.perform()
    assert await steps(hook, account) == [("call-1", "performing")]

    await hook.outreach.later("effect")
    hook.outreach.scoring.documents[account] = health_of(account, "green")
    await hook.perform()
    assert (await hook.outreach.one("run", account))["end_code"] == "recovered"
    assert {taken.json["data"]["step"] for taken in hook.server.taken} == {"call-1"}


async def test_what_a_pause_holds_is_begun_when_it_is_over_by_the_version_of_then(hook: Calls) -> None:
    await hook.set_up(steps=2)
    (account,) = await hook.intended()
    hook.server.slow_s = 0.3
    performing = asyncio.create_task(hook.perform())
    while not hook.server.taken:  # noqa: ASYNC110 - a server outside says nothing
        await asyncio.sleep(0.01)
    await hook.outreach.pool.execute("update control set paused = true")
    await performing
    assert await steps(hook, account) == [("call-1", "done"), ("call-2", "due")]

    second = playbook(WEBHOOK, 2) | {"version": 2}
    second["steps"][1]["only_if"] = {"subject": "band", "operator": "eq", "value": "green"}
    await hook.outreach.runner.keeping.stock([second])
    await hook.outreach.pool.execute("update run set version = 2")
    await hook.outreach.runner.keeping.switch(paused=False, by="kim")
    await hook.outreach.advance()
    await hook.perform()
    assert await steps(hook, account) == [("call-1", "done"), ("call-2", "skipped")]
    assert len(hook.server.taken) == 1
