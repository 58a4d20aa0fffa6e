"""Claims about the moment of sending: reasons are of now, recovery stops what waited, what was written is kept."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from support.mail_server import body_of
from support.outreach import Outreach, health_of

from milepost_core.effects import RETRY_AFTER_S
from milepost_runtime.lanes import claim, drain
from playbook_runner.settings import mail_server


async def held_by_a_pause(outreach: Outreach) -> None:
    await outreach.runner.keeping.switch(paused=True, by="test")
    await outreach.perform()
    await outreach.runner.keeping.switch(paused=False, by="test")


async def held_by_a_server_that_is_away(outreach: Outreach) -> None:
    performing = outreach.runner.performing
    email: Any = performing.channels["email"]
    away = replace(email, server=mail_server("smtp://127.0.0.1:9"))
    await drain(outreach.pool, replace(performing, channels={"email": away}).lane)


async def held_by_a_refused_recipient(outreach: Outreach) -> None:
    outreach.mail.recipient_answer = "450 4.7.1 greylisted"
    await outreach.perform()
    outreach.mail.recipient_answer = None


async def held_by_a_refused_message(outreach: Outreach) -> None:
    outreach.mail.answers = ["450 4.2.1 later"]
    await outreach.perform()


async def held_by_the_go_ahead(outreach: Outreach) -> None:
    outreach.mail.go_ahead = "451 4.3.0 not now"
    await outreach.perform()
    outreach.mail.go_ahead = None


HOLDS = [
    held_by_a_pause, held_by_a_server_that_is_away, held_by_a_refused_recipient, held_by_a_refused_message,
    held_by_the_go_ahead,
]  # fmt: skip
Hold = Callable[[Outreach], Awaitable[None]]


def with_score(outreach: Outreach, account: UUID, score: float, **account_parts: Any) -> None:
    """Give the account another score, as if its health had gone on changing."""
    document = health_of(account, **account_parts)
    outreach.scoring.documents[account] = document.model_copy(update={"score": score})


@pytest.mark.parametrize("hold", HOLDS)
async def test_an_account_that_recovered_while_its_mail_waited_gets_none(outreach: Outreach, hold: Hold) -> None:
    account = await outreach.intended()
    await hold(outreach)
    outreach.scoring.documents[account] = health_of(account, "green")
    await outreach.later("effect")
    await outreach.perform()
    run, step = await outreach.one("run", account), await outreach.one("step", account)
    effect = await outreach.one("effect", account)

    assert outreach.mail.raw == []
    assert (effect["state"], effect["next_at"], effect["payload"]) == ("suppressed", None, None)
    assert (run["state"], run["end_code"], step["state"]) == ("done", "recovered", "skipped")
    assert (await outreach.outcomes(account))[-1] == ("skipped", "recovered")


@pytest.mark.parametrize("hold", HOLDS)
async def test_a_mail_that_waited_says_what_is_true_when_it_is_sent(outreach: Outreach, hold: Hold) -> None:
    account = await outreach.intended()
    key = (await outreach.one("effect", account))["key"]
    await hold(outreach)
    with_score(outreach, account, 12.5)
    await outreach.later("effect")
    await outreach.perform()
    (mail,) = outreach.mail.mails

    assert "12.5 of 100" in body_of(mail, "plain")
    assert "47.3 of 100" not in body_of(mail, "plain")
    assert mail["X-Milepost-Effect"] == key.hex()
    assert (await outreach.one("effect", account))["key"] == key


async def test_there_is_no_text_before_the_start_and_afterwards_the_one_that_was_written(outreach: Outreach) -> None:
    account = await outreach.drop(name=".dotted")
    await outreach.start()
    await outreach.advance()
    assert (await outreach.one("effect", account))["payload"] is None

    outreach.mail.answers = ["450 4.2.1 later"]
    await outreach.perform()
    refused = await outreach.one("attempt", account)
    with_score(outreach, account, 12.5, name=".dotted")
    await outreach.later("effect")
    await outreach.perform()
    effect = await outreach.one("effect", account)
    hashes = await outreach.pool.fetch("select payload_hash from attempt order by fence")

    assert outreach.mail.raw == [effect["payload"]]
    assert [row[0] for row in hashes] == [refused["payload_hash"], hashlib.sha256(effect["payload"]).digest()]
    assert refused["payload_hash"] not in (None, hashes[1][0])


async def test_a_mail_that_waited_goes_to_whoever_looks_after_the_account_now(outreach: Outreach) -> None:
    account = await outreach.intended()
    await held_by_a_pause(outreach)
    outreach.scoring.documents[account] = health_of(account, owner="lee@vendor.example")
    await outreach.perform()

    assert outreach.mail.recipients == [["lee@vendor.example"]]
    assert (await outreach.one("effect", account))["recipient"] == "lee@vendor.example"


async def test_without_an_answer_at_the_moment_of_sending_there_is_no_old_text_but_another_try(
    outreach: Outreach,
) -> None:
    account = await outreach.intended()
    outreach.scoring.status = 503
    await outreach.perform()
    waiting = await outreach.one("effect", account)
    assert (waiting["state"], waiting["attempts"], waiting["next_at"] is not None) == ("ready", 1, True)
    assert "scoring API" in waiting["reason"]
    assert outreach.mail.connections == 0
    assert await outreach.attempts(account) == ["not_asked"]

    outreach.scoring.status = 200
    await outreach.later("effect")
    await outreach.perform()
    assert len(outreach.mail.raw) == 1
    assert await outreach.outcomes(account) == [("deferred", "health_away"), ("sent", "sent")]


async def test_after_the_last_question_the_run_ends_without_a_mail(outreach: Outreach) -> None:
    account = await outreach.intended()
    outreach.scoring.status = 503
    for _ in range(len(RETRY_AFTER_S) + 1):
        await outreach.perform()
        await outreach.later("effect")

    assert outreach.mail.raw == []
    assert await outreach.outcomes(account) == [("deferred", "health_away"), ("skipped", "health_away")]
    assert (await outreach.one("run", account))["end_code"] == "health_away"


async def test_a_text_that_cannot_be_rendered_any_more_fails_the_effect(outreach: Outreach) -> None:
    account = await outreach.intended()
    await outreach.pool.execute(
        "update playbook set document = jsonb_set(document, '{steps,0,text}', '\"{{ nobody }}\"')"
    )
    outreach.runner.keeping._read.clear()
    await outreach.perform()

    assert outreach.mail.raw == []
    assert (await outreach.one("effect", account))["state"] == "failed_permanent"
    assert await outreach.outcomes(account) == [("failed", "not_sendable")]


async def test_without_reasons_any_more_there_is_no_mail(outreach: Outreach) -> None:
    account = await outreach.intended()
    outreach.scoring.documents[account] = health_of(account).model_copy(update={"drivers": (), "gates": ()})
    await outreach.perform()

    assert (await outreach.one("effect", account))["state"] == "suppressed"
    assert await outreach.outcomes(account) == [("skipped", "no_reasons")]


async def test_while_all_is_paused_nobody_is_asked(outreach: Outreach) -> None:
    await outreach.intended()
    before = len(outreach.scoring.asked)
    await outreach.runner.keeping.switch(paused=True, by="test")
    await outreach.perform()

    assert len(outreach.scoring.asked) == before
    assert outreach.mail.connections == 0


async def test_a_mail_that_may_have_arrived_is_repeated_as_it_was_or_not_at_all(outreach: Outreach) -> None:
    account = await outreach.intended()
    outreach.mail.answers = ["cut", "450 4.2.1 later"]
    await outreach.perform()
    await outreach.later("effect")
    await outreach.perform()
    await outreach.runner.resolving.resolve((await outreach.one("effect", account))["key"], "resend", "Dana")
    with_score(outreach, account, 12.5)
    for _ in range(2):
        await outreach.perform()
        await outreach.later("effect")

    assert await outreach.attempts(account) == ["unknown", "try_later", "done"]
    assert len(outreach.mail.raw) == 2
    assert len(set(outreach.mail.raw)) == 1


async def test_a_go_ahead_that_comes_after_a_third_of_the_lease_gets_no_message(outreach: Outreach) -> None:
    account = await outreach.intended()
    performing = replace(outreach.runner.performing, lease_s=0.6)
    outreach.mail.gate.clear()
    async with outreach.pool.acquire() as connection:
        claims = await claim(connection, outreach.runner.performing.lane, 1)
    asyncio.get_running_loop().call_later(0.4, outreach.mail.gate.set)
    await performing.perform(claims)
    effect = await outreach.one("effect", account)

    assert outreach.mail.asked_to_write == 1
    assert outreach.mail.raw == []
    assert (effect["state"], "lease" in effect["reason"]) == ("ready", True)
    assert await outreach.attempts(account) == ["try_later"]


async def test_a_server_that_never_gives_its_go_ahead_has_surely_got_nothing(outreach: Outreach) -> None:
    account = await outreach.intended()
    outreach.mail.gate.clear()
    await outreach.perform()

    assert (await outreach.one("effect", account))["state"] == "ready"
    assert await outreach.attempts(account) == ["try_later"]


async def test_addresses_in_a_servers_words_are_not_repeated(outreach: Outreach) -> None:
    account = await outreach.intended()
    outreach.mail.recipient_answer = "550 5.1.1 <kim@vendor.example>: user kim@vendor.example unknown"
    await outreach.perform()
    kept = [
        (await outreach.one("effect", account))["reason"],
        (await outreach.one("attempt", account))["error"],
        (await outreach.one("run", account))["end_reason"],
        (await outreach.one("ledger", account))["reason"],
    ]

    assert kept == ["the mail server answered 550 5.1.1 <address> user <address> unknown"] * 4
