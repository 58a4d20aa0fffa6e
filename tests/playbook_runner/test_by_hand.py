"""Claims about starting a playbook by hand: who did it and why is kept, and once is once."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from support.outreach import PLAYBOOK, Outreach, health_of
from support.runner_api import key_with, runner_api

from playbook_runner.documents.keeping import PlaybookUnknown
from playbook_runner.runs.by_hand import NotStarted
from playbook_runner.settings import RunnerSettings


@pytest.fixture
async def api(outreach: Outreach, settings: RunnerSettings) -> AsyncIterator[httpx.AsyncClient]:
    """The web application behind a client whose key may start playbooks."""
    async with runner_api(settings, await key_with(outreach.pool, "read", "playbooks")) as client:
        yield client


async def test_a_run_started_by_hand_says_by_whom_and_why(api: httpx.AsyncClient, outreach: Outreach) -> None:
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account, "green")
    body = {"playbook": PLAYBOOK, "because": "a hunch"}
    answer = await api.post(f"/accounts/{account}/runs", json=body, headers={"Idempotency-Key": "once"})
    again = await api.post(f"/accounts/{account}/runs", json=body, headers={"Idempotency-Key": "once"})

    assert answer.status_code == 201
    assert again.json() == answer.json()
    run = answer.json()
    assert (run["trigger_kind"], run["started_by"], run["band"]) == ("by_hand", "Dana", "green")
    assert run["because"] == "Dana started it by hand: a hunch"
    assert [step["state"] for step in run["steps"]] == ["due"]
    assert await outreach.pool.fetchval("select count(*) from run") == 1


async def test_what_cannot_be_started_is_refused_with_its_reason(api: httpx.AsyncClient, outreach: Outreach) -> None:
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account)
    path, body = f"/accounts/{account}/runs", {"playbook": PLAYBOOK}
    assert (await api.post(path, json=body)).status_code == 201
    second = await api.post(path, json=body)
    strange = await api.post(path, json={"playbook": "no-such"})
    nobody = await api.post(f"/accounts/{uuid4()}/runs", json=body)

    assert (second.status_code, second.json()["type"].rpartition("/")[2]) == (409, "already_running")
    assert (strange.status_code, strange.json()["type"].rpartition("/")[2]) == (404, "playbook_unknown")
    assert (nobody.status_code, nobody.json()["type"].rpartition("/")[2]) == (404, "account_unknown")
    assert await outreach.outcomes(account) == [("skipped", "already_running")]


async def test_what_is_in_force_when_a_run_begins_counts_not_what_was_when_a_person_asked(outreach: Outreach) -> None:
    first, second = uuid4(), uuid4()
    for account in (first, second):
        outreach.scoring.documents[account] = health_of(account)
    wait = {"id": "wait", "kind": "wait", "days": 1}
    head = {"id": "plan", "name": "Plan", "trigger": {"kind": "by_hand"}, "steps": [wait]}
    for version in (1, 2):
        await outreach.runner.keeping.stock([head | {"version": version}])
    async with outreach.while_asked(outreach.runner.by_hand.start(first, "plan", "a hunch", "kim")):
        await outreach.runner.releasing.rollback("plan", "stop", "kim")
    assert (await outreach.one("run", first))["version"] == 1

    with pytest.raises(NotStarted):
        async with outreach.while_asked(outreach.runner.by_hand.start(second, "plan", "a hunch", "kim")):
            await outreach.runner.keeping.set_state("plan", "paused", "kim")
    assert await outreach.outcomes(second) == [("suppressed", "playbook_paused")]


async def test_a_version_that_is_kept_under_the_number_of_another_starts_nothing_and_keeps_nobody_waiting(
    outreach: Outreach,
) -> None:
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account)
    wait = {"id": "wait", "kind": "wait", "days": 1}
    head = {"id": "plan", "name": "Plan", "trigger": {"kind": "by_hand"}, "steps": [wait]}
    await outreach.runner.keeping.stock([head | {"version": 1}])
    await outreach.pool.execute(
        "update playbook set document = jsonb_set(document, '{version}', '7') where id = 'plan'"
    )

    async with asyncio.timeout(20):
        with pytest.raises(PlaybookUnknown):
            await outreach.runner.by_hand.start(account, "plan", "a hunch", "kim")
