"""Claims about trying a step out: it reads as it would go out, reaches colleagues alone, and leaves nothing behind."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from support.mail_server import body_of
from support.outreach import PLAYBOOK, Outreach, health_of
from support.runner_api import key_with, runner_api

from playbook_runner.settings import RunnerSettings

KIM = "kim@vendor.example"
PATH = f"/playbooks/{PLAYBOOK}/versions/{{version}}/steps/{{step}}:test"


@pytest.fixture
async def api(outreach: Outreach, settings: RunnerSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with runner_api(settings, await key_with(outreach.pool, "playbooks")) as client:
        yield client


@pytest.fixture
async def kim(outreach: Outreach) -> str:
    await outreach.pool.execute("truncate person")
    await outreach.pool.execute("insert into person (id, email) values ('kim', $1)", KIM)
    return KIM


async def first_step(outreach: Outreach) -> tuple[int, str]:
    async with outreach.pool.acquire() as connection:
        [found] = [
            one.playbook for one in await outreach.runner.keeping.in_force(connection) if one.playbook.id == PLAYBOOK
        ]
    return found.version, found.steps[0].id


async def sampled(api: httpx.AsyncClient, outreach: Outreach, **body: Any) -> httpx.Response:
    version, step = await first_step(outreach)
    return await api.post(PATH.format(version=version, step=step), json=body)


async def left_behind(outreach: Outreach) -> int:
    count: int = await outreach.pool.fetchval(
        "select (select count(*) from effect) + (select count(*) from ledger) + (select count(*) from touch)"
        " + (select count(*) from run)"
    )
    return count


async def test_a_step_is_read_with_made_up_values_and_nothing_is_sent(
    api: httpx.AsyncClient, outreach: Outreach
) -> None:
    answer = await sampled(api, outreach)

    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["outcome"] == "not_asked"
    assert "Aurora Logistics" in said["words"]["subject"]
    assert said["words"]["html"].lower().startswith("<!doctype html>")
    assert outreach.mail.mails == []


async def test_a_step_is_mailed_to_oneself_with_an_accounts_health_of_now(
    api: httpx.AsyncClient, outreach: Outreach, kim: str
) -> None:
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account, name="Borealis Freight")

    answer = await sampled(api, outreach, account_id=str(account), to=kim)

    assert answer.json()["outcome"] == "sent", answer.text
    [mail] = outreach.mail.mails
    assert outreach.mail.recipients == [[KIM]]
    assert str(mail["Subject"]).startswith("[Test] Borealis Freight")
    assert "Borealis Freight" in body_of(mail, "plain")
    assert mail["List-Unsubscribe"] is None
    assert await left_behind(outreach) == 0


@pytest.mark.parametrize("to", ["lee@customer.example", "not an address", "kim@vendor.example, lee@customer.example"])
async def test_a_sample_goes_to_nobody_but_colleagues(
    api: httpx.AsyncClient, outreach: Outreach, kim: str, to: str
) -> None:
    answer = await sampled(api, outreach, to=to)

    assert answer.status_code == 422
    assert answer.json()["type"].endswith("/recipient_not_ours")
    assert outreach.mail.connections == 0


async def test_a_named_request_mails_once(api: httpx.AsyncClient, outreach: Outreach, kim: str) -> None:
    api.headers["Idempotency-Key"] = str(uuid4())
    first = await sampled(api, outreach, to=kim)
    again = await sampled(api, outreach, to=kim)

    assert first.json() == again.json()
    assert len(outreach.mail.mails) == 1


async def test_a_server_that_says_no_or_is_silent_is_told(api: httpx.AsyncClient, outreach: Outreach, kim: str) -> None:
    outreach.mail.answers = ["550 5.7.1 no", "cut"]

    refused, lost = [(await sampled(api, outreach, to=kim)).json() for _ in range(2)]

    assert (refused["outcome"], lost["outcome"]) == ("refused", "in_doubt")
    assert "550" in refused["reason"]


async def test_what_nobody_can_write_about_is_refused_with_the_reason(
    api: httpx.AsyncClient, outreach: Outreach
) -> None:
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account).model_copy(update={"drivers": (), "gates": ()})

    nothing = await sampled(api, outreach, account_id=str(account))
    nobody = await sampled(api, outreach, account_id=str(UUID(int=7)))
    version, _ = await first_step(outreach)
    nowhere = await api.post(PATH.format(version=version, step="nowhere"), json={})

    assert [(one.status_code, one.json()["type"].rpartition("/")[2]) for one in (nothing, nobody, nowhere)] == [
        (422, "not_sendable"), (404, "account_unknown"), (404, "step_unknown"),
    ]  # fmt: skip


async def test_without_the_scoring_api_a_sample_of_an_account_is_not_made_up(
    api: httpx.AsyncClient, outreach: Outreach
) -> None:
    outreach.scoring.status = 503

    answer = await sampled(api, outreach, account_id=str(uuid4()))

    assert answer.status_code == 503
    assert answer.json()["type"].endswith("/health_away")
