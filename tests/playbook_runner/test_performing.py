"""Claims about performing: a clear no is retried or final, a lost answer is doubt, doubt repeats nothing."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from support.outreach import PLAYBOOK, Outreach

from milepost_core.destinations import LEAST_CALLS
from milepost_core.effects import RETRY_AFTER_S
from milepost_runtime.lanes import claim, drain
from playbook_runner.effects.resolving import RunEnded
from playbook_runner.queries import destinations
from playbook_runner.settings import mail_server


async def test_a_mail_that_was_taken_is_done(outreach: Outreach) -> None:
    account = await outreach.intended()
    await outreach.perform()
    effect = await outreach.one("effect", account)

    assert (effect["state"], effect["next_at"], effect["attempts"]) == ("done", None, 1)
    assert effect["remote_id"] == "2.0.0 kept"
    assert await outreach.attempts(account) == ["done"]
    assert (await outreach.one("step", account))["state"] == "done"


async def test_four_workers_at_once_send_each_mail_once(outreach: Outreach) -> None:
    for _ in range(40):
        await outreach.drop()
    await outreach.start()
    await outreach.advance()
    await asyncio.gather(*(drain(outreach.pool, outreach.runner.performing.lane) for _ in range(4)))
    ids = [mail["Message-ID"] for mail in outreach.mail.mails]

    assert len(ids) == 40
    assert len(set(ids)) == 40


@pytest.mark.parametrize("answer", ["421 4.3.2 closing", "450 4.2.1 later", "451 4.3.0 greylisted"])
async def test_a_passing_no_is_tried_again_by_the_schedule(outreach: Outreach, answer: str) -> None:
    account = await outreach.intended()
    outreach.mail.answers = [answer]
    await outreach.perform()
    waiting = await outreach.one("effect", account)
    wait = await outreach.pool.fetchval("select extract(epoch from next_at - clock_timestamp()) from effect")
    assert (waiting["state"], waiting["attempts"]) == ("ready", 1)
    assert answer.split(maxsplit=1)[0] in waiting["reason"]
    assert float(wait) <= RETRY_AFTER_S[0] * 1.2

    await outreach.later("effect")
    await outreach.perform()
    assert len(outreach.mail.raw) == 1
    assert await outreach.attempts(account) == ["try_later", "done"]
    assert await outreach.outcomes(account) == [("deferred", "not_now"), ("sent", "sent")]


@pytest.mark.parametrize("answer", ["550 5.1.1 no such user", "552 5.3.4 too big"])
async def test_a_final_no_ends_the_run_as_failed(outreach: Outreach, answer: str) -> None:
    account = await outreach.intended()
    outreach.mail.answers = [answer]
    await outreach.perform()
    run = await outreach.one("run", account)

    assert (await outreach.one("effect", account))["state"] == "failed_permanent"
    assert (run["state"], run["end_code"]) == ("done", "failed")
    assert await outreach.outcomes(account) == [("failed", "refused")]


async def test_a_refused_recipient_is_final_and_a_greylisted_one_is_not(outreach: Outreach) -> None:
    first = await outreach.intended()
    outreach.mail.recipient_answer = "450 4.7.1 greylisted"
    await outreach.perform()
    assert (await outreach.one("effect", first))["state"] == "ready"

    outreach.mail.recipient_answer = "550 5.1.1 unknown"
    await outreach.later("effect")
    await outreach.perform()
    assert (await outreach.one("effect", first))["state"] == "failed_permanent"
    assert outreach.mail.raw == []


@pytest.mark.parametrize(
    ("answer", "at_recipient", "state"),
    [
        ("450 4.2.0 greylisted", True, "done"),
        ("452 4.2.2 mailbox full", True, "done"),
        ("451 4.7.1 come back later", False, "done"),
        ("421 4.3.2 closing", True, "ready"),
    ],
)
async def test_what_a_mail_server_puts_off_for_one_recipient_holds_up_no_other(
    outreach: Outreach, answer: str, at_recipient: bool, state: str
) -> None:
    for _ in range(LEAST_CALLS):
        await outreach.drop()
    if at_recipient:
        outreach.mail.recipient_answer = answer
    else:
        outreach.mail.answers = [answer] * LEAST_CALLS
    await outreach.all_lanes()
    outreach.mail.recipient_answer = None
    other = await outreach.intended()
    await outreach.perform()

    assert (await outreach.one("effect", other))["state"] == state
    assert await outreach.pool.fetchval("select count(*) from effect where attempts = 1") >= LEAST_CALLS


@pytest.mark.parametrize(
    ("where", "answer"),
    [
        ("sender_answer", "530 5.7.0 Authentication required"),
        ("sender_answer", "553 5.7.1 not for you"),
        ("recipient_answer", "554 5.7.1 <ana@b.example>: Relay access denied"),
        ("recipient_answer", "535 5.7.8 bad credentials"),
        ("recipient_answer", "550 5.4.5 Daily user sending limit exceeded"),
        ("go_ahead", "530 5.7.0 Authentication required"),
        ("answers", "550 5.7.60 you may not send in this name"),
        ("answers", "554 Message rejected: Sending suspended for this account."),
    ],
)
async def test_a_mail_server_that_is_not_content_with_us_fails_nobody_and_is_left_alone_until_it_is(
    outreach: Outreach, where: str, answer: str
) -> None:
    accounts = [await outreach.drop() for _ in range(LEAST_CALLS + 10)]
    setattr(outreach.mail, where, [answer] * len(accounts) if where == "answers" else answer)
    await outreach.all_lanes()
    (known,) = [one for one in await destinations.every(outreach.pool) if one["name"] == "email"]
    reason = await outreach.pool.fetchval("select reason from ledger where code = 'not_now' order by id limit 1")

    assert {row["state"] for row in await outreach.pool.fetch("select state from effect")} == {"ready"}
    assert {row["state"] for row in await outreach.pool.fetch("select state from run")} == {"running"}
    assert await outreach.pool.fetchval("select count(*) from suppression") == 0
    assert (known["probe_at"] is not None, known["waiting"]) == (True, len(accounts))
    assert "takes no mail of ours" in reason
    assert answer[:9] in reason

    setattr(outreach.mail, where, [] if where == "answers" else None)
    await outreach.pool.execute("truncate destination")
    await outreach.later("effect")
    await outreach.perform()
    assert len(outreach.mail.raw) == len(accounts)


@pytest.mark.parametrize(
    "answer",
    [
        "550 5.7.1 <ana@b.example>: Recipient address rejected: sender is on the recipient's block list",
        "550 5.7.1 RESOLVER.RST.AuthRequired; authentication required",
    ],
)
async def test_mails_that_their_recipients_own_rules_refuse_fail_alone_and_others_go_out(
    outreach: Outreach, answer: str
) -> None:
    refused = [await outreach.drop(owner=f"closed{n}@b.example") for n in range(LEAST_CALLS)]
    outreach.mail.recipient_answer = answer
    await outreach.all_lanes()
    outreach.mail.recipient_answer = None
    other = await outreach.intended()
    await outreach.perform()

    for account in refused:
        assert (await outreach.one("effect", account))["state"] == "failed_permanent"
        assert await outreach.outcomes(account) == [("failed", "refused")]
    assert (await outreach.one("effect", other))["state"] == "done"
    assert await outreach.pool.fetchval("select count(*) from suppression") == 0


async def test_a_mail_server_that_does_not_let_us_log_in_fails_nobody_and_the_ledger_says_so(
    outreach: Outreach,
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            words = b"250-here\r\n250 AUTH PLAIN\r\n" if line.startswith(b"EHLO") else b"535 5.7.8 bad credentials\r\n"
            writer.write(words)
        writer.close()

    account = await outreach.intended()
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await drain(outreach.pool, lane_to(outreach, f"smtp://user:wrong@127.0.0.1:{port}"))
    reason = await outreach.pool.fetchval("select reason from ledger")

    assert (await outreach.one("effect", account))["state"] == "ready"
    assert reason == "the mail server takes no mail of ours: 535 5.7.8 bad credentials"


async def test_a_server_that_is_away_spends_tries_and_never_starts(outreach: Outreach) -> None:
    account = await outreach.intended()
    lane = lane_to(outreach, "smtp://127.0.0.1:9")
    await drain(outreach.pool, lane)
    waiting = await outreach.one("effect", account)

    assert (waiting["state"], waiting["attempts"]) == ("ready", 1)
    assert await outreach.attempts(account) == ["not_reached"]

    for _ in range(len(RETRY_AFTER_S)):
        await outreach.later("effect")
        await drain(outreach.pool, lane)
    assert (await outreach.one("effect", account))["state"] == "failed_permanent"
    assert await outreach.outcomes(account) == [("deferred", "not_reached"), ("failed", "refused")]


async def test_a_server_without_the_tls_that_we_insist_on_gets_nothing(outreach: Outreach) -> None:
    account = await outreach.intended()
    await drain(outreach.pool, lane_to(outreach, f"smtp+starttls://127.0.0.1:{outreach.mail.port}"))

    assert outreach.mail.raw == []
    assert (await outreach.one("effect", account))["state"] == "ready"
    assert await outreach.attempts(account) == ["not_reached"]


async def test_a_sender_whose_claim_was_taken_over_does_not_start(outreach: Outreach) -> None:
    await outreach.intended()
    lane = outreach.runner.performing.lane
    async with outreach.pool.acquire() as connection:
        claims = await claim(connection, lane, 1)
        await connection.execute("update effect set fence = fence + 1")
    await lane.handle(claims)

    assert outreach.mail.raw == []
    assert await outreach.pool.fetchval("select count(*) from attempt") == 0


async def test_a_sender_whose_lease_ran_out_does_not_start(outreach: Outreach) -> None:
    await outreach.intended()
    lane = outreach.runner.performing.lane
    async with outreach.pool.acquire() as connection:
        claims = await claim(connection, lane, 1)
        await connection.execute("update effect set lease_until = clock_timestamp() - interval '1 second'")
    await lane.handle(claims)

    assert outreach.mail.raw == []


def lane_to(outreach: Outreach, url: str) -> Any:
    """Return the perform lane of a runner whose mail server is elsewhere."""
    performing = outreach.runner.performing
    email: Any = performing.channels["email"]
    return replace(performing, channels={"email": replace(email, server=mail_server(url))}).lane


async def test_a_call_that_could_not_be_written_in_time_is_not_written(outreach: Outreach) -> None:
    account = await outreach.intended()
    performing = replace(outreach.runner.performing, lease_s=0.03)
    outreach.mail.recipient_delay_s = 0.1
    async with outreach.pool.acquire() as connection:
        claims = await claim(connection, outreach.runner.performing.lane, 1)
    await performing.perform(claims)
    effect = await outreach.one("effect", account)

    assert outreach.mail.raw == []
    assert (effect["state"], "lease" in effect["reason"]) == ("ready", True)


async def test_a_pause_that_comes_after_the_claim_holds_the_mail(outreach: Outreach) -> None:
    account = await outreach.intended()
    await outreach.runner.keeping.switch(paused=True, by="test")
    await outreach.perform()
    await outreach.later("effect")
    await outreach.perform()
    assert outreach.mail.raw == []
    assert await outreach.outcomes(account) == [("deferred", "paused")]

    await outreach.runner.keeping.switch(paused=False, by="test")
    await outreach.perform()
    assert len(outreach.mail.raw) == 1


async def test_one_paused_playbook_holds_its_own_mail(outreach: Outreach) -> None:
    account = await outreach.intended()
    await outreach.runner.keeping.set_state(PLAYBOOK, "paused", "test")
    await outreach.perform()
    assert (await outreach.one("effect", account))["reason"] == "paused"

    await outreach.runner.keeping.set_state(PLAYBOOK, "active", "test")
    await outreach.perform()
    assert len(outreach.mail.raw) == 1


async def test_a_cancelled_run_sends_nothing_whenever_it_was_cancelled(outreach: Outreach) -> None:
    account = await outreach.intended()
    run = await outreach.one("run", account)
    async with outreach.pool.acquire() as connection:
        claims = await claim(connection, outreach.runner.performing.lane, 1)
    await outreach.runner.resolving.cancel(run["id"], "test")
    await outreach.runner.performing.perform(claims)
    await outreach.later("effect")
    await outreach.perform()

    assert outreach.mail.raw == []
    assert (await outreach.one("effect", account))["state"] == "cancelled"
    assert (await outreach.one("step", account))["state"] == "cancelled"
    assert await outreach.outcomes(account) == [("cancelled", "run_cancelled")]
    with pytest.raises(RunEnded):
        await outreach.runner.resolving.cancel(run["id"], "test")


async def test_a_run_cancelled_before_its_step_was_due_is_over(outreach: Outreach) -> None:
    account = await outreach.drop()
    await outreach.start()
    await outreach.runner.resolving.cancel((await outreach.one("run", account))["id"], "test")
    await outreach.advance()

    assert (await outreach.one("step", account))["state"] == "cancelled"
    assert outreach.scoring.asked == []


async def test_an_effect_of_a_channel_nobody_knows_waits_for_a_worker_that_does(outreach: Outreach) -> None:
    account = await outreach.intended()
    await outreach.pool.execute("update effect set channel = 'pigeon'")
    await outreach.perform()
    effect = await outreach.one("effect", account)

    assert (effect["state"], effect["next_at"] is not None) == ("ready", True)
    assert "pigeon" in effect["reason"]


async def test_a_mail_given_back_is_free_while_its_batch_still_waits_for_another(outreach: Outreach) -> None:
    await outreach.intended()
    await outreach.intended()
    outreach.mail.answers = ["450 4.2.1 later", "silence"]
    await drain(outreach.pool, replace(outreach.runner.performing, lease_s=1).lane, seconds=0.1)
    rows = await outreach.pool.fetch("select state, lease_until, crashes from effect order by state")

    assert [(row["state"], row["lease_until"], row["crashes"]) for row in rows] == [
        ("in_doubt", None, 0),
        ("ready", None, 0),
    ]
