"""Claims about advancing: health is asked at send time, recovery stops the mail, and no answer means no mail."""

import asyncio
from datetime import timedelta
from email.header import decode_header, make_header

import pytest
from support.mail_server import body_of
from support.outreach import PLAYBOOK, Outreach, health_of, publish

from milepost_core.effects import RETRY_AFTER_S
from milepost_runtime.lanes import claim, claim_suspects, drain


async def test_a_drop_ends_as_one_mail_with_the_accounts_two_biggest_reasons(outreach: Outreach) -> None:
    account = await outreach.drop()
    await outreach.all_lanes()
    (mail,) = outreach.mail.mails
    text, html = body_of(mail, "plain"), body_of(mail, "html")
    reasons = sorted(outreach.scoring.documents[account].drivers, key=lambda driver: -driver.points_lost)

    for reason in reasons[:2]:
        assert reason.sentence in text
        assert reason.label in html
    assert reasons[2].sentence not in text
    assert "47.3 of 100" in text
    assert "b2b-onboarding, version 1" in text
    assert f"https://health.vendor.example/app/accounts/{account}" in text
    assert "The sponsor has left" not in text.splitlines()[0]
    assert str(make_header(decode_header(mail["Subject"]))).startswith("Aurora Logistics is red at 47.3: ")
    assert (await outreach.one("run", account))["end_code"] == "completed"
    assert await outreach.outcomes(account) == [("sent", "sent")]


async def test_the_scoring_api_is_asked_with_our_key_and_the_changes_id(outreach: Outreach) -> None:
    account = await outreach.drop()
    await outreach.all_lanes()
    # Once to intend the mail, once to send it.
    (path, headers), again = outreach.scoring.asked

    assert again[0] == path
    assert path == f"/accounts/{account}/health"
    assert headers["authorization"] == f"Bearer {outreach.scoring.key}"
    assert headers["x-request-id"] == "corr-1"


async def test_one_id_leads_from_the_change_to_the_mail(outreach: Outreach) -> None:
    account = await outreach.drop()
    await outreach.all_lanes()
    (mail,) = outreach.mail.mails
    effect = await outreach.one("effect", account)

    assert mail["X-Milepost-Correlation-Id"] == effect["correlation_id"] == "corr-1"
    assert mail["X-Milepost-Effect"] == effect["key"].hex()
    assert mail["Message-ID"] == f"<{effect['key'].hex()}@milepost.example>"


async def test_a_change_without_an_id_gets_one_of_its_own(outreach: Outreach) -> None:
    account = await outreach.drop()
    await outreach.scoring_pool.execute("update change set correlation_id = ''")
    await outreach.all_lanes()

    assert len((await outreach.one("run", account))["correlation_id"]) == 32


@pytest.mark.parametrize(
    ("owner", "recipient"),
    [
        ("kim@vendor.example", "kim@vendor.example"),
        ("Dana Reyes", "customer-success@milepost.example"),
        ("", "customer-success@milepost.example"),
        ("a@b.example, c@d.example", "customer-success@milepost.example"),
        ("a@b.example\r\nBcc: c@d.example", "customer-success@milepost.example"),
    ],
)
async def test_the_owner_is_written_to_where_that_is_an_address(outreach: Outreach, owner: str, recipient: str) -> None:
    await outreach.drop(owner=owner)
    await outreach.all_lanes()

    assert outreach.mail.recipients == [[recipient]]
    assert outreach.mail.senders == ["milepost@milepost.example"]


async def test_a_hostile_account_name_adds_no_header(outreach: Outreach) -> None:
    name = "Evil\r\nBcc: victim@other.example =?utf-8?q?a=0d=0aX-Bad:_1?= <script>alert(1)</script>"
    await outreach.drop(name=name)
    await outreach.all_lanes()
    (mail,) = outreach.mail.mails

    assert mail["Bcc"] is None
    assert mail["X-Bad"] is None
    assert outreach.mail.recipients == [["kim@vendor.example"]]
    assert "<script>" not in body_of(mail, "html")


@pytest.mark.parametrize(("band", "code"), [("green", "recovered"), ("unknown", "health_unknown")])
async def test_an_account_that_changed_meanwhile_gets_no_mail(outreach: Outreach, band: str, code: str) -> None:
    account = await outreach.drop()
    await outreach.start()
    outreach.scoring.documents[account] = health_of(account, band)
    await outreach.advance()
    await outreach.perform()
    run, step = await outreach.one("run", account), await outreach.one("step", account)

    assert outreach.mail.raw == []
    assert (run["state"], run["end_code"], step["state"]) == ("done", code, "skipped")
    assert await outreach.outcomes(account) == [("skipped", code)]


async def test_a_band_that_a_person_overrode_counts_as_the_band(outreach: Outreach) -> None:
    account = await outreach.drop()
    overridden = {"band": "green", "because": "override", "sentence": "on holiday until May"}
    health = health_of(account, "red").model_dump() | {"effective_band": overridden}
    outreach.scoring.documents[account] = type(outreach.scoring.documents[account]).model_validate(health)
    await outreach.all_lanes()

    assert outreach.mail.raw == []
    assert await outreach.outcomes(account) == [("skipped", "recovered")]


@pytest.mark.parametrize("trouble", ["503", "401", "garbage", "slow", "refused"])
async def test_without_an_answer_there_is_no_mail_and_another_try(outreach: Outreach, trouble: str) -> None:
    account = await outreach.drop()
    await outreach.start()
    scoring, port = outreach.scoring, outreach.scoring.port
    match trouble:
        case "503":
            scoring.status = 503
        case "401":
            scoring.status = 401
        case "garbage":
            scoring.body = b'{"score": "high"}'
        case "slow":
            scoring.delay_s = 6
        case "refused":
            outreach.runner.deciding.scoring.http.base_url = "http://127.0.0.1:9"
    await outreach.advance()
    step = await outreach.one("step", account)

    assert (step["state"], step["attempts"]) == ("due", 1)
    assert step["next_at"] is not None
    assert "scoring API" in step["reason"]
    assert await outreach.pool.fetchval("select count(*) from effect") == 0

    scoring.status, scoring.body, scoring.delay_s = 200, None, 0.0
    outreach.runner.deciding.scoring.http.base_url = f"http://127.0.0.1:{port}"
    await outreach.later("step")
    await outreach.advance()
    await outreach.perform()
    assert len(outreach.mail.raw) == 1


async def test_after_the_last_try_the_run_ends_and_says_so(outreach: Outreach) -> None:
    account = await outreach.drop()
    await outreach.start()
    outreach.scoring.status = 503
    for _ in range(len(RETRY_AFTER_S) + 1):
        await outreach.advance()
        await outreach.later("step")

    assert await outreach.outcomes(account) == [("deferred", "health_away"), ("skipped", "health_away")]
    assert (await outreach.one("run", account))["state"] == "done"


async def test_an_account_that_is_gone_ends_the_run(outreach: Outreach) -> None:
    account = await outreach.drop()
    outreach.scoring.documents.clear()
    await outreach.all_lanes()

    assert await outreach.outcomes(account) == [("skipped", "account_gone")]


async def test_without_reasons_there_is_no_mail(outreach: Outreach) -> None:
    account = await outreach.drop()
    outreach.scoring.documents[account] = health_of(account).model_copy(update={"drivers": (), "gates": ()})
    await outreach.all_lanes()

    assert outreach.mail.raw == []
    assert await outreach.outcomes(account) == [("skipped", "no_reasons")]


async def test_a_text_that_cannot_be_rendered_ends_the_run_as_failed(outreach: Outreach) -> None:
    account = await outreach.drop()
    await outreach.pool.execute(
        "update playbook set document = jsonb_set(document, '{steps,0,text}', '\"{{ nobody }}\"')"
    )
    await outreach.all_lanes()

    assert outreach.mail.raw == []
    assert await outreach.outcomes(account) == [("failed", "not_sendable")]
    assert (await outreach.one("step", account))["state"] == "failed"


async def test_two_advances_at_once_intend_one_effect(outreach: Outreach) -> None:
    accounts = [await outreach.drop() for _ in range(20)]
    await outreach.start()
    await asyncio.gather(*(drain(outreach.pool, outreach.runner.advancing.lane) for _ in range(4)))

    assert await outreach.pool.fetchval("select count(*) from effect") == len(accounts)
    assert len(outreach.scoring.asked) <= len(accounts)


async def test_a_step_advanced_under_a_lost_claim_intends_nothing(outreach: Outreach) -> None:
    await outreach.drop()
    await outreach.start()
    lane = outreach.runner.advancing.lane
    async with outreach.pool.acquire() as connection:
        claims = await claim(connection, lane, 10)
        await connection.execute("update step set fence = fence + 1")
    await lane.handle(claims)

    assert await outreach.pool.fetchval("select count(*) from effect") == 0


async def test_a_pause_holds_steps_and_resuming_lets_them_go_on_at_once(outreach: Outreach) -> None:
    account = await outreach.drop()
    await outreach.runner.keeping.switch(paused=True, by="test")
    await outreach.all_lanes()
    assert outreach.mail.raw == []
    assert (await outreach.one("step", account))["reason"] == "paused"
    await outreach.later("step")
    await outreach.advance()
    assert await outreach.outcomes(account) == [("deferred", "paused")]

    await outreach.runner.keeping.switch(paused=False, by="test")
    await outreach.all_lanes()
    assert len(outreach.mail.raw) == 1


@pytest.mark.parametrize("all_of_it", [True, False], ids=["all outreach", "one playbook"])
async def test_what_is_resumed_while_a_worker_finds_it_paused_goes_on_at_once(
    outreach: Outreach, all_of_it: bool
) -> None:
    async def pause(*, paused: bool) -> None:
        if all_of_it:
            await outreach.runner.keeping.switch(paused=paused, by="test")
        else:
            await outreach.runner.keeping.set_state(PLAYBOOK, "paused" if paused else "active", "test")

    account = await outreach.drop()
    await outreach.start()
    await pause(paused=True)
    lane = outreach.runner.advancing.lane
    async with outreach.pool.acquire() as connection:
        claims = await claim(connection, lane, 10)
    async with outreach.pool.acquire() as other, other.transaction():
        # Holds the worker up between its look at the pause and what it writes.
        await other.execute("select from step where account_id = $1 for update", account)
        looking = asyncio.create_task(lane.handle(claims))
        await asyncio.sleep(0.2)
        resuming = asyncio.create_task(pause(paused=False))
        await asyncio.sleep(0.2)
    await asyncio.gather(looking, resuming)
    await outreach.all_lanes()

    assert len(outreach.mail.raw) == 1


async def test_a_run_keeps_its_version_when_a_newer_one_comes(outreach: Outreach) -> None:
    account = await outreach.drop()
    await outreach.start()
    document = await outreach.pool.fetchval("select document from playbook where id = $1", PLAYBOOK)
    document |= {"version": 2}
    document["steps"][0]["subject"] = "Another subject"
    await outreach.runner.keeping.stock([document])
    await outreach.advance()
    await outreach.perform()

    assert "Another" not in outreach.mail.mails[0]["Subject"]
    assert (await outreach.one("run", account))["version"] == 1
    in_force = await outreach.pool.fetch("select version from playbook where state = 'active' and id = $1", PLAYBOOK)
    assert [row["version"] for row in in_force] == [2]


async def test_a_second_step_follows_the_first_once_it_is_sent(outreach: Outreach) -> None:
    document = await outreach.pool.fetchval("select document from playbook where id = $1", PLAYBOOK)
    document |= {"version": 2}
    document["steps"].append({**document["steps"][0], "id": "again", "to": "lead@vendor.example"})
    await outreach.runner.keeping.stock([document])
    account = await outreach.drop()
    await outreach.all_lanes()
    assert outreach.mail.recipients == [["kim@vendor.example"]]

    await outreach.all_lanes()
    assert outreach.mail.recipients == [["kim@vendor.example"], ["lead@vendor.example"]]
    assert (await outreach.one("run", account))["end_code"] == "completed"
    assert await outreach.outcomes(account) == [("sent", "sent")] * 2


async def test_stocking_again_changes_nothing_and_keeps_a_pause(outreach: Outreach) -> None:
    await outreach.runner.keeping.set_state(PLAYBOOK, "paused", "test")
    document = await outreach.pool.fetchval("select document from playbook where id = $1", PLAYBOOK)
    await outreach.runner.keeping.stock([document, document | {"version": 2}])

    states = await outreach.pool.fetch("select version, state from playbook where id = $1 order by version", PLAYBOOK)
    assert [tuple(row) for row in states] == [(1, "retired"), (2, "paused")]


async def test_a_step_that_brings_workers_down_is_buried_with_its_run(outreach: Outreach) -> None:
    account = await outreach.drop()
    await outreach.start()
    for _ in range(4):
        async with outreach.pool.acquire() as connection:
            await claim(connection, outreach.runner.advancing.lane, 1)
            await claim_suspects(connection, outreach.runner.advancing.lane)
        await outreach.later("step", timedelta(minutes=1))
    await outreach.advance()

    assert (await outreach.one("run", account))["end_code"] == "failed"
    assert await outreach.outcomes(account) == [("failed", "failed")]
    assert await publish(outreach.scoring_pool, account) > 0
