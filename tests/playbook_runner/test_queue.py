"""Claims about desks: what work is worth, whose it is by default, what fits into what is left of a day."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from support.outreach import Outreach, health_of, publish
from support.runner_api import key_with, runner_api

from milepost_runtime.lanes import drain
from playbook_runner.settings import RunnerSettings

CALL = {"id": "call", "kind": "task", "title": "Call", "script": "Call.", "effort_minutes": 30, "reason": "usage fell"}
TIERS = {
    "value_of": "arr",
    "classes": [{"id": "small", "below": 1000}, {"id": "large"}],
    "rows": [{"id": "big", "values": ["large"], "start": "call", "owner": ["role:boss"]}],
    "otherwise": "call",
}


@pytest.fixture
async def api(outreach: Outreach, settings: RunnerSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with runner_api(settings, await key_with(outreach.pool, "admin")) as client:
        yield client


def playbook(name: str = "call-them", **more: Any) -> dict[str, Any]:
    return {
        "format": "playbook/1", "id": name, "version": 1, "name": "Call", "purpose": "Somebody calls.",
        "trigger": {"kind": "band_changed", "to": ["red"], "direction": "down"}, "steps": [CALL],
    } | more  # fmt: skip


async def hold(outreach: Outreach, *documents: dict[str, Any]) -> None:
    await outreach.pool.execute("truncate playbook")
    await outreach.runner.keeping.stock(documents)


async def drops(outreach: Outreach, owner: str | None = "kim", **attributes: Any) -> UUID:
    account = await outreach.drop(owner=owner)
    outreach.scoring.attributes[account] = attributes
    await outreach.start()
    await outreach.advance()
    return account


async def put(api: httpx.AsyncClient, name: str, **said: Any) -> None:
    body = {"email": f"{name}@vendor.example"} | said
    assert (await api.put(f"/people/{name}", json=body)).status_code in (200, 201)


async def desk(api: httpx.AsyncClient, owner: str = "kim") -> dict[str, Any]:
    answer = await api.get("/tasks/queue", params={"owner": owner})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_work_is_worth_what_the_policys_attribute_says_where_a_playbook_names_none(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    await hold(outreach, playbook())
    small, large = await drops(outreach, arr=900, seats=70), await drops(outreach, arr=1_000_000, seats=3)
    shown = (await desk(api))["data"]
    assert [(item["task"]["account_id"], item["task"]["value"]) for item in shown] == [
        (str(large), 1_000_000), (str(small), 900),
    ]  # fmt: skip

    other = (await api.get("/policy")).json()["document"] | {"value_of": "seats"}
    assert (await api.post("/policy", json={"document": other})).status_code == 201
    third = await drops(outreach, arr=5, seats=44)
    assert (await outreach.one("task", third))["value"] == 44


async def test_an_attribute_that_cannot_be_one_is_no_policy(api: httpx.AsyncClient) -> None:
    answer = await api.post("/policy", json={"document": {"value_of": "so much!"}})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/document/value_of")


async def test_who_asks_again_for_the_same_work_and_knows_no_value_takes_none_away(outreach: Outreach) -> None:
    await hold(outreach, playbook(tiers=TIERS))
    account = await drops(outreach, arr=1_000_000)
    outreach.scoring.attributes[account] = {}
    await outreach.runner.keeping.stock([playbook("another")])
    await publish(outreach.scoring_pool, account)
    await outreach.start()
    await outreach.advance()

    words = await outreach.pool.fetchval("select count(*) from task_word where account_id = $1", account)
    assert ((await outreach.one("task", account))["value"], words) == (1_000_000, 2)


@pytest.mark.parametrize(
    ("steps_owner", "arr", "whose"),
    [(None, 5_000, "boss"), (None, 10, "lee"), (["role:clerk"], 5_000, "pat")],
)
async def test_whose_work_it_is_says_the_step_else_the_tier_else_the_playbook(
    outreach: Outreach, api: httpx.AsyncClient, steps_owner: list[str] | None, arr: float, whose: str
) -> None:
    for name, role in (("boss", "boss"), ("lee", "lead"), ("pat", "clerk")):
        await put(api, name, roles=[role])
    call = CALL | ({"owner": steps_owner} if steps_owner else {})
    await hold(outreach, playbook(owner=["role:lead"], tiers=TIERS, steps=[call]))

    account = await drops(outreach, arr=arr)

    assert (await outreach.one("task", account))["owner"] == whose


async def test_a_gate_that_names_nobody_is_the_playbooks_owners(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await put(api, "lee", roles=["lead"])
    gate = {"id": "ask", "kind": "approval", "about": "write"}
    mail = {"id": "write", "kind": "email", "subject": "Hello", "text": "Hello."}
    await hold(outreach, playbook(owner=["role:lead"], steps=[gate, mail]))

    account = await drops(outreach)

    assert (await outreach.one("approval", account))["owner"] == "lee"


async def test_the_queue_goes_by_the_risk_of_today(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await hold(outreach, playbook())
    first, second = await drops(outreach, arr=100), await drops(outreach, arr=101)
    outreach.scoring.documents[second] = health_of(second, "green").model_copy(update={"score": 95.0})

    now = await desk(api)
    assert now["risk_now"]
    assert [item["task"]["account_id"] for item in now["data"]] == [str(first), str(second)]
    assert now["data"][1]["task"]["risk"] == pytest.approx(0.05)

    outreach.scoring.status = 500
    kept = await desk(api)
    assert not kept["risk_now"]
    assert [item["task"]["account_id"] for item in kept["data"]] == [str(second), str(first)]


async def test_what_is_done_today_is_no_longer_free_today(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await put(api, "kim", minutes_a_day=100)
    await hold(outreach, playbook())
    accounts = [await drops(outreach) for _ in range(3)]
    task = await outreach.one("task", accounts[0])
    assert [item["today"] for item in (await desk(api))["data"]] == [True, True, True]

    await api.post(f"/tasks/{task['id']}/claim", json={"owner": "kim"})
    done = await api.post(f"/tasks/{task['id']}/complete", json={"outcome": "helped", "minutes": 70})
    assert done.status_code == 200, done.text

    left = await desk(api)
    assert (left["minutes_a_day"], left["minutes_spent"]) == (100, 70)
    assert [item["today"] for item in left["data"]] == [True, False]
    await outreach.pool.execute("update task set ended_at = ended_at - interval '1 day' where state = 'done'")
    assert [item["today"] for item in (await desk(api))["data"]] == [True, True]


async def test_a_desk_is_found_under_every_name_of_its_owner(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await hold(outreach, playbook())
    by_address = await drops(outreach, owner="kim@vendor.example")
    await put(api, "kim")
    by_id = await drops(outreach, owner="kim")

    for name in ("kim", "KIM@vendor.example"):
        found = {item["task"]["account_id"] for item in (await desk(api, name))["data"]}
        listed = (await api.get("/tasks", params={"owner": name})).json()["data"]
        assert found == {one["account_id"] for one in listed} == {str(by_address), str(by_id)}


@pytest.mark.parametrize("path", ["/tasks", "/runs", "/effects", "/approvals", "/dead-letters", "/tasks/queue?owner=k"])
async def test_a_filter_that_nobody_knows_is_refused(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path, params={"ownr": "nobody"} | ({"owner": "k"} if "?" in path else {}))
    assert (answer.status_code, "query:ownr" in answer.text) == (422, True)


@pytest.mark.parametrize("day", ["0", "1700000000", "2026-1-1"])
async def test_a_day_is_written_as_one(api: httpx.AsyncClient, day: str) -> None:
    assert (await api.put("/days-off", params={"day": day}, json={"name": "x"})).status_code == 422


@pytest.mark.parametrize("word", ["activate", "lint"])
async def test_a_word_about_a_version_is_not_asked_with_get(api: httpx.AsyncClient, word: str) -> None:
    assert (await api.get(f"/playbooks/late-payer/versions/1:{word}")).status_code == 405


async def test_what_a_run_leaves_closed_is_told_with_its_end(outreach: Outreach) -> None:
    await hold(outreach, playbook())
    account = await drops(outreach)
    run = await outreach.one("run", account)

    await outreach.runner.resolving.cancel(run["id"], "Dana")

    rows = await outreach.pool.fetch("select event from told where account_id = $1 order by created_at", account)
    created, completed = [row["event"] for row in rows]
    assert (created["type"], completed["type"]) == ("task.created", "task.completed")
    assert (completed["item"], completed["actor"]) == (created["item"], "playbook")
    assert completed["properties"]["outcome"] == "closed"
    await drain(outreach.pool, outreach.runner.tasking.lane)


async def test_a_desk_is_ranked_by_what_customers_are_worth_today_by_the_playbooks_attribute(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    await hold(outreach, playbook(tiers=TIERS | {"value_of": "seats"}))
    fallen, steady = await drops(outreach, arr=1, seats=900), await drops(outreach, arr=1, seats=500)
    assert [item["task"]["account_id"] for item in (await desk(api))["data"]] == [str(fallen), str(steady)]

    outreach.scoring.attributes[fallen]["seats"] = 100
    shown = await desk(api)
    assert [(item["task"]["account_id"], item["task"]["value"]) for item in shown["data"]] == [
        (str(steady), 500), (str(fallen), 100),
    ]  # fmt: skip
    assert shown["risk_now"]


async def test_a_customer_who_is_worth_less_when_asked_for_again_is_worth_less(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    by_hand = {"kind": "by_hand"}
    await hold(outreach, playbook(), playbook("again", trigger=by_hand), playbook("once-more", trigger=by_hand))
    account = await drops(outreach, arr=900)
    outreach.scoring.attributes[account] = {"arr": 400}
    await outreach.runner.by_hand.start(account, "again", "a hunch", "kim")
    await outreach.advance()
    assert (await outreach.one("task", account))["value"] == 400

    outreach.scoring.attributes[account] = {}
    await outreach.runner.by_hand.start(account, "once-more", "a hunch", "kim")
    await outreach.advance()
    assert (await outreach.one("task", account))["value"] == 400
