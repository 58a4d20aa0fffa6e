"""Claims about accounts that were merged into others: what was under way goes on there, once; no word is forgotten."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from support.lifespan import lifespan
from support.outreach import PLAYBOOK, Outreach, health_of, publish
from support.runner_api import key_with, runner_api

from milepost_core.arbiter import Refuse
from milepost_runtime.database import Pool
from milepost_runtime.keys import insert_key, new_key
from milepost_runtime.lanes import claim, drain
from playbook_runner.app import build
from playbook_runner.arbiter.arbitrating import Asked
from playbook_runner.arbiter.suppressing import Word
from playbook_runner.people.tending import Outcome
from playbook_runner.queries.waking import SETTLED_S
from playbook_runner.settings import RunnerSettings

PLAN: dict[str, Any] = {
    "format": "playbook/1", "id": "plan", "version": 1, "name": "Plan", "trigger": {"kind": "by_hand"},
    "steps": [
        {"id": "a", "kind": "task", "owner": ["owner"], "title": "Call them", "script": "Say hello", "reason": "risk"},
        {"id": "b", "kind": "wait", "days": 2},
    ],
}  # fmt: skip


async def merge(
    outreach: Outreach, ingest_pool: Pool, gone: UUID, survivor: UUID, source: str = "milepost", then: str | None = None
) -> None:
    """Tell a merge as the front door does, let it settle, and read it; the scoring service follows as well."""
    told = [(gone, "account.merged", str(survivor), source)] + ([(survivor, then, None, "tests")] if then else [])
    for account, kind, text, by in told:
        await ingest_pool.execute(
            "insert into event (event_id, account_id, type, occurred_at, source, value_text, properties)"
            " values ($1, $2, $3, clock_timestamp(), $5, $4, '{}')",
            str(uuid4()), account, kind, text, by,
        )  # fmt: skip
    await asyncio.sleep(SETTLED_S + 0.05)
    await drain(outreach.pool, outreach.runner.waking.lane)
    if source == "milepost":
        outreach.scoring.documents.pop(gone, None)


async def planned(outreach: Outreach, account: UUID | None = None) -> UUID:
    """Start the plan for an account: a task of one reason is open."""
    account = account or uuid4()
    outreach.scoring.documents[account] = health_of(account)
    await outreach.runner.keeping.stock([PLAN])
    await outreach.runner.by_hand.start(account, "plan", "a hunch", "kim")
    await outreach.advance()
    return account


def customer(outreach: Outreach) -> UUID:
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account)
    return account


async def against(outreach: Outreach, account: UUID) -> list[str]:
    """Return the words that stand against a mail to somebody at an account."""
    asked = Asked(bytes(32), account, "plan", "email", "ana@customer.example", datetime.now(UTC))
    async with outreach.pool.acquire() as connection:
        found = await outreach.runner.arbitrating.objections(connection, asked)
    return [one.code for one in found if isinstance(one, Refuse)]


async def of(outreach: Outreach, table: str, account: UUID) -> list[asyncpg.Record]:
    return list(await outreach.pool.fetch(f"select * from {table} where account_id = $1", account))


async def test_a_run_on_its_way_goes_on_at_the_survivor_and_its_mail_goes_out_once(
    outreach: Outreach, ingest_pool: Pool
) -> None:
    gone, survivor = await outreach.intended(), customer(outreach)
    before = await outreach.one("run", gone)
    await merge(outreach, ingest_pool, gone, survivor)
    await outreach.perform()
    run, effect = await outreach.one("run", survivor), await outreach.one("effect", survivor)

    assert (run["id"], run["state"], run["end_code"]) == (before["id"], "done", "completed")
    assert (effect["state"], len(outreach.mail.raw)) == ("done", 1)
    assert [len(await of(outreach, table, survivor)) for table in ("step", "attempt", "touch")] == [1, 1, 1]
    for table in ("run", "step", "effect", "attempt", "touch"):
        assert await of(outreach, table, gone) == [], table


async def test_what_is_under_way_at_both_goes_on_once(outreach: Outreach, ingest_pool: Pool) -> None:
    gone, survivor = await planned(outreach), await planned(outreach)
    kept = (await outreach.one("run", survivor))["id"]
    await merge(outreach, ingest_pool, gone, survivor)
    runs = {row["id"]: row for row in await of(outreach, "run", survivor)}
    other = next(row for row in runs.values() if row["id"] != kept)

    assert (runs[kept]["state"], other["state"], other["end_code"]) == ("running", "done", "merged")
    assert (await outreach.outcomes(gone))[-1] == ("skipped", "merged")
    assert await of(outreach, "task", gone) == []


async def test_of_two_tasks_for_one_reason_the_survivors_stays_and_takes_the_evidence_in(
    outreach: Outreach, ingest_pool: Pool
) -> None:
    gone, survivor = await planned(outreach), await planned(outreach)
    kept, other = await outreach.one("task", survivor), await outreach.one("task", gone)
    await merge(outreach, ingest_pool, gone, survivor)
    found = {row["id"]: row for row in await of(outreach, "task", survivor)}
    said = await outreach.pool.fetch("select kind from task_word where task_id = $1 order by id", kept["id"])

    assert (found[kept["id"]]["state"], found[other["id"]]["state"]) == ("open", "closed")
    assert str(survivor) in found[other["id"]]["outcome_note"]
    assert [row["kind"] for row in said].count("evidence") == 2
    ends = [row["event"] for row in await of(outreach, "told", survivor) if row["event"]["type"] == "task.completed"]
    assert [(one["item"], one["properties"]["outcome"]) for one in ends] == [(str(other["id"]), "closed")]


async def test_a_task_of_the_account_that_is_gone_stays_open_and_its_end_leads_the_run_on(
    outreach: Outreach, ingest_pool: Pool
) -> None:
    gone, survivor = await planned(outreach), customer(outreach)
    task = await outreach.one("task", gone)
    await merge(outreach, ingest_pool, gone, survivor)
    await outreach.runner.tending.complete(task["id"], Outcome("helped"), "kim")
    await outreach.advance()
    steps = {row["path"]: row["state"] for row in await of(outreach, "step", survivor)}

    assert (await outreach.one("task", survivor))["id"] == task["id"]
    assert steps == {"a": "done", "b": "waiting"}


async def test_a_word_to_leave_either_alone_counts_for_both(outreach: Outreach, ingest_pool: Pool) -> None:
    held, free = customer(outreach), customer(outreach)
    await outreach.runner.suppressing.say(Word("legal_hold", None, held, "", "dana", None))
    assert await against(outreach, free) == []
    await merge(outreach, ingest_pool, held, free)
    assert await against(outreach, free) == ["legal_hold"]

    moved, holding = customer(outreach), customer(outreach)
    await outreach.runner.suppressing.say(Word("hands_off", None, holding, "", "dana", None))
    await merge(outreach, ingest_pool, moved, holding)
    assert await against(outreach, holding) == ["hands_off"]


async def test_a_word_about_an_account_that_is_gone_is_one_about_the_survivor(
    outreach: Outreach, ingest_pool: Pool
) -> None:
    first, second, last = customer(outreach), customer(outreach), customer(outreach)
    await merge(outreach, ingest_pool, first, second)
    await merge(outreach, ingest_pool, second, last)
    row = await outreach.runner.suppressing.say(Word("legal_hold", None, first, "", "dana", None))

    assert row["account_id"] == last
    assert await against(outreach, last) == ["legal_hold"]


async def test_open_escalations_and_booked_calls_of_either_count_for_both(
    outreach: Outreach, ingest_pool: Pool
) -> None:
    gone, survivor, at = customer(outreach), customer(outreach), datetime.now(UTC)
    for account, kind, item, closed in (
        (gone, "escalation", "t1", None), (gone, "call", "m1", None), (gone, "escalation", "t2", None),
        (survivor, "escalation", "t2", at + timedelta(seconds=1)),
    ):  # fmt: skip
        await outreach.pool.execute(
            "insert into matter (account_id, kind, item, opened_at, closed_at) values ($1, $2, $3, $4, $5)",
            account, kind, item, at, closed,
        )  # fmt: skip
    await merge(outreach, ingest_pool, gone, survivor)
    found = {(row["kind"], row["item"]): row["closed_at"] for row in await of(outreach, "matter", survivor)}

    assert found == {("escalation", "t1"): None, ("call", "m1"): None, ("escalation", "t2"): at + timedelta(seconds=1)}
    assert await of(outreach, "matter", gone) == []


async def test_where_the_survivor_stands_in_a_playbook_it_stays(outreach: Outreach, ingest_pool: Pool) -> None:
    gone, survivor = customer(outreach), customer(outreach)
    for account, playbook, arm in ((gone, "one", "holdout"), (gone, "two", "a"), (survivor, "one", "b")):
        await outreach.pool.execute(
            "insert into assignment (account_id, playbook_id, version, arm, bucket) values ($1, $2, 1, $3, 0.5)",
            account, playbook, arm,
        )  # fmt: skip
    await merge(outreach, ingest_pool, gone, survivor)

    assert {row["playbook_id"]: row["arm"] for row in await of(outreach, "assignment", survivor)} == {
        "one": "b", "two": "a",
    }  # fmt: skip
    assert await of(outreach, "assignment", gone) == []


async def test_a_merge_that_a_stranger_tells_moves_nothing(outreach: Outreach, ingest_pool: Pool) -> None:
    gone, survivor = await outreach.intended(), customer(outreach)
    await merge(outreach, ingest_pool, gone, survivor, source="tests")

    assert (await outreach.one("run", gone))["state"] == "running"
    assert await of(outreach, "run", survivor) == []


async def test_whoever_held_a_row_at_that_moment_writes_nothing_under_the_old_account(
    outreach: Outreach, ingest_pool: Pool
) -> None:
    waiting, survivor = await outreach.drop(), customer(outreach)
    await outreach.start()
    async with outreach.pool.acquire() as connection:
        steps = await claim(connection, outreach.runner.advancing.lane, 10)
    await merge(outreach, ingest_pool, waiting, survivor)
    outreach.scoring.documents[waiting] = health_of(waiting)
    await outreach.runner.advancing.advance(steps)
    assert await of(outreach, "effect", waiting) == []

    await outreach.advance()
    async with outreach.pool.acquire() as connection:
        effects = await claim(connection, outreach.runner.performing.lane, 10)
    last = customer(outreach)
    await merge(outreach, ingest_pool, survivor, last)
    await outreach.runner.performing.perform(effects)
    assert outreach.mail.raw == []
    await outreach.perform()
    assert (len(outreach.mail.raw), (await outreach.one("effect", last))["state"]) == (1, "done")


async def test_a_change_of_before_the_merge_that_is_read_after_it_is_news_of_the_survivor(
    outreach: Outreach, ingest_pool: Pool
) -> None:
    gone, survivor = await outreach.drop(), customer(outreach)
    await merge(outreach, ingest_pool, gone, survivor)
    await publish(outreach.scoring_pool, survivor)
    await outreach.start()

    assert await of(outreach, "run", gone) == []
    assert [row["playbook_id"] for row in await of(outreach, "run", survivor)].count(PLAYBOOK) == 1


async def test_what_happens_to_the_survivor_just_after_ends_what_it_took_over(
    outreach: Outreach, ingest_pool: Pool
) -> None:
    gone, survivor = await outreach.intended(), customer(outreach)
    await merge(outreach, ingest_pool, gone, survivor, then="churned")
    run = await outreach.one("run", survivor)

    assert (run["state"], run["end_code"]) == ("done", "churned")


async def test_a_call_that_was_under_way_ends_at_the_survivor(outreach: Outreach, ingest_pool: Pool) -> None:
    gone, survivor = await outreach.intended(), customer(outreach)
    outreach.mail.gate.clear()
    performing = asyncio.create_task(outreach.perform())
    while not outreach.mail.asked_to_write:  # noqa: ASYNC110 - the server offers a count, not an event
        await asyncio.sleep(0.01)
    await merge(outreach, ingest_pool, gone, survivor)
    outreach.mail.gate.set()
    await performing
    effect = await outreach.one("effect", survivor)

    assert (effect["state"], len(outreach.mail.raw)) == ("done", 1)
    assert await outreach.attempts(survivor) == ["done"]
    assert (await outreach.one("run", survivor))["end_code"] == "completed"


async def test_who_leaves_by_the_link_of_an_old_mail_ends_the_runs_of_the_survivor(
    outreach: Outreach, ingest_pool: Pool, settings: RunnerSettings
) -> None:
    gone, survivor = await planned(outreach), customer(outreach)
    await outreach.pool.execute(
        "update playbook set document = jsonb_set(document, '{exits}', '[{\"kind\": \"opted_out\"}]') where id = 'plan'"
    )
    url = outreach.runner.ways_out.address_for(gone, "ana@customer.example")
    await merge(outreach, ingest_pool, gone, survivor)
    key = new_key()
    async with outreach.pool.acquire() as connection:
        await insert_key(connection, "playbooks", key, name="Dana", scopes=["admin"], days=None)
    app = build(settings)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://runner")
    async with lifespan(app), client:
        answer = await client.post(url[url.index("/unsubscribe/") :], data={"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 200
    assert (await outreach.one("run", survivor))["end_code"] == "opted_out"


@pytest.mark.parametrize("again", [1, 2])
async def test_a_merge_told_again_changes_nothing(outreach: Outreach, ingest_pool: Pool, again: int) -> None:
    gone, survivor = await planned(outreach), customer(outreach)
    for _ in range(again):
        await merge(outreach, ingest_pool, gone, survivor)

    assert (await outreach.one("run", survivor))["state"] == "running"
    assert len(await of(outreach, "task", survivor)) == 1


@pytest.mark.parametrize(
    ("arm", "excluded", "goes_on"),
    [("holdout", False, False), ("b", False, False), ("a", False, True), ("holdout", True, True)],
)
async def test_a_run_goes_on_only_where_the_survivor_stands_in_the_same_arm(
    outreach: Outreach, ingest_pool: Pool, arm: str, excluded: bool, goes_on: bool
) -> None:
    gone, survivor = await planned(outreach), customer(outreach)
    await outreach.pool.execute("update run set arm = 'a'")
    await outreach.pool.execute(
        "insert into assignment (account_id, playbook_id, version, arm, bucket, excluded)"
        " values ($1, 'plan', 1, $2, 0.5, $3)",
        survivor, arm, excluded,
    )  # fmt: skip
    await merge(outreach, ingest_pool, gone, survivor)

    (run,) = await of(outreach, "run", survivor)
    (task,) = await of(outreach, "task", survivor)
    found = run["state"], run["end_code"], task["state"]
    assert found == (("running", None, "open") if goes_on else ("done", "merged", "closed"))


async def test_whoever_still_asks_under_the_old_id_is_shown_what_became_of_it(
    outreach: Outreach, ingest_pool: Pool, settings: RunnerSettings
) -> None:
    gone, survivor = await planned(outreach), customer(outreach)
    await outreach.runner.suppressing.say(Word("hands_off", None, gone, "a reorganisation", "kim", None))
    await outreach.pool.execute(
        "insert into in_app_message (effect_key, account_id, title, text, link, role, expires_at)"
        " values ($1, $2, 'Hello', 'There is news', '', '', clock_timestamp() + interval '1 day')",
        bytes(32), gone,
    )  # fmt: skip
    async with runner_api(settings, await key_with(outreach.pool, "admin")) as api:
        token = (await api.post("/in-app-tokens", json={"account_id": str(gone), "hours": 1})).json()["token"]
        await merge(outreach, ingest_pool, gone, survivor)

        for path in ("/tasks", "/runs", "/suppressions"):
            (one,) = (await api.get(path, params={"account": str(gone)})).json()["data"]
            assert one["account_id"] == str(survivor), path
        why = (await api.get(f"/accounts/{gone}/why-not", params={"playbook": "plan"})).json()
        assert (why["account_id"], why["code"]) == (str(survivor), "running")
        for path in (f"/accounts/{gone}/messages", f"/in-app/{token}"):
            assert [one["title"] for one in (await api.get(path)).json()["data"]] == ["Hello"], path
        key = (await api.get(f"/accounts/{gone}/messages")).json()["data"][0]["key"]
        assert (await api.post(f"/accounts/{gone}/messages/{key}/seen")).status_code == 200
        assert (await api.post(f"/in-app/{token}/{key}/dismissed")).status_code == 200
        assert (await api.get(f"/accounts/{gone}/messages")).json()["data"] == []
