"""Claims about rehearsals over the feeds: they find whom live runs would have found, and leave no trace."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from support.outreach import Outreach, health_of, publish
from support.runner_api import key_with, runner_api

from milepost_runtime.database import Pool
from playbook_runner.settings import RunnerSettings

MAIL = {"id": "write", "kind": "email", "to": "owner", "subject": "Hi", "text": "Hi.", "transactional": True}
WAIT = {"id": "wait", "kind": "wait", "days": 3}
CALL = {"id": "call", "kind": "task", "title": "Call", "script": "Call.", "effort_minutes": 40, "finish_hours": 8}
RECOVERED = [{"kind": "recovered", "bands": ["green"]}]
OURS = ("run", "step", "effect", "ledger", "task", "approval", "told", "touch", "assignment", "armed")


def playbook(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "format": "playbook/1", "id": "rescue", "version": 1, "name": "Rescue", "purpose": "Helps.",
        "trigger": {"kind": "band_changed", "to": ["red"], "direction": "down"}, "steps": list(steps),
    } | more  # fmt: skip


async def moved(outreach: Outreach, account: UUID, days_ago: float, before: str, after: str, **more: Any) -> None:
    at = datetime.now(UTC) - timedelta(days=days_ago)
    await publish(outreach.scoring_pool, account, from_band=before, to_band=after, computed_at=at, **more)


async def dropped(outreach: Outreach, days_ago: float, band: str = "red", **more: Any) -> UUID:
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account, band)
    await moved(outreach, account, days_ago, "green", "red", **more)
    return account


async def traces(pool: Pool) -> list[int]:
    return [await pool.fetchval(f"select count(*) from {table}") for table in OURS]


@pytest.fixture
async def api(outreach: Outreach, settings: RunnerSettings) -> AsyncIterator[httpx.AsyncClient]:
    await outreach.pool.execute("truncate playbook, assignment, armed")
    async with runner_api(settings, await key_with(outreach.pool, "read")) as client:
        yield client


async def preview(api: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await api.post("/playbooks/rescue:preview", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def dry_run(api: httpx.AsyncClient, days_ago: float, ahead: float, **body: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    span = {"since": (now - timedelta(days=days_ago)).isoformat(), "until": (now + timedelta(days=ahead)).isoformat()}
    answer = await api.post("/playbooks/rescue:dry-run", json=span | body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_preview_tells_who_would_have_matched_and_the_work_it_implies(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    await outreach.runner.keeping.stock([playbook(MAIL, WAIT, CALL)])
    long_ago, lately = await dropped(outreach, 20), await dropped(outreach, 1)
    await dropped(outreach, 45)
    await dropped(outreach, 5, cause="backfill")

    told = await preview(api, days=30)

    assert {one["account_id"] for one in told["data"]} == {str(long_ago), str(lately)}
    assert (told["matched"], told["considered"]) == (2, 3)
    assert told["work"]["messages"] == {"email": 2}
    assert (told["work"]["tasks"], told["work"]["minutes"]) == (1, 40.0)


async def test_a_preview_ends_runs_where_the_account_recovered_then(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await outreach.runner.keeping.stock([playbook(MAIL, WAIT, CALL, exits=RECOVERED)])
    account = await dropped(outreach, 20, band="green")
    await moved(outreach, account, 19, "red", "green")

    told = await preview(api, days=30)

    assert (told["data"][0]["ended"], told["work"]["tasks"]) == ("recovered", 0)


async def test_nothing_comes_of_a_rehearsal(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await outreach.runner.keeping.stock([playbook(MAIL, WAIT, CALL)])
    account = await dropped(outreach, 3)
    before = await traces(outreach.pool)

    await preview(api)
    await dry_run(api, 5, 30)
    await dry_run(api, 0, 30, accounts=[str(account)], begin="since")

    assert await traces(outreach.pool) == before == [0] * len(OURS)
    assert outreach.mail.mails == []


async def test_a_dry_run_is_the_same_every_time(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await outreach.runner.keeping.stock([playbook(MAIL | {"transactional": False}, WAIT, CALL)])
    for days in range(6):
        await dropped(outreach, days + 0.5)
    now = datetime.now(UTC)
    body = {"since": (now - timedelta(days=10)).isoformat(), "until": (now + timedelta(days=20)).isoformat()}

    answers = [(await api.post("/playbooks/rescue:dry-run", json=body)).json() for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["accounts"] == 6
    assert len(answers[0]["digest"]) == 64


async def test_one_account_is_played_into_the_future_from_a_moment_of_choice(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    await outreach.runner.keeping.stock([playbook(MAIL, WAIT, CALL)])
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account, "red")

    told = await dry_run(api, 0, 30, accounts=[str(account)], begin="since")

    (story,) = told["data"]
    assert [line["code"] for line in story["lines"]] == ["started", "sent", "waits", "passed", "task", "completed"]
    sent, task = (next(line for line in story["lines"] if line["code"] == code) for code in ("sent", "task"))
    assert datetime.fromisoformat(task["at"]) - datetime.fromisoformat(sent["at"]) == timedelta(days=3)


async def test_what_happened_in_the_past_wakes_what_waited_for_it(
    outreach: Outreach, api: httpx.AsyncClient, ingest_pool: Pool
) -> None:
    wait = {"id": "reply", "kind": "wait", "events": ["session.started"], "timeout_days": 9, "on_timeout": "call"}
    await outreach.runner.keeping.stock([playbook(wait, MAIL | {"next": "end"}, CALL)])
    heard, silent = await dropped(outreach, 12), await dropped(outreach, 12)
    await ingest_pool.execute(
        "insert into event (event_id, account_id, type, occurred_at, source, properties)"
        " values ('e1', $1, 'session.started', clock_timestamp() - interval '10 days', 'test', '{}')",
        heard,
    )

    told = await dry_run(api, 20, 0)

    codes = {one["account_id"]: [line["code"] for line in one["lines"]] for one in told["data"]}
    assert "sent" in codes[str(heard)]
    assert "task" in codes[str(silent)]


async def test_a_rehearsal_equals_what_then_really_happens(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await outreach.runner.keeping.stock([playbook(MAIL, CALL)])
    account = await dropped(outreach, 0.01)
    told = await dry_run(api, 0.5, 1, accounts=[str(account)])

    for _ in range(3):
        await outreach.all_lanes()

    codes = [line["code"] for line in told["data"][0]["lines"]]
    assert codes[:3] == ["started", "sent", "task"]
    assert len(outreach.mail.mails) == 1
    assert (await outreach.one("task", account))["state"] == "open"


@pytest.mark.parametrize(("since", "until"), [(1, 0), (0, 500), (0, 0)])
async def test_a_span_of_nothing_or_of_years_is_refused(
    outreach: Outreach, api: httpx.AsyncClient, since: int, until: int
) -> None:
    await outreach.runner.keeping.stock([playbook(MAIL)])
    now = datetime.now(UTC)
    body = {"since": (now + timedelta(days=since)).isoformat(), "until": (now + timedelta(days=until)).isoformat()}

    answer = await api.post("/playbooks/rescue:dry-run", json=body)

    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (422, "span_refused")


async def test_nobody_rehearses_what_is_not_there(outreach: Outreach, api: httpx.AsyncClient) -> None:
    assert (await api.post("/playbooks/nothing:preview", json={})).status_code == 404
