"""Claims about people's work: one task of a reason, its clocks, what people do with it, who hears of it."""

import asyncio
import functools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from support.outreach import Outreach
from support.runner_api import key_with, runner_api

from milepost_core.cadence import Leave
from milepost_runtime.failpoints import arm
from milepost_runtime.lanes import claim, drain
from playbook_runner.runs.stopping import Leaving, stop
from playbook_runner.settings import RunnerSettings

CALL = {
    "id": "call", "kind": "task", "title": "Call {{ account.name }}", "finish_hours": 16, "effort_minutes": 45,
    "script": "They lose most points for {{ reasons[0].label | lower }}.",
}  # fmt: skip
AFTER = {"id": "later", "kind": "wait", "days": 400}


def playbook(*steps: dict[str, Any], name: str = "call-them", **more: Any) -> dict[str, Any]:
    return {
        "format": "playbook/1", "id": name, "version": 1, "name": "Call them", "purpose": "Somebody calls.",
        "trigger": {"kind": "band_changed", "to": ["red"], "direction": "down"}, "steps": [dict(one) for one in steps],
    } | more  # fmt: skip


async def asked(outreach: Outreach, *documents: dict[str, Any], **account_parts: Any) -> UUID:
    """Let an account drop under these playbooks, and everything happen that is due."""
    await outreach.pool.execute("truncate playbook")
    await outreach.runner.keeping.stock(documents)
    account = await outreach.drop(**account_parts)
    await outreach.start()
    await outreach.advance()
    return account


async def person(outreach: Outreach, name: str, *roles: str, **columns: Any) -> None:
    row = {"id": name, "email": f"{name}@vendor.example", "roles": list(roles)} | columns
    marks = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    await outreach.pool.execute(f"insert into person ({', '.join(row)}) values ({marks})", *row.values())


async def words(outreach: Outreach, account: UUID) -> list[str]:
    rows = await outreach.pool.fetch("select kind from task_word where account_id = $1 order by id", account)
    return [row["kind"] for row in rows]


async def tick(outreach: Outreach) -> None:
    await drain(outreach.pool, outreach.runner.tasking.lane)


@pytest.fixture
async def api(outreach: Outreach, settings: RunnerSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with runner_api(settings, await key_with(outreach.pool, "read", "write")) as client:
        yield client


async def test_a_task_has_its_owner_its_words_of_today_and_its_clock(outreach: Outreach) -> None:
    account = await asked(outreach, playbook(CALL, AFTER))

    task = await outreach.one("task", account)
    assert (task["owner"], task["state"], task["title"]) == ("kim@vendor.example", "open", "Call Aurora Logistics")
    assert task["script"] == "They lose most points for milestones."
    assert 0 < task["risk"] < 1
    assert abs(task["due_at"] - task["created_at"] - timedelta(hours=16)) < timedelta(seconds=5)
    assert abs(task["finish_warn_at"] - task["created_at"] - timedelta(hours=12)) < timedelta(seconds=5)
    assert task["next_at"] == task["finish_warn_at"]
    assert await words(outreach, account) == ["evidence"]


async def test_the_run_waits_for_its_task_and_goes_on_with_the_outcome(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    account = await asked(outreach, playbook(CALL, AFTER))
    task = await outreach.one("task", account)
    assert (await outreach.one("step", account))["state"] == "performing"

    done = await api.post(f"/tasks/{task['id']}/complete", json={"outcome": "helped", "note": "ok", "minutes": 20})
    await outreach.advance()

    assert done.status_code == 200, done.text
    assert (done.json()["state"], done.json()["outcome"], done.json()["ended_by"]) == ("done", "helped", "Dana")
    states = await outreach.pool.fetch(
        "select path, state, outcome from step where account_id = $1 order by id", account
    )
    assert [tuple(row) for row in states] == [("call", "done", "helped"), ("later", "waiting", None)]


async def test_a_task_ends_only_with_an_outcome_and_a_root_cause_is_named(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    account = await asked(outreach, playbook(CALL))
    path = f"/tasks/{(await outreach.one('task', account))['id']}/complete"

    assert (await api.post(path, json={})).status_code == 422
    assert (await api.post(path, json={"outcome": "whatever"})).status_code == 422
    assert (await api.post(path, json={"outcome": "root_cause"})).status_code == 422
    assert (await api.post(path, json={"outcome": "root_cause", "note": "the import is broken"})).status_code == 200
    again = await api.post(path, json={"outcome": "helped"})
    assert (again.status_code, again.json()["type"].rpartition("/")[2]) == (409, "task_ended")


async def test_a_second_playbook_with_the_same_reason_adds_evidence_and_waits_for_the_same_end(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    same = CALL | {"reason": "usage fell"}
    account = await asked(outreach, playbook(same, AFTER), playbook(same, AFTER, name="call-them-too"))

    task = await outreach.one("task", account)
    assert await words(outreach, account) == ["evidence", "evidence"]
    assert (await api.post(f"/tasks/{task['id']}/skip", json={"reason": "they are on holiday"})).status_code == 200
    await outreach.advance()
    ended = await outreach.pool.fetchval(
        "select count(*) from step where account_id = $1 and path = 'call' and state = 'done'", account
    )
    assert ended == 2


async def test_a_task_that_nobody_waits_for_lets_its_run_go_on_at_once(outreach: Outreach) -> None:
    account = await asked(outreach, playbook(CALL | {"waits": False}, AFTER))
    await outreach.advance()

    assert (await outreach.one("task", account))["state"] == "open"
    steps = await outreach.pool.fetch(
        "select state, outcome, fence from step where account_id = $1 order by id", account
    )
    assert [row["state"] for row in steps] == ["done", "waiting"]
    # It was looked at once: what came of it was written with the task.
    assert (steps[0]["outcome"], steps[0]["fence"]) == ("begun", 1)


async def test_what_is_not_accepted_in_time_goes_up_once_and_says_so(outreach: Outreach) -> None:
    await person(outreach, "head", "head-of-success")
    call = CALL | {"accept_hours": 4, "escalate_to": "role:head-of-success"}
    account = await asked(outreach, playbook(call))
    await outreach.pool.execute(
        "update task set accept_by = clock_timestamp() - interval '1 minute', next_at = clock_timestamp()"
    )

    await tick(outreach)
    await tick(outreach)

    task = await outreach.one("task", account)
    assert (task["owner"], task["role"], task["state"]) == ("head", "head-of-success", "open")
    assert task["breached_at"] is not None
    assert task["next_at"] == task["finish_warn_at"]
    assert await words(outreach, account) == ["evidence", "breached"]


async def test_who_accepted_in_time_keeps_the_task_until_it_is_late(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await person(outreach, "head", "boss")
    account = await asked(outreach, playbook(CALL | {"accept_hours": 4, "escalate_to": "role:boss"}))
    task = await outreach.one("task", account)
    assert (await api.post(f"/tasks/{task['id']}/claim", json={"owner": "kim@vendor.example"})).status_code == 200
    await outreach.pool.execute("update task set accept_by = clock_timestamp() - interval '1 minute'")
    await outreach.pool.execute("update task set next_at = clock_timestamp()")
    await tick(outreach)
    assert (await outreach.one("task", account))["owner"] == "kim@vendor.example"

    await outreach.pool.execute(
        "update task set due_at = clock_timestamp() - interval '1 s', next_at = clock_timestamp()"
    )
    await tick(outreach)

    task = await outreach.one("task", account)
    assert (task["owner"], task["state"], task["next_at"]) == ("head", "open", None)


async def test_a_claimed_task_is_nobody_elses_unless_it_is_taken_over(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    account = await asked(outreach, playbook(CALL))
    path = f"/tasks/{(await outreach.one('task', account))['id']}/claim"

    assert (await api.post(path)).json()["owner"] == "Dana"
    assert (await api.post(path, json={"owner": "lee"})).status_code == 409
    assert (await api.post(path)).json()["state"] == "claimed"
    taken = await api.post(path, json={"owner": "lee", "take_over": True})
    assert (taken.json()["owner"], taken.json()["state"]) == ("lee", "claimed")


async def test_a_sleeping_task_hears_no_new_evidence_and_its_clocks_stand_still(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    same = CALL | {"reason": "usage fell"}
    account = await asked(outreach, playbook(same, re_entry={"days": 0}))
    task = await outreach.one("task", account)
    until = datetime.now(UTC) + timedelta(days=10)
    body = {"until": until.isoformat(), "reason": "they asked for time"}
    asleep = await api.post(f"/tasks/{task['id']}/snooze", json=body)
    assert asleep.json()["state"] == "snoozed", asleep.text
    assert datetime.fromisoformat(asleep.json()["due_at"]) >= until

    await outreach.runner.keeping.stock([playbook(same, name="another")])
    await outreach.pool.execute("update cursor set position = 0")
    await outreach.start()
    await outreach.advance()
    assert (await outreach.one("task", account))["state"] == "snoozed"
    assert await words(outreach, account) == ["evidence", "snoozed", "evidence"]

    await outreach.pool.execute("update task set snoozed_until = clock_timestamp(), next_at = clock_timestamp()")
    await tick(outreach)
    task = await outreach.one("task", account)
    assert (task["state"], task["next_at"]) == ("open", task["finish_warn_at"])


async def test_who_is_sent_to_sleep_again_while_a_worker_comes_to_wake_them_sleeps_on(outreach: Outreach) -> None:
    account = await asked(outreach, playbook(CALL))
    task = await outreach.one("task", account)
    asleep = functools.partial(outreach.runner.tending.snooze, task["id"])
    await asleep(datetime.now(UTC) + timedelta(minutes=5), "they are at lunch", "kim")
    await outreach.pool.execute("update task set snoozed_until = clock_timestamp(), next_at = clock_timestamp()")
    async with outreach.pool.acquire() as connection:
        claims = await claim(connection, outreach.runner.tasking.lane, 10)
    until = datetime.now(UTC) + timedelta(days=7)
    await asleep(until, "they are on holiday", "kim")
    await outreach.runner.tasking.tick(claims)

    task = await outreach.one("task", account)
    assert (len(claims), task["state"], task["snoozed_until"], task["next_at"]) == (1, "snoozed", until, until)
    assert await words(outreach, account) == ["evidence", "snoozed", "snoozed"]


async def test_nobody_snoozes_into_the_past_or_for_ever(outreach: Outreach, api: httpx.AsyncClient) -> None:
    account = await asked(outreach, playbook(CALL))
    path = f"/tasks/{(await outreach.one('task', account))['id']}/snooze"

    for days in (-1, 400):
        until = (datetime.now(UTC) + timedelta(days=days)).isoformat()
        assert (await api.post(path, json={"until": until, "reason": "x"})).status_code == 422
    later = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    assert (await api.post(path, json={"until": later})).status_code == 422


async def test_all_of_somebodys_tasks_are_shared_over_a_role_by_load(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    for name in ("ann", "bo"):
        await person(outreach, name, "csm")
    await asked(outreach, playbook(CALL))
    for _ in range(3):
        await outreach.drop()
    await outreach.start()
    await outreach.advance()

    body = {"owner": "kim@vendor.example", "to": "role:csm", "reason": "kim is on leave"}
    given = await api.post("/tasks:hand-over", json=body)

    assert given.json() == {"tasks": 4}
    owners = await outreach.pool.fetch("select owner, count(*)::int as n from task group by 1 order by 1")
    assert [tuple(row) for row in owners] == [("ann", 2), ("bo", 2)]


async def test_who_is_away_is_stood_in_for(outreach: Outreach) -> None:
    await person(outreach, "kim")
    await person(outreach, "lee")
    await outreach.pool.execute(
        "insert into absence (id, person_id, since, until, delegate_id) values"
        " (gen_random_uuid(), 'kim', current_date - 1, current_date + 1, 'lee')"
    )
    account = await asked(outreach, playbook(CALL))

    assert (await outreach.one("task", account))["owner"] == "lee"


async def test_the_queue_is_ranked_by_worth_and_cut_at_the_day(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await person(outreach, "kim", minutes_a_day=100)
    first = await asked(outreach, playbook(CALL))
    others = [await outreach.drop() for _ in range(3)]
    await outreach.start()
    await outreach.advance()
    for place, account in enumerate((first, *others)):
        await outreach.pool.execute("update task set value = $2 where account_id = $1", account, 100.0 * 2**place)

    queue = (await api.get("/tasks/queue", params={"owner": "kim"})).json()

    assert queue["minutes_a_day"] == 100
    assert [item["task"]["account_id"] for item in queue["data"]] == [str(one) for one in reversed((first, *others))]
    assert [item["today"] for item in queue["data"]] == [True, True, False, False]
    worths = [item["worth"] for item in queue["data"]]
    assert worths == sorted(worths, reverse=True)


async def test_a_run_that_ends_closes_its_task(outreach: Outreach) -> None:
    account = await asked(outreach, playbook(CALL))
    run = await outreach.one("run", account)

    await outreach.runner.resolving.cancel(run["id"], "Dana")

    assert (await outreach.one("task", account))["state"] == "closed"


async def test_what_became_of_a_task_is_to_be_told_with_what_it_is_about(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    account = await asked(outreach, playbook(CALL))
    task = await outreach.one("task", account)
    await api.post(f"/tasks/{task['id']}/complete", json={"outcome": "no_effect", "minutes": 12.5})

    rows = await outreach.pool.fetch("select event from told where account_id = $1 order by created_at", account)
    created, completed = [row["event"] for row in rows]
    assert (created["type"], completed["type"]) == ("task.created", "task.completed")
    assert completed["actor"] == "Dana"
    properties = completed["properties"]
    assert (properties["outcome"], properties["minutes"], properties["playbook"]) == ("no_effect", 12.5, "call-them")


async def test_a_task_of_two_runs_is_closed_with_the_last_of_them(outreach: Outreach) -> None:
    same = CALL | {"reason": "usage fell"}
    account = await asked(outreach, playbook(same, AFTER), playbook(same, AFTER, name="call-them-too"))
    first, second = await outreach.pool.fetch("select id from run where account_id = $1 order by id", account)

    await outreach.runner.resolving.cancel(first["id"], "Dana")
    assert (await outreach.one("task", account))["state"] == "open"
    await outreach.runner.resolving.cancel(second["id"], "Dana")
    assert (await outreach.one("task", account))["state"] == "closed"


async def test_a_task_that_another_run_takes_up_while_the_first_one_ends_is_closed_under_nobody(
    outreach: Outreach,
) -> None:
    same = CALL | {"reason": "usage fell"}
    account = await asked(outreach, playbook(same, AFTER))
    first = await outreach.one("run", account)
    second = playbook(same, AFTER, name="call-them-too", trigger={"kind": "by_hand"})
    await outreach.runner.keeping.stock([second])
    taking_up = await outreach.runner.by_hand.start(account, "call-them-too", "a hunch", "kim")
    arm("playbooks.advance.given=sleep:0.5")
    try:
        advancing = asyncio.create_task(outreach.advance())
        await asyncio.sleep(0.25)
        await asyncio.gather(advancing, outreach.runner.resolving.cancel(first["id"], "Dana"))
    finally:
        arm("")
    task = await outreach.one("task", account)
    assert task["state"] == "open"

    await outreach.runner.resolving.cancel(taking_up, "Dana")
    assert (await outreach.one("task", account))["state"] == "closed"


async def test_a_task_of_runs_that_end_together_for_different_reasons_is_closed(outreach: Outreach) -> None:
    same = CALL | {"reason": "usage fell"}
    account = await asked(outreach, playbook(same, AFTER), playbook(same, AFTER, name="call-them-too"))
    runs = await outreach.pool.fetch("select id from run where account_id = $1 order by id", account)
    why = ("recovered", "the goal is met")
    async with outreach.pool.acquire() as connection, connection.transaction():
        await stop(connection, [Leaving(run["id"], Leave("ended", said)) for run, said in zip(runs, why, strict=True)])

    assert (await outreach.one("task", account))["state"] == "closed"
    assert await words(outreach, account) == ["evidence", "evidence", "closed"]
