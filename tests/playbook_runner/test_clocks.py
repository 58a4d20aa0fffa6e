"""Claims about the clocks of tasks: whose hours count, what makes them stand still, who is told before they run out."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from support.outreach import Outreach
from support.runner_api import key_with, runner_api

from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from playbook_runner.people.clocks import NewClocks
from playbook_runner.people.staffing import Staff
from playbook_runner.queries.waking import SETTLED_S
from playbook_runner.settings import RunnerSettings

CALL = {"id": "call", "kind": "task", "title": "Call", "script": "Call.", "finish_hours": 16, "owner": ["kim"]}
A_WEEK = 7 * 24.0
ACCEPTING = ("accept_by", "accept_warn_at", "next_at")
A_MOMENT = timedelta(seconds=10)


@pytest.fixture
async def api(outreach: Outreach, settings: RunnerSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with runner_api(settings, await key_with(outreach.pool, "admin")) as client:
        yield client


async def given(outreach: Outreach, **more: Any) -> UUID:
    """Let somebody be given a task."""
    document = {
        "format": "playbook/1", "id": "call-them", "version": 1, "name": "Call", "purpose": "Somebody calls.",
        "trigger": {"kind": "band_changed", "to": ["red"], "direction": "down"},
        "steps": [CALL | {"owner": ["owner"]} | more],
    }  # fmt: skip
    await outreach.pool.execute("truncate playbook")
    await outreach.runner.keeping.stock([document])
    account = await outreach.drop(owner="kim")
    await outreach.start()
    await outreach.advance()
    return account


async def earlier(outreach: Outreach, hours: float, *names: str) -> None:
    """Let hours have passed for tasks: all their moments, or these alone, lie so much earlier."""
    every = ("created_at", "charged_until", "accept_by", "due_at", "accept_warn_at", "finish_warn_at", "awaiting_since",
             "snoozed_until", "warned_at", "breached_at", "next_at")  # fmt: skip
    sets = ", ".join(f"{name} = {name} - $1::interval" for name in names or every)
    await outreach.pool.execute(f"update task set {sets}", timedelta(hours=hours))


async def tick(outreach: Outreach) -> None:
    await drain(outreach.pool, outreach.runner.tasking.lane)


async def words(outreach: Outreach, account: UUID) -> list[str]:
    rows = await outreach.pool.fetch("select kind from task_word where account_id = $1 order by id", account)
    return [row["kind"] for row in rows]


async def happens(outreach: Outreach, ingest_pool: Pool, *events: tuple[UUID, str, timedelta]) -> None:
    """Let events be told that happened so long ago, settle, and be read."""
    for account, kind, ago in events:
        await ingest_pool.execute(
            "insert into event (event_id, account_id, type, occurred_at, source, properties)"
            " values ($1, $2, $3, clock_timestamp() - $4::interval, 'tests', '{}')",
            str(uuid4()), account, kind, ago,
        )  # fmt: skip
    await asyncio.sleep(SETTLED_S + 0.05)
    await drain(outreach.pool, outreach.runner.waking.lane)


async def test_who_says_no_hours_works_in_those_of_the_policy(outreach: Outreach, api: httpx.AsyncClient) -> None:
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    document = {"opens": "10:00", "closes": "12:00", "workdays": days, "zone": "Asia/Tokyo", "holidays": False}
    assert (await api.post("/policy", json={"document": document})).status_code == 201

    task = await outreach.one("task", await given(outreach, finish_hours=2))

    due = task["due_at"].astimezone(ZoneInfo("Asia/Tokyo"))
    assert (10, 0) < (due.hour, due.minute) <= (12, 0) or (due.hour, due.minute) == (12, 0)
    assert task["due_at"] - task["created_at"] <= timedelta(hours=26)


async def test_a_persons_own_hours_go_before_the_policys(outreach: Outreach, api: httpx.AsyncClient) -> None:
    hours = {"opens": "20:00", "closes": "21:00", "zone": "America/Lima"}
    said = await api.put("/people/kim", json=hours)
    assert (said.json()["opens"], said.json()["closes"]) == ("20:00", "21:00"), said.text
    assert (await api.get("/people/kim")).json() == said.json()

    task = await outreach.one("task", await given(outreach, finish_hours=3))

    due = task["due_at"].astimezone(ZoneInfo("America/Lima"))
    assert due.hour == 20 or (due.hour, due.minute) == (21, 0)
    assert timedelta(days=1) < task["due_at"] - task["created_at"] < timedelta(days=4)


@pytest.mark.parametrize(
    "hours",
    [{"opens": "09:00"}, {"opens": "17:00", "closes": "09:00"}, {"opens": "9", "closes": "17:00"}, {"opens": 540}],
)
async def test_hours_that_are_none_are_refused(api: httpx.AsyncClient, hours: dict[str, Any]) -> None:
    assert (await api.put("/people/kim", json=hours)).status_code == 422


async def test_a_claim_ends_a_sleep_and_gives_back_the_time_that_was_not_slept(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    account = await given(outreach, accept_hours=4)
    before = await outreach.one("task", account)
    until = (datetime.now(UTC) + timedelta(days=80)).isoformat()
    await api.post(f"/tasks/{before['id']}/snooze", json={"until": until, "reason": "later"})
    assert (await outreach.one("task", account))["due_at"] - before["due_at"] > timedelta(days=79)

    await api.post(f"/tasks/{before['id']}/claim")

    after = await outreach.one("task", account)
    assert after["state"] == "claimed"
    for clock in ("accept_by", "due_at", "accept_warn_at", "finish_warn_at"):
        assert abs(after[clock] - before[clock]) < A_MOMENT, clock


async def test_the_owner_is_warned_once_before_the_clock_runs_out(outreach: Outreach, api: httpx.AsyncClient) -> None:
    account = await given(outreach)
    await earlier(outreach, 11.9)
    await tick(outreach)
    assert (await outreach.one("task", account))["warned_at"] is None

    await earlier(outreach, 0.2)
    await tick(outreach)
    await tick(outreach)

    task = await outreach.one("task", account)
    assert (task["owner"], task["breached_at"], task["next_at"]) == ("kim", None, task["due_at"])
    assert await words(outreach, account) == ["evidence", "warned"]
    (item,) = (await api.get("/tasks/queue", params={"owner": "kim"})).json()["data"]
    assert item["task"]["warned_at"] is not None
    told = await outreach.pool.fetch("select event from told where account_id = $1 order by created_at", account)
    assert [row["event"]["type"] for row in told] == ["task.created", "task.warned"]
    assert told[1]["event"]["actor"] == "kim"

    await earlier(outreach, 4)
    await tick(outreach)
    assert await words(outreach, account) == ["evidence", "warned", "breached"]


async def test_while_the_customer_is_awaited_the_clocks_stand_still_and_the_hours_are_theirs(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    account = await given(outreach)
    task = await outreach.one("task", account)
    await earlier(outreach, 3)
    path = f"/tasks/{task['id']}"
    assert (await api.post(f"{path}/await", json={})).status_code == 422
    waits = await api.post(f"{path}/await", json={"reason": "their data"})
    assert (waits.json()["awaiting"], waits.json()["state"]) == ("their data", "open"), waits.text
    assert (await api.get("/tasks/queue", params={"owner": "kim"})).json()["data"] == []

    await earlier(outreach, 100)
    await tick(outreach)
    assert await words(outreach, account) == ["evidence", "awaiting"]
    went_on = (await api.post(f"{path}/resume")).json()

    assert (went_on["awaiting_since"], went_on["breached_at"]) == (None, None)
    assert (went_on["our_hours"], went_on["their_hours"]) == (pytest.approx(3, abs=0.1), pytest.approx(100, abs=0.1))
    left = datetime.fromisoformat(went_on["due_at"]) - datetime.now(UTC)
    assert abs(left - timedelta(hours=13)) < A_MOMENT
    await earlier(outreach, 2)
    done = (await api.post(f"{path}/complete", json={"outcome": "helped"})).json()
    assert (done["our_hours"], done["their_hours"]) == (pytest.approx(5, abs=0.1), pytest.approx(100, abs=0.1))


@pytest.mark.parametrize("kind", ["message.replied", "meeting.attended"])
async def test_the_customers_answer_lets_the_clocks_run_on_from_its_moment(
    outreach: Outreach, api: httpx.AsyncClient, ingest_pool: Pool, kind: str
) -> None:
    account = await given(outreach)
    task = await outreach.one("task", account)
    await api.post(f"/tasks/{task['id']}/await", json={"reason": "their word"})
    await earlier(outreach, 10)

    before, other = timedelta(hours=11), (account, "session.started", timedelta(hours=5))
    await happens(outreach, ingest_pool, (account, kind, before), other, (uuid4(), kind, timedelta(hours=5)))
    assert (await outreach.one("task", account))["awaiting_since"] is not None
    await happens(outreach, ingest_pool, (account, kind, timedelta(hours=4)))

    task = await outreach.one("task", account)
    assert task["awaiting_since"] is None
    assert task["their_hours"] == pytest.approx(6, abs=0.1)
    assert abs(task["due_at"] - datetime.now(UTC) - timedelta(hours=12)) < A_MOMENT
    assert await words(outreach, account) == ["evidence", "awaiting", "went_on"]


async def test_a_second_missed_clock_does_not_take_a_task_from_one_lead_to_another(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    for name in ("ann", "bo"):
        await api.put(f"/people/{name}", json={"roles": ["lead"]})
    account = await given(outreach, accept_hours=4, escalate_to="role:lead")
    await earlier(outreach, 4.1)
    await tick(outreach)
    task = await outreach.one("task", account)
    assert (task["owner"], task["role"]) == ("ann", "lead")
    await api.post(f"/tasks/{task['id']}/claim", json={"owner": "ann"})

    await earlier(outreach, 12.1)
    await tick(outreach)

    task = await outreach.one("task", account)
    assert (task["owner"], task["state"]) == ("ann", "claimed")
    assert await words(outreach, account) == ["evidence", "breached", "claimed", "breached"]


@pytest.mark.parametrize("to", ["role:nobody", "zed", "zed@", "owner"])
async def test_nothing_is_handed_to_a_role_or_a_name_that_nobody_has(
    outreach: Outreach, api: httpx.AsyncClient, to: str
) -> None:
    task = await outreach.one("task", await given(outreach))
    body = {"to": to, "reason": "leave"}

    one = await api.post(f"/tasks/{task['id']}/hand-over", json=body)
    every = await api.post("/tasks:hand-over", json=body | {"owner": "kim"})

    assert [answer.status_code for answer in (one, every)] == [422, 422]
    assert one.json()["type"].rpartition("/")[2] == "hand_over_refused"
    assert (await outreach.one("task", task["account_id"]))["owner"] == "kim"


def test_clocks_of_one_kind_are_reckoned_once_for_each_owner() -> None:
    early = {"kim": (time(6), time(14)), "dana": (time(9), time(17))}
    clocks = NewClocks(datetime(2026, 3, 2, 7, tzinfo=UTC), Staff("lee", hours=early))
    assert clocks.of("kim", 1, 4) is clocks.of("kim", 1, 4)
    assert clocks.of("kim", 1, 4)["due_at"] == datetime(2026, 3, 2, 11, tzinfo=UTC)
    assert clocks.of("dana", 1, 4)["due_at"] == datetime(2026, 3, 2, 13, tzinfo=UTC)
    assert clocks.of("kim", None, 2)["due_at"] == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert clocks.of("kim", None, 2)["accept_by"] is None


@pytest.mark.parametrize("whole_desk", [False, True], ids=["one", "all"])
async def test_who_is_handed_a_task_has_as_long_to_accept_it_as_the_first_had(
    outreach: Outreach, api: httpx.AsyncClient, whole_desk: bool
) -> None:
    for name, roles in (("lea", ["lead"]), ("ben", []), ("kim", [])):
        await api.put(f"/people/{name}", json={"name": name, "email": f"{name}@vendor.example", "roles": roles})
    account = await given(outreach, accept_hours=1, finish_hours=20, escalate_to="role:lead")
    task = await outreach.one("task", account)
    await outreach.runner.tending.claim(task["id"], "kim", take_over=False)
    await earlier(outreach, A_WEEK, *ACCEPTING)
    await tick(outreach)

    path, whose = ("/tasks:hand-over", {"owner": "kim"}) if whole_desk else (f"/tasks/{task['id']}/hand-over", {})
    answer = await api.post(path, json=whose | {"to": "ben", "reason": "a holiday"})
    assert answer.status_code < 300, answer.text
    await tick(outreach)
    handed = await outreach.one("task", account)
    assert (handed["owner"], handed["state"], handed["breached_at"]) == ("ben", "open", None)
    assert handed["accept_by"] > datetime.now(UTC) + timedelta(minutes=50)

    await earlier(outreach, A_WEEK, *ACCEPTING)
    await tick(outreach)
    assert (await outreach.one("task", account))["owner"] == "lea"
