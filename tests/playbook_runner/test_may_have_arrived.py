"""Claims about effects one of whose tries may have arrived: nobody says of them that nothing was done."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import pytest
from support.calls import SLACK, WEBHOOK, Calls
from support.hubspot_portal import PORTAL, Portal
from support.outreach import Outreach
from support.receiver import CHANNEL, receiver

from milepost_core.cadence import Leave
from milepost_core.effects import RETRY_AFTER_S
from playbook_runner.arbiter.suppressing import Word
from playbook_runner.connections.connecting import NewOutlet
from playbook_runner.runs.stopping import Leaving, stop

REST = "update destination set resting_until = clock_timestamp() + interval '10 minutes'"
LIMITED = b"HTTP/1.1 429 so\r\nretry-after: 300\r\ncontent-length: 0\r\n\r\n"
NOTE = {
    "format": "playbook/1", "id": "into-the-crm", "version": 1, "name": "Into the CRM", "purpose": "Writes a note.",
    "trigger": {"kind": "band_changed", "to": ["red"], "direction": "down"},
    "steps": [{"id": "write", "kind": "crm", "connection": "our-crm", "writes": "note", "fields": {"body": "red"}}],
}  # fmt: skip


@pytest.fixture
async def hook(outreach: Outreach) -> AsyncIterator[Calls]:
    async with receiver() as server:
        calls = Calls(outreach, WEBHOOK, server)
        await calls.set_up()
        yield calls


@pytest.fixture
async def room(outreach: Outreach) -> AsyncIterator[Calls]:
    async with receiver(slack=True) as server:
        calls = Calls(outreach, SLACK, server)
        await calls.set_up()
        yield calls


async def days(calls: Calls, count: int = 1) -> None:
    for _ in range(count):
        await calls.outreach.later("effect")
        await calls.perform()


async def lost(calls: Calls) -> UUID:
    """Let one webhook's answer be lost and its repetition be due."""
    await calls.outreach.start()
    (account,) = await calls.intended()
    calls.server.answers = ["cut"]
    await calls.perform()
    await days(calls)
    assert await calls.states() == {"ready": 1}
    return account


async def cancel(calls: Calls, account: UUID) -> None:
    await calls.outreach.runner.resolving.cancel((await calls.outreach.one("run", account))["id"], "Dana")


async def hold(calls: Calls, account: UUID) -> None:
    await calls.outreach.runner.suppressing.say(Word("legal_hold", None, account, "a claim", "Dana", None))


async def refuse(calls: Calls, _account: UUID) -> None:
    calls.server.answers = [404]


async def end_unseen(calls: Calls, account: UUID) -> None:
    """The run is over before a worker that holds the effect comes to it."""
    await calls.outreach.pool.execute("update run set state = 'cancelled' where account_id = $1", account)


async def switch_off(calls: Calls, _account: UUID) -> None:
    runner, pool = calls.outreach.runner, calls.outreach.pool
    await runner.outlets.change(await pool.fetchval("select id from outlet"), {"active": False})
    await asyncio.sleep(2.2)


@pytest.mark.parametrize("what", [cancel, hold, refuse, end_unseen, switch_off], ids=lambda what: what.__name__)
async def test_what_a_receiver_may_have_taken_is_parked_whatever_keeps_it_from_its_next_try(
    hook: Calls, what: Callable[[Calls, UUID], Awaitable[None]]
) -> None:
    account = await lost(hook)
    await what(hook, account)
    await days(hook, 3)

    effect = await hook.outreach.one("effect", account)
    assert (effect["state"], effect["next_at"]) == ("parked", None)
    assert "may have arrived" in effect["reason"]
    assert (await hook.outreach.outcomes(account)).count(("parked", "nobody_can_know")) == 1
    assert {"cancelled", "suppressed", "failed"} & {one for one, _ in await hook.outreach.outcomes(account)} <= (
        {"cancelled"} if what is cancel else set()
    )
    await hook.outreach.runner.resolving.resolve(effect["key"], "sent", "Dana")
    assert (await hook.outreach.one("effect", account))["state"] == "done"
    assert (await hook.outreach.one("step", account))["state"] == "done"


async def test_what_is_parked_as_its_run_is_over_says_why_that_ended(hook: Calls) -> None:
    await hook.outreach.start()
    (account,) = await hook.intended()
    hook.server.answers = ["cut"]
    await hook.perform()
    run = await hook.outreach.one("run", account)
    async with hook.outreach.pool.acquire() as connection, connection.transaction():
        await stop(connection, [Leaving(run["id"], Leave("replied", "the customer answered"))])
    await days(hook, 3)

    effect = await hook.outreach.one("effect", account)
    assert effect["state"] == "parked"
    assert effect["reason"].endswith("its run is over: the customer answered")


async def test_what_was_answered_500_is_parked_when_its_run_is_cancelled(hook: Calls) -> None:
    (account,) = await hook.intended()
    hook.server.answers = [500]
    await hook.perform()
    await cancel(hook, account)
    assert await hook.states() == {"parked": 1}
    assert (await hook.outreach.one("step", account))["state"] == "performing"


async def test_what_surely_did_not_arrive_is_cancelled_with_its_run(hook: Calls) -> None:
    (account,) = await hook.intended()
    hook.server.answers = [LIMITED]
    await hook.perform()
    await cancel(hook, account)
    assert await hook.states() == {"cancelled": 1}


async def test_a_webhook_whose_tries_are_used_up_is_a_dead_letter_that_goes_again_under_its_key(hook: Calls) -> None:
    (account,) = await hook.intended()
    hook.server.answers = [500] * 11
    for _ in range(11):
        await hook.perform()
        await hook.outreach.pool.execute("truncate destination")
        await hook.outreach.later("effect")
    assert await hook.states() == {"failed_permanent": 1}
    await hook.outreach.runner.resending.one((await hook.outreach.one("effect", account))["key"], "Dana")
    await hook.perform()
    assert await hook.states() == {"done": 1}
    assert len({(taken.headers["webhook-id"], taken.body) for taken in hook.server.taken}) == 1


async def test_a_busy_channel_of_slack_is_searched_from_the_doubtful_try_on(room: Calls) -> None:
    (account,) = await room.intended()
    await room.outreach.pool.execute("update effect set created_at = created_at - interval '3 days'")
    room.server.slack_errors, room.server.slack_keeps = ["internal_error"], True
    await room.perform()
    room.server.slack_keeps = False
    room.server.messages += [{"ts": f"{time.time():.6f}", "text": "y" * 4000} for _ in range(150)]
    asked = len(room.server.taken)
    await days(room)

    assert (await room.outreach.one("effect", account))["state"] == "done"
    (question,) = room.server.taken[asked:]
    oldest = float(dict(part.split("=") for part in question.body.decode().split("&"))["oldest"])
    assert time.time() - 300 < oldest < time.time() - 60


async def doubtful(room: Calls, count: int) -> None:
    await room.intended(count)
    await room.outreach.pool.execute(
        "update effect set state = 'in_doubt', attempts = 1, next_at = clock_timestamp(),"
        f""" payload = convert_to('{{"channel":"{CHANNEL}","text":"x"}}', 'utf8')"""
    )


async def test_questions_about_doubt_keep_to_the_rest_that_a_receiver_asked_for(room: Calls) -> None:
    await doubtful(room, 1)
    room.server.answers = [LIMITED]
    await room.perform()
    await doubtful(room, 5)
    await room.perform()
    assert len(room.server.taken) == 1
    assert await room.states() == {"in_doubt": 6}
    waits = await room.outreach.pool.fetch(
        "select extract(epoch from next_at - clock_timestamp())::float8 from effect order by 1 desc limit 5"
    )
    assert all(290 < row[0] < 455 for row in waits), waits

    await room.outreach.pool.execute("truncate destination")
    await days(room, 3)
    assert await room.states() == {"done": 6}


async def test_questions_about_doubt_keep_to_the_rate(room: Calls) -> None:
    await room.outreach.runner.outlets.change(
        await room.outreach.pool.fetchval("select id from outlet"), {"rate_per_s": 5.0}
    )
    await doubtful(room, 30)
    began = time.monotonic()
    await room.perform()
    assert len(room.server.taken) <= 5 * (time.monotonic() - began + 1) + 1


async def hubspot(outreach: Outreach, portal: Portal) -> UUID:
    portal.companies["90210"] = {"name": "Aurora Logistics"}
    await outreach.pool.execute("truncate playbook, outlet")
    await outreach.runner.keeping.stock([NOTE])
    new = NewOutlet("our-crm", "hubspot", portal.settings, {"token": "pat-eu1-first-token"}, rate_per_s=1000.0)
    row, _ = await outreach.runner.outlets.create(new)
    await outreach.runner.setting_up.set_up(row["id"])
    account = await outreach.drop(references=(f"hubspot:{PORTAL}:90210",))
    await outreach.start()
    await outreach.advance()
    return account


async def test_what_a_crm_says_it_never_got_can_be_sent_again_after_a_refusal(
    outreach: Outreach, portal: Portal
) -> None:
    account = await hubspot(outreach, portal)
    portal.broken = [500, 400]
    for _ in range(5):
        await outreach.perform()
        await outreach.later("effect")
    effect = await outreach.one("effect", account)
    assert (effect["state"], await outreach.attempts(account)) == ("failed_permanent", ["not_done", "refused"])

    await outreach.runner.resending.one(effect["key"], "Dana")
    await outreach.perform()
    assert (await outreach.one("effect", account))["state"] == "done"
    assert len(portal.things["notes"]) == 1


async def test_doubt_that_goes_round_is_told_once(outreach: Outreach, portal: Portal) -> None:
    account = await hubspot(outreach, portal)
    portal.broken = [500] * 50
    for _ in range(3 * len(RETRY_AFTER_S)):
        await outreach.perform()
        await outreach.pool.execute("truncate destination")
        await outreach.later("effect")

    assert (await outreach.one("effect", account))["state"] == "parked"
    assert len(portal.things["notes"]) == 0
    assert await outreach.outcomes(account) == [
        ("in_doubt", "answer_lost"), ("deferred", "resend"), ("parked", "nobody_can_know")
    ]  # fmt: skip
