"""Claims about calls over HTTP: signed, once, told apart when the answer is lost; sick receivers are left alone."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from support.calls import SECRET, SLACK, TOKEN, WEBHOOK, Calls
from support.outreach import Outreach
from support.receiver import CHANNEL, receiver

from milepost_core.destinations import LEAST_CALLS
from milepost_core.effects import RETRY_AFTER_S
from milepost_runtime.guard import Inside
from milepost_runtime.lanes import drain
from milepost_runtime.lines import Lines
from playbook_runner.actions.webhook import signature
from playbook_runner.effects.pacing import CALLS_AT_ONCE


@pytest.fixture
async def hook(outreach: Outreach) -> AsyncIterator[Calls]:
    async with receiver() as server:
        calls = Calls(outreach, WEBHOOK, server)
        await calls.set_up()
        yield calls


@pytest.fixture
async def slack(outreach: Outreach) -> AsyncIterator[Calls]:
    async with receiver(slack=True) as server:
        calls = Calls(outreach, SLACK, server)
        await calls.set_up()
        yield calls


async def due_again(calls: Calls) -> None:
    """Let a day pass for effects, and for what is known about receivers."""
    await calls.outreach.later("effect")
    await calls.outreach.pool.execute(
        "update destination set probe_at = probe_at - interval '1 day', free_at = free_at - interval '1 day',"
        " resting_until = resting_until - interval '1 day',"
        " since = since - interval '1 day', booked_to = booked_to - interval '1 day'"
    )


def test_a_signature_is_the_one_that_the_specification_names() -> None:
    body = b'{"test": 2432232314}'
    signed = signature([SECRET], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature([SECRET, SECRET], "a", 1, b"") == " ".join([signature([SECRET], "a", 1, b"")] * 2)


async def test_a_webhook_gets_one_signed_call_that_names_its_effect(hook: Calls) -> None:
    (account,) = await hook.intended()
    await hook.perform()
    (taken,) = hook.server.taken
    effect = await hook.outreach.one("effect", account)
    name, stamp = taken.headers["webhook-id"], taken.headers["webhook-timestamp"]
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = hmac.digest(key, f"{name}.{stamp}.".encode() + taken.body, hashlib.sha256)

    assert name == f"msg_{effect['key'].hex()}"
    assert taken.headers["webhook-signature"] == f"v1,{base64.b64encode(expected).decode()}"
    assert taken.json["data"]["fields"] == {"said": "Aurora Logistics is red"}
    assert taken.body == effect["payload"]
    assert (effect["state"], (await hook.outreach.one("run", account))["end_code"]) == ("done", "completed")
    assert await hook.outreach.outcomes(account) == [("sent", "sent")]


@pytest.mark.parametrize("answer", ["cut", "silence", "garbage"])
async def test_a_call_whose_answer_was_lost_is_repeated_under_its_key_and_no_other(hook: Calls, answer: str) -> None:
    lane = replace(hook.outreach.runner.performing, channels=quick(hook, "webhook")).lane
    (account,) = await hook.intended()
    hook.server.answers = [answer]
    await drain(hook.outreach.pool, lane)
    assert await hook.states() == {"in_doubt": 1}
    await drain(hook.outreach.pool, lane)
    assert len(hook.server.taken) == 1

    for _ in range(3):
        await hook.outreach.later("effect")
        await drain(hook.outreach.pool, lane)
    first, second = hook.server.taken
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert await hook.outreach.attempts(account) == ["unknown", "done"]


def quick(calls: Calls, name: str) -> dict[str, object]:
    """Return the channels with short patience in one of them."""
    channels = dict(calls.outreach.runner.performing.channels)
    return channels | {name: replace(channels[name], timeout_s=0.3)}  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("answer", "state", "told"),
    [
        (400, "failed_permanent", ("failed", "refused")),
        (302, "failed_permanent", ("failed", "refused")),
        (503, "ready", ("deferred", "not_now")),
        (429, "ready", ("deferred", "not_now")),
        (408, "ready", ("deferred", "not_now")),
    ],
)
async def test_a_status_says_whether_a_call_is_made_again(
    hook: Calls, answer: int, state: str, told: tuple[str, str]
) -> None:
    (account,) = await hook.intended()
    hook.server.answers = [answer]
    await hook.perform()

    assert await hook.states() == {state: 1}
    assert str(answer) in (await hook.outreach.one("effect", account))["reason"]
    assert await hook.outreach.outcomes(account) == [told]
    assert len(hook.server.taken) == 1


async def test_a_wish_to_wait_is_kept_for_everybody_who_calls_there(hook: Calls) -> None:
    await hook.intended()
    hook.server.answers = [b"HTTP/1.1 429 so\r\nretry-after: 600\r\ncontent-length: 0\r\n\r\n"]
    await hook.perform()
    waits = "select extract(epoch from next_at - clock_timestamp())::float8 from effect"
    assert 550 < await hook.outreach.pool.fetchval(waits) <= 900

    late = await hook.intended(3)
    await hook.perform()
    assert len(hook.server.taken) == 1
    assert await hook.outreach.pool.fetchval("select max(attempts) from effect where reason like '%left alone%'") == 0
    assert [await hook.outreach.outcomes(one) for one in late] == [[("deferred", "resting")]] * 3
    (shown,) = (await hook.outreach.runner.overseeing.destinations()).data
    assert (shown.circuit, shown.resting_until is not None) == ("closed", True)


async def test_who_wants_no_calls_any_more_gets_none(hook: Calls) -> None:
    await hook.intended()
    hook.server.answers = [410]
    await hook.perform()
    assert await hook.outreach.pool.fetchval("select active from outlet") is False

    hook.outreach.runner.performing.channels["webhook"].doors._known.clear()  # type: ignore[attr-defined]
    (account,) = await hook.intended()
    await hook.perform()
    assert (await hook.outreach.one("effect", account))["state"] == "failed_permanent"
    assert len(hook.server.taken) == 1


async def test_a_sick_receiver_is_left_alone_and_costs_nobody_a_try(hook: Calls) -> None:
    await hook.intended(LEAST_CALLS)
    hook.server.answers = [500] * 1_000
    await hook.perform()
    assert len(hook.server.taken) == LEAST_CALLS

    late = await hook.intended(10)
    await hook.perform()
    assert len(hook.server.taken) == LEAST_CALLS
    held = [await hook.outreach.one("effect", account) for account in late]
    assert {(one["state"], one["attempts"]) for one in held} == {("ready", 0)}
    assert await hook.outreach.outcomes(late[0]) == [("deferred", "circuit_open")]

    await hook.outreach.pool.execute("update destination set probe_at = clock_timestamp()")
    await hook.outreach.later("effect")
    await hook.perform()
    assert len(hook.server.taken) == LEAST_CALLS + 1

    hook.server.answers.clear()
    await due_again(hook)
    await hook.perform()
    await due_again(hook)
    await hook.perform()
    assert await hook.states() == {"done": LEAST_CALLS + 10}


async def test_a_receiver_that_is_away_gets_every_try_and_then_ends_on_the_dead_letter_list(hook: Calls) -> None:
    (account,) = await hook.intended()
    for _ in range(len(RETRY_AFTER_S) + 1):
        hook.server.answers = [500]
        await hook.perform()
        await due_again(hook)

    assert len(hook.server.taken) == len(RETRY_AFTER_S) + 1
    assert await hook.states() == {"failed_permanent": 1}
    assert (await hook.outreach.one("run", account))["end_code"] == "failed"


async def test_what_failed_for_good_is_on_the_dead_letter_list_and_sick_receivers_are_shown(hook: Calls) -> None:
    failed = await hook.intended(3)
    hook.server.answers = [400, 400, 404]
    await hook.perform()
    overseeing = hook.outreach.runner.overseeing
    page = await overseeing.dead_letters(None, None, 2)

    assert sum(one.count for one in page.counts) == len(failed)
    assert [(one.destination, one.count) for one in page.counts] == [("hook", 2), ("hook", 1)]
    rest = await overseeing.dead_letters("hook", bytes.fromhex(page.next_cursor or ""), 2)
    assert {one.account_id for one in (*page.data, *rest.data)} == set(failed)
    assert (await overseeing.dead_letters("elsewhere", None, 2)).data == []

    await hook.outreach.pool.execute("update destination set probe_at = clock_timestamp()")
    (shown,) = (await overseeing.destinations()).data
    assert (shown.name, shown.circuit, shown.good, shown.waiting) == ("hook", "open", 3, 0)


async def test_a_connection_that_leads_inside_is_never_called(hook: Calls) -> None:
    (account,) = await hook.intended()
    performing = hook.outreach.runner.performing
    webhook = replace(performing.channels["webhook"], lines=Lines(Inside()))  # type: ignore[type-var]
    await drain(hook.outreach.pool, replace(performing, channels={"webhook": webhook}).lane)

    assert hook.server.connections == 0
    assert (await hook.outreach.one("effect", account))["state"] == "failed_permanent"
    assert await hook.outreach.attempts(account) == ["not_reached"]


async def test_a_hundred_calls_share_lines_and_transactions(hook: Calls) -> None:
    await hook.intended(100)
    await hook.perform()

    assert len({taken.headers["webhook-id"] for taken in hook.server.taken}) == 100 == len(hook.server.taken)
    assert hook.server.connections <= CALLS_AT_ONCE
    assert await hook.states() == {"done": 100}


async def test_health_is_asked_for_once_a_call_where_the_playbook_says_where_it_goes(hook: Calls) -> None:
    (account,) = await hook.intended()
    await hook.outreach.pool.execute("truncate effect")
    await hook.outreach.pool.execute("update step set state = 'due', next_at = clock_timestamp()")
    await hook.outreach.advance()
    assert await hook.states() == {"ready": 1}
    assert hook.outreach.scoring.asked == []
    await hook.perform()
    assert len(hook.outreach.scoring.asked) == 1
    assert await hook.outreach.outcomes(account) == [("sent", "sent")]


async def test_slack_gets_one_message_that_carries_its_key(slack: Calls) -> None:
    (account,) = await slack.intended()
    await slack.perform()
    (taken,) = slack.server.taken
    effect = await slack.outreach.one("effect", account)

    assert (taken.path, taken.headers["authorization"]) == ("/api/chat.postMessage", f"Bearer {TOKEN}")
    assert (taken.json["channel"], taken.json["text"]) == (CHANNEL, "Aurora Logistics is red")
    assert taken.json["metadata"] == {"event_type": "milepost_effect", "event_payload": {"key": effect["key"].hex()}}
    assert (effect["state"], effect["remote_id"].split()[0]) == ("done", "C0123456789")


async def test_slack_is_asked_when_an_answer_was_lost(slack: Calls) -> None:
    (arrived,) = await slack.intended()
    await slack.perform()
    message = slack.server.messages[0]
    await doubt(slack)
    await settle(slack)
    # The message is found by its key: nothing is posted again.
    assert [taken.path for taken in slack.server.taken[1:]] == ["/api/conversations.history"]
    assert (await slack.outreach.one("effect", arrived))["state"] == "done"

    (lost,) = await slack.intended()
    slack.server.answers = ["cut"]
    await slack.perform()
    await settle(slack)
    assert (await slack.outreach.one("effect", lost))["state"] == "done"
    assert len(slack.server.messages) == 2
    assert message["metadata"] != slack.server.messages[1]["metadata"]


async def test_where_slack_may_not_be_asked_a_person_decides(slack: Calls) -> None:
    await slack.intended()
    slack.server.answers, slack.server.may_read_history = ["cut"], False
    await slack.perform()
    await settle(slack)

    assert await slack.states() == {"parked": 1}
    assert slack.server.messages == []


async def test_while_slack_cannot_be_asked_the_question_waits(slack: Calls) -> None:
    await slack.intended()
    slack.server.answers = ["cut"]
    await slack.perform()
    await slack.outreach.later("effect")
    slack.server.answers = [503]
    await slack.perform()
    assert await slack.states() == {"in_doubt": 1}

    await settle(slack)
    assert await slack.states() == {"done": 1}


async def test_what_a_person_sends_again_while_slack_is_asked_about_it_is_due_at_once(slack: Calls) -> None:
    await slack.intended()
    slack.server.answers = ["cut"]
    await slack.perform()
    await slack.outreach.later("effect")
    await slack.outreach.pool.execute("update attempt set ended_at = ended_at - interval '10 hours'")
    slack.server.slow_s, slack.server.answers = 0.4, [503]
    asking = asyncio.create_task(slack.perform())
    await asyncio.sleep(0.2)
    key = await slack.outreach.pool.fetchval("select key from effect")
    await slack.outreach.runner.resolving.resolve(key, "resend", "kim")
    slack.server.slow_s = 0.0
    await asking
    await slack.perform()

    assert await slack.states() == {"done": 1}


@pytest.mark.parametrize(("error", "state"), [("channel_not_found", "failed_permanent"), ("ratelimited", "ready")])
async def test_what_slack_says_decides(slack: Calls, error: str, state: str) -> None:
    (account,) = await slack.intended()
    slack.server.slack_errors = [error]
    await slack.perform()

    assert await slack.states() == {state: 1}
    assert error in (await slack.outreach.one("effect", account))["reason"]


@pytest.mark.parametrize("error", ["token_revoked", "invalid_auth", "missing_scope"])
async def test_a_token_that_is_no_good_lets_messages_wait_until_its_owner_has_mended_it(
    slack: Calls, error: str
) -> None:
    await slack.intended(2)
    slack.server.slack_errors = [error, error]
    await slack.perform()
    assert await slack.states() == {"ready": 2}

    outlet = await slack.outreach.pool.fetchval("select id from outlet where name = 'room'")
    await slack.outreach.runner.outlets.change(outlet, {"secrets": {"token": TOKEN}})
    await slack.perform()
    assert await slack.states() == {"done": 2}


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("error", ["internal_error", "fatal_error", "request_timeout", "service_unavailable", 500, 504])
async def test_what_breaks_inside_slack_is_asked_about_and_posted_once(
    slack: Calls, error: str | int, kept: bool
) -> None:
    (account,) = await slack.intended()
    slack.server.slack_errors, slack.server.slack_keeps = [error], kept
    await slack.perform()
    assert await slack.states() == {"in_doubt": 1}
    assert str(error) in (await slack.outreach.one("effect", account))["reason"]

    await settle(slack)
    assert await slack.states() == {"done": 1}
    assert len(slack.server.messages) == 1


async def doubt(calls: Calls) -> None:
    """Make an effect that is done one whose worker was lost before it wrote that down."""
    await calls.outreach.pool.execute(
        "update effect set state = 'started', next_at = clock_timestamp(), lease_until = clock_timestamp()"
        " - interval '1 second'; update attempt set outcome = null; update step set state = 'performing';"
        " update run set state = 'running'"
    )


async def settle(calls: Calls) -> None:
    """Let days pass until nothing is due any more."""
    for _ in range(3):
        await due_again(calls)
        await calls.perform()
