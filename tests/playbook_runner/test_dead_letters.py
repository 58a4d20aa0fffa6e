"""Claims about dead letters that are sent again: once, under their key, and only what has certainly not arrived."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from support.calls import WEBHOOK, Calls
from support.lifespan import lifespan
from support.outreach import PLAYBOOK, Outreach, health_of
from support.receiver import receiver

from milepost_runtime.keys import insert_key, new_key
from milepost_runtime.lanes import drain
from playbook_runner.app import build
from playbook_runner.arbiter.suppressing import Word
from playbook_runner.settings import RunnerSettings


@pytest.fixture
async def hook(outreach: Outreach) -> AsyncIterator[Calls]:
    async with receiver() as server:
        calls = Calls(outreach, WEBHOOK, server)
        await calls.set_up()
        yield calls


async def client_of(outreach: Outreach, scope: str) -> dict[str, str]:
    key = new_key()
    async with outreach.pool.acquire() as connection:
        await insert_key(connection, "playbooks", key, name="Dana", scopes=[scope], days=None)
    return {"Authorization": f"Bearer {key.text}"}


@pytest.fixture
async def api(outreach: Outreach, settings: RunnerSettings) -> AsyncIterator[httpx.AsyncClient]:
    app, headers = build(settings), await client_of(outreach, "playbooks")
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://runner", headers=headers)
    async with lifespan(app), client:
        yield client


async def dead_mail(outreach: Outreach) -> tuple[UUID, str]:
    """Bring a new account's mail to its end: the server refuses it for good."""
    account = await outreach.intended()
    outreach.mail.answers = ["554 5.7.1 rejected by policy"]
    await outreach.perform()
    effect = await outreach.one("effect", account)
    assert effect["state"] == "failed_permanent"
    return account, effect["key"].hex()


async def resend(api: httpx.AsyncClient, key: str) -> tuple[int, str]:
    answer = await api.post(f"/dead-letters/{key}:resend")
    body: dict[str, Any] = answer.json()
    return answer.status_code, str(body.get("state") or body["type"]).rpartition("/")[2]


async def test_what_was_refused_is_sent_anew_under_its_key_and_the_run_goes_on(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    account, key = await dead_mail(outreach)
    document = health_of(account)
    outreach.scoring.documents[account] = document.model_copy(update={"score": 12.5})
    assert await resend(api, key) == (200, "ready")
    run, step = await outreach.one("run", account), await outreach.one("step", account)
    assert (run["state"], run["end_code"], run["ended_at"]) == ("running", None, None)
    assert (step["state"], step["ended_at"]) == ("performing", None)

    await outreach.perform()
    effect = await outreach.one("effect", account)
    assert (effect["state"], effect["key"].hex()) == ("done", key)
    assert [mail["X-Milepost-Effect"] for mail in outreach.mail.mails] == [key]
    assert b"12.5 of 100" in outreach.mail.raw[0]
    assert await outreach.attempts(account) == ["refused", "done"]
    assert (await outreach.one("run", account))["end_code"] == "completed"
    assert await outreach.outcomes(account) == [("failed", "refused"), ("deferred", "sent_again"), ("sent", "sent")]


async def test_asked_twice_it_is_sent_once(outreach: Outreach, api: httpx.AsyncClient) -> None:
    account, key = await dead_mail(outreach)
    assert [await resend(api, key) for _ in range(2)] == [(200, "ready")] * 2
    await outreach.perform()
    assert await resend(api, key) == (409, "not_a_dead_letter")
    await outreach.perform()

    assert len(outreach.mail.raw) == 1
    assert [code for _, code in await outreach.outcomes(account)].count("sent_again") == 1


async def test_it_has_all_its_tries_before_it_again(hook: Calls) -> None:
    (account,) = await hook.intended()
    hook.server.answers = [404, 500]
    await hook.perform()
    key = (await hook.outreach.one("effect", account))["key"]
    await hook.outreach.pool.execute("update effect set attempts = 11")
    await hook.outreach.runner.resending.one(key, "dana")
    await hook.perform()
    assert await hook.states() == {"ready": 1}


async def test_what_may_have_arrived_is_not_sent_again_here(outreach: Outreach, api: httpx.AsyncClient) -> None:
    account = await outreach.intended()
    outreach.mail.answers = ["lose"]
    await outreach.perform()
    await outreach.later("effect")
    await outreach.perform()
    effect = await outreach.one("effect", account)
    assert effect["state"] == "parked"
    assert await resend(api, effect["key"].hex()) == (409, "may_have_arrived")

    await outreach.pool.execute("update effect set state = 'failed_permanent'")
    assert await resend(api, effect["key"].hex()) == (409, "may_have_arrived")
    assert len(outreach.mail.raw) == 0


async def test_what_may_have_arrived_and_is_refused_then_is_no_dead_letter_but_a_persons_to_decide(hook: Calls) -> None:
    (account,) = await hook.intended()
    hook.server.answers = ["cut", 404]
    quick = {name: replace(one, timeout_s=0.5) if name == "webhook" else one  # type: ignore[type-var]
             for name, one in hook.outreach.runner.performing.channels.items()}  # fmt: skip
    lane = replace(hook.outreach.runner.performing, channels=quick).lane
    for _ in range(3):
        await drain(hook.outreach.pool, lane)
        await hook.outreach.later("effect")
    assert await hook.states() == {"parked": 1}
    await hook.outreach.runner.resolving.resolve((await hook.outreach.one("effect", account))["key"], "resend", "dana")
    await drain(hook.outreach.pool, lane)

    assert await hook.states() == {"done": 1}
    assert len({(one.headers["webhook-id"], one.body) for one in hook.server.taken}) == 1


async def test_a_run_that_is_over_for_another_reason_stays_over(outreach: Outreach, api: httpx.AsyncClient) -> None:
    account, key = await dead_mail(outreach)
    await outreach.pool.execute("update run set state = 'cancelled', end_code = 'cancelled'")
    assert await resend(api, key) == (409, "run_over")
    assert (await outreach.one("effect", account))["state"] == "failed_permanent"


async def test_beside_another_run_of_the_playbook_it_stays_dead(outreach: Outreach, api: httpx.AsyncClient) -> None:
    account, key = await dead_mail(outreach)
    await outreach.pool.execute(
        "insert into run (id, account_id, playbook_id, version, trigger_kind, trigger_key, state)"
        " values (gen_random_uuid(), $1, $2, 1, 'by_hand', '\\x01', 'running')",
        account,
        PLAYBOOK,
    )
    assert await resend(api, key) == (409, "run_under_way")


async def test_whoever_recovered_meanwhile_gets_nothing(outreach: Outreach, api: httpx.AsyncClient) -> None:
    account, key = await dead_mail(outreach)
    outreach.scoring.documents[account] = health_of(account, "green")
    await resend(api, key)
    await outreach.perform()

    assert outreach.mail.raw == []
    assert (await outreach.one("run", account))["end_code"] == "recovered"


async def bounced_mail(outreach: Outreach) -> tuple[UUID, str]:
    """Bring a new account's mail to its end, and with it a word that its owner has no mailbox."""
    account = await outreach.intended()
    outreach.mail.recipient_answer = "550 5.1.1 user unknown"
    await outreach.perform()
    outreach.mail.recipient_answer = None
    return account, (await outreach.one("effect", account))["key"].hex()


async def test_against_a_word_that_stands_it_stays_a_letter_until_the_word_is_taken_back(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    account, key = await bounced_mail(outreach)
    assert await resend(api, key) == (409, "bounced")
    answer = (await api.post("/dead-letters:resend", json={"destination": "email"})).json()
    assert (answer["sent"], [(one["key"], one["code"]) for one in answer["left"]]) == ([], [(key, "bounced")])
    await outreach.perform()
    assert (await outreach.one("effect", account))["state"] == "failed_permanent"

    word = await outreach.pool.fetchval("select id from suppression")
    await outreach.runner.suppressing.end(word, "kim", guarded=False)
    assert await resend(api, key) == (200, "ready")
    await outreach.perform()
    assert (await outreach.one("effect", account))["state"] == "done"


async def test_a_word_about_whom_it_went_to_before_holds_up_nobody_who_has_come_after_them(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    account, key = await bounced_mail(outreach)
    outreach.scoring.documents[account] = health_of(account, owner="lee@vendor.example")
    assert await resend(api, key) == (200, "ready")
    await outreach.perform()
    assert outreach.mail.recipients == [["lee@vendor.example"]]


async def test_it_waits_anew_for_as_long_as_a_message_may(outreach: Outreach, api: httpx.AsyncClient) -> None:
    account, key = await dead_mail(outreach)
    await outreach.pool.execute("update effect set asked_at = asked_at - interval '90 days'")
    until = datetime.now(UTC) + timedelta(hours=1)
    word = Word("hands_off", "kim@vendor.example", None, "", "dana", until)
    await outreach.runner.suppressing.say(word)
    assert await resend(api, key) == (200, "ready")
    await outreach.perform()
    assert (await outreach.one("effect", account))["state"] == "ready"
    assert (await outreach.outcomes(account))[-1] == ("deferred", "hands_off")


async def test_a_receiver_or_a_place_that_nobody_knows_is_said_so(outreach: Outreach, api: httpx.AsyncClient) -> None:
    _, key = await dead_mail(outreach)
    asked: list[dict[str, Any]] = [
        {"destination": "emial"}, {"destination": "email", "cursor": "0" * 64}, {"destination": "email", "cursor": key},
    ]  # fmt: skip
    answers = [await api.post("/dead-letters:resend", json=body) for body in asked]
    assert [one.status_code for one in answers] == [404, 404, 200]
    assert [one.json()["type"].rpartition("/")[2] for one in answers[:2]] == ["destination_unknown", "effect_unknown"]


async def test_the_letters_to_one_receiver_are_sent_again_together(hook: Calls, api: httpx.AsyncClient) -> None:
    accounts = await hook.intended(3)
    hook.server.answers = [404, 404, 410]
    await hook.perform()
    await hook.outreach.pool.execute("update outlet set active = true")
    await hook.outreach.pool.execute("update run set end_code = 'replied' where account_id = $1", accounts[0])
    reason = "the receiver answered 404"
    first = {"destination": "hook", "reason": reason, "limit": 1}
    asked: list[dict[str, Any]] = [{"destination": "hook", "reason": "another"}, first]
    found = [(await api.post("/dead-letters:resend", json=body)).json() for body in asked]
    rest = (await api.post("/dead-letters:resend", json=first | {"cursor": found[1]["next_cursor"], "limit": 2})).json()
    kept = [one["code"] for page in (found[1], rest) for one in page["left"]]
    sent = [key for page in (found[1], rest) for key in page["sent"]]
    await hook.perform()

    assert [(page["sent"], page["left"], page["next_cursor"]) for page in found[:1]] == [([], [], None)]
    assert kept in (["run_over"], [])
    assert len(sent) + len(kept) == 2
    assert rest["next_cursor"] is None
    assert await hook.states() == {"done": len(sent), "failed_permanent": 3 - len(sent)}


async def test_it_takes_the_right_key_and_a_letter(outreach: Outreach, api: httpx.AsyncClient) -> None:
    _, key = await dead_mail(outreach)
    reader = await client_of(outreach, "read")
    assert (await api.post(f"/dead-letters/{key}:resend", headers=reader)).status_code == 403
    assert (await api.post("/dead-letters:resend", json={"destination": "x"}, headers=reader)).status_code == 403
    assert await resend(api, "0" * 64) == (404, "effect_unknown")
    assert await resend(api, "nothing") == (404, "effect_unknown")
