"""Claims about effects whose receiver does not say what became of them: other tries are fewer, later, and the same."""

from collections.abc import AsyncIterator

import pytest
from support.calls import SLACK, WEBHOOK, Calls
from support.outreach import Outreach
from support.receiver import receiver

from milepost_core.effects import RETRY_AFTER_S

LIMITED = b"HTTP/1.1 429 so\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n"
WAIT = "select extract(epoch from next_at - clock_timestamp())::float8 from effect"


@pytest.fixture
async def hook(outreach: Outreach) -> AsyncIterator[Calls]:
    async with receiver() as server:
        calls = Calls(outreach, WEBHOOK, server)
        await calls.set_up()
        yield calls


async def due(calls: Calls) -> None:
    """Let a day pass for effects, and for what is known about receivers."""
    await calls.outreach.later("effect")
    await calls.outreach.pool.execute("truncate destination")


async def test_a_call_whose_answer_is_always_lost_is_made_ever_later_and_then_left_to_a_person(hook: Calls) -> None:
    (account,) = await hook.intended()
    hook.server.answers = ["cut"] * 100
    waits = []
    for _ in range(4 * len(RETRY_AFTER_S)):
        await hook.perform()
        if await hook.states() == {"ready": 1}:
            waits.append(await hook.outreach.pool.fetchval(WAIT))
        await due(hook)

    assert len(hook.server.taken) == len(RETRY_AFTER_S) + 1
    assert len({taken.body for taken in hook.server.taken}) == 1
    assert all(0.7 * wait < found < 1.3 * wait for wait, found in zip(RETRY_AFTER_S, waits, strict=True)), waits
    assert await hook.states() == {"parked": 1}
    assert "no try is left" in (await hook.outreach.one("effect", account))["reason"]


async def test_slack_that_cannot_be_asked_for_a_day_is_left_to_a_person(outreach: Outreach) -> None:
    async with receiver(slack=True) as server:
        calls = Calls(outreach, SLACK, server)
        await calls.set_up()
        (account,) = await calls.intended()
        server.answers = ["cut", 503]
        await calls.perform()
        await due(calls)
        await calls.perform()
        assert await calls.states() == {"in_doubt": 1}
        assert 20 < await outreach.pool.fetchval(WAIT) < 40

        await outreach.pool.execute("update attempt set ended_at = ended_at - interval '1 hour'")
        server.answers = [503]
        await due(calls)
        await calls.perform()
        assert 280 < await outreach.pool.fetchval(WAIT) < 450

        await outreach.pool.execute("update attempt set ended_at = ended_at - interval '1 day'")
        server.answers = [503]
        await due(calls)
        await calls.perform()
        assert await calls.states() == {"parked": 1}
        assert "could not be asked" in (await outreach.one("effect", account))["reason"]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_what_a_receiver_may_have_taken_keeps_its_words_whatever_comes_after(hook: Calls, status: int) -> None:
    (account,) = await hook.intended()
    hook.server.answers = [status, LIMITED]
    await hook.perform()
    hook.outreach.scoring.documents[account] = hook.outreach.scoring.documents[account].model_copy(
        update={"summary": "another day", "score": 12.5}
    )
    for _ in range(3):
        await due(hook)
        await hook.perform()

    assert len(hook.server.taken) == 3
    assert len({(taken.headers["webhook-id"], taken.body) for taken in hook.server.taken}) == 1
    assert await hook.outreach.attempts(account) == ["unknown", "try_later", "done"]


async def test_what_a_receiver_surely_did_not_take_says_what_is_true_when_it_is_sent(hook: Calls) -> None:
    (account,) = await hook.intended()
    hook.server.answers = [LIMITED]
    await hook.perform()
    hook.outreach.scoring.documents[account] = hook.outreach.scoring.documents[account].model_copy(
        update={"score": 12.5}
    )
    await due(hook)
    await hook.perform()

    assert [taken.json["data"]["health"]["score"] for taken in hook.server.taken][1] == "12.5"
    assert len({taken.headers["webhook-id"] for taken in hook.server.taken}) == 1


async def test_one_answer_of_a_day_is_shown_keeps_others_for_an_hour_and_ends_when_the_connection_is_changed(
    hook: Calls,
) -> None:
    await hook.intended()
    hook.server.answers = [b"HTTP/1.1 503 so\r\nretry-after: 86400\r\ncontent-length: 0\r\n\r\n"]
    await hook.perform()
    (late,) = await hook.intended()
    await hook.perform()
    effect, pool = await hook.outreach.one("effect", late), hook.outreach.pool
    assert effect["reason"] == "its receiver has asked to be left alone for a while"
    assert 3500 < await pool.fetchval(f"{WAIT} where account_id = $1", late) < 5500
    assert await pool.fetchval(f"{WAIT} where account_id <> $1", late) > 86_000

    await hook.outreach.runner.outlets.change(await pool.fetchval("select id from outlet"), {"rate_per_s": 50.0})
    await hook.perform()
    assert await hook.states() == {"done": 2}
    assert [one.resting_until for one in (await hook.outreach.runner.overseeing.destinations()).data] == [None]


async def test_what_waits_for_a_better_hour_is_not_hurried_by_a_changed_connection(hook: Calls) -> None:
    (account,) = await hook.intended()
    await hook.outreach.pool.execute("update control set paused = true")
    await hook.perform()
    before = (await hook.outreach.one("effect", account))["next_at"]
    await hook.outreach.runner.outlets.change(await hook.outreach.pool.fetchval("select id from outlet"), {})
    assert (await hook.outreach.one("effect", account))["next_at"] == before


async def test_those_who_were_asked_to_wait_do_not_come_back_at_once(hook: Calls) -> None:
    await hook.intended(60)
    hook.server.answers = [b"HTTP/1.1 429 so\r\nretry-after: 100\r\ncontent-length: 0\r\n\r\n"] * 20
    await hook.perform()
    await hook.intended(40)
    await hook.perform()

    waits = sorted(row[0] for row in await hook.outreach.pool.fetch(f"{WAIT} where state = 'ready'"))
    assert waits[0] > 95
    assert waits[-1] - waits[0] > 30
    assert max(sum(start <= wait < start + 5 for wait in waits) for start in range(95, 155)) < len(waits) / 3
