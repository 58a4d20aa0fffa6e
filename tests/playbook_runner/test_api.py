"""Claims about the API: who may do what, what people see of runs, effects and the ledger, and how refusals read."""

from collections.abc import AsyncIterator

import httpx
import pytest
from support.gates import require_key_first, require_strict_bodies
from support.outreach import PLAYBOOK, Outreach, publish
from support.runner_api import key_with, runner_api

from milepost_runtime.lanes import claim
from playbook_runner.settings import RunnerSettings


@pytest.fixture
async def api(outreach: Outreach, settings: RunnerSettings) -> AsyncIterator[httpx.AsyncClient]:
    """The web application with its lifespan, behind a client without a key."""
    async with runner_api(settings) as client:
        yield client


@pytest.fixture
async def reader(outreach: Outreach) -> dict[str, str]:
    return await key_with(outreach.pool, "read")


@pytest.fixture
async def author(outreach: Outreach) -> dict[str, str]:
    return await key_with(outreach.pool, "read", "playbooks")


async def test_every_route_that_takes_a_body_asks_for_the_key_first_and_reads_strictly(
    api: httpx.AsyncClient, outreach: Outreach
) -> None:
    api.headers.update(await key_with(outreach.pool, "admin"))
    await require_key_first(api)
    await require_strict_bodies(api, ("/playbooks", "/playbooks:lint"))


NOBODYS = "0199a1b2-0000-4000-8000-00000000dead"
READS = [
    "/playbooks", f"/playbooks/{PLAYBOOK}", f"/playbooks/{PLAYBOOK}/versions/1", "/runs", "/ledger", "/effects",
    "/control", f"/accounts/{NOBODYS}/why-not?playbook={PLAYBOOK}",
]  # fmt: skip
WRITES = [f"/playbooks/{PLAYBOOK}:pause", f"/playbooks/{PLAYBOOK}:activate", "/pause", "/resume"]


@pytest.mark.parametrize("path", READS)
async def test_reading_needs_a_key_that_may_read(api: httpx.AsyncClient, outreach: Outreach, path: str) -> None:
    stranger = await key_with(outreach.pool, "ingest")

    assert (await api.get(path)).status_code == 401
    assert (await api.get(path, headers=stranger)).status_code == 403
    assert (await api.get(path, headers=await key_with(outreach.pool, "read"))).status_code == 200


@pytest.mark.parametrize("path", [*WRITES, f"/runs/{NOBODYS}/cancel", f"/effects/{'0' * 64}/resolve"])
async def test_acting_needs_the_scope_playbooks(
    api: httpx.AsyncClient, reader: dict[str, str], author: dict[str, str], path: str
) -> None:
    body = {"outcome": "sent"} if path.endswith("resolve") else None

    assert (await api.post(path, json=body)).status_code == 401
    assert (await api.post(path, headers=reader, json=body)).status_code == 403
    assert (await api.post(path, headers=author, json=body)).status_code in (200, 404)


async def test_a_playbook_is_shown_with_its_document_and_its_state(
    api: httpx.AsyncClient, author: dict[str, str]
) -> None:
    data = (await api.get("/playbooks", headers=author)).json()["data"]
    (listed,) = [one for one in data if one["id"] == PLAYBOOK]
    shown = (await api.get(f"/playbooks/{PLAYBOOK}/versions/1", headers=author)).json()

    assert (listed["id"], listed["version"], listed["state"]) == (PLAYBOOK, 1, "active")
    assert listed["name"] == "Nudge the owner when health drops"
    assert shown["document"]["steps"][0]["id"] == "tell-owner"
    paused = (await api.post(f"/playbooks/{PLAYBOOK}:pause", headers=author)).json()
    assert (paused["id"], paused["state"]) == (PLAYBOOK, "paused")
    assert (await api.post(f"/playbooks/{PLAYBOOK}:activate", headers=author)).json()["state"] == "active"


async def test_a_run_is_shown_with_its_steps_and_effects(
    api: httpx.AsyncClient, outreach: Outreach, reader: dict[str, str]
) -> None:
    account = await outreach.drop()
    await outreach.all_lanes()
    (listed,) = (await api.get("/runs", params={"account": str(account)}, headers=reader)).json()["data"]
    run = (await api.get(f"/runs/{listed['id']}", headers=reader)).json()

    assert (run["state"], run["end_code"], run["because"]) == ("done", "completed", "the band moved from green to red")
    assert [(step["path"], step["state"]) for step in run["steps"]] == [("tell-owner", "done")]
    assert [(one["channel"], one["recipient"], one["state"]) for one in run["effects"]] == [
        ("email", "kim@vendor.example", "done")
    ]
    assert (await api.get("/runs", params={"state": "running"}, headers=reader)).json()["data"] == []


async def test_lists_go_on_under_their_cursor_without_a_gap(
    api: httpx.AsyncClient, outreach: Outreach, reader: dict[str, str]
) -> None:
    for _ in range(5):
        await outreach.drop()
    await outreach.all_lanes()
    for path, name in (("/runs", "id"), ("/effects", "key"), ("/ledger", "id")):
        seen, cursor, pages = [], None, 0
        while pages < 10:
            params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = (await api.get(path, params=params, headers=reader)).json()
            seen += [item[name] for item in page["data"]]
            cursor, pages = page["next_cursor"], pages + 1
            if cursor is None:
                break
        assert (len(seen), len(set(seen)), pages) == (5, 5, 3), path


async def test_a_parked_mail_is_listed_and_decided_by_a_person(
    api: httpx.AsyncClient, outreach: Outreach, author: dict[str, str]
) -> None:
    account = await outreach.drop()
    outreach.mail.answers = ["cut"]
    await outreach.all_lanes()
    (doubtful,) = (await api.get("/effects", params={"state": "in_doubt"}, headers=author)).json()["data"]
    early = await api.post(f"/effects/{doubtful['key']}/resolve", headers=author, json={"outcome": "resend"})
    assert (early.status_code, early.json()["type"].rpartition("/")[2]) == (409, "resend_refused")
    await outreach.later("effect")
    await outreach.perform()
    (parked,) = (await api.get("/effects", params={"state": "parked"}, headers=author)).json()["data"]
    shown = (await api.get(f"/effects/{parked['key']}", headers=author)).json()
    assert shown["may_resolve"] == ["sent", "resend", "drop"]
    assert [one["outcome"] for one in shown["tries"]] == ["unknown"]

    resolve = f"/effects/{parked['key']}/resolve"
    assert (await api.post(resolve, headers=author, json={"outcome": "maybe"})).status_code == 422
    assert (await api.post(resolve, headers=author, json={"outcome": "sent", "x": 1})).status_code == 422
    done = (await api.post(resolve, headers=author, json={"outcome": "sent"})).json()
    assert (done["state"], done["reason"], done["may_resolve"]) == ("done", "decided by Dana", [])
    again = await api.post(resolve, headers=author, json={"outcome": "sent"})
    assert (again.status_code, again.json()["type"].rpartition("/")[2]) == (409, "effect_not_in_doubt")
    assert ("sent", "confirmed") in await outreach.outcomes(account)


async def test_an_effect_under_a_lease_is_shown_as_leased(
    api: httpx.AsyncClient, outreach: Outreach, reader: dict[str, str]
) -> None:
    await outreach.drop()
    await outreach.start()
    await outreach.advance()
    async with outreach.pool.acquire() as connection:
        await claim(connection, outreach.runner.performing.lane, 1)
    (shown,) = (await api.get("/effects", headers=reader)).json()["data"]

    assert shown["state"] == "leased"


async def test_cancelling_stops_what_is_open_once(
    api: httpx.AsyncClient, outreach: Outreach, author: dict[str, str]
) -> None:
    account = await outreach.drop()
    await outreach.start()
    run_id = (await outreach.one("run", account))["id"]
    cancelled = (await api.post(f"/runs/{run_id}/cancel", headers=author)).json()
    again = await api.post(f"/runs/{run_id}/cancel", headers=author)
    await outreach.advance()

    assert (cancelled["state"], cancelled["end_reason"]) == ("cancelled", "cancelled by Dana")
    assert (again.status_code, again.json()["detail"]) == (409, f"The run {run_id} has ended already.")
    assert outreach.mail.raw == []


async def test_the_ledger_says_what_became_of_every_reason(
    api: httpx.AsyncClient, outreach: Outreach, reader: dict[str, str]
) -> None:
    account = await outreach.drop()
    change = await publish(outreach.scoring_pool, account, cause="backfill")
    await outreach.all_lanes()
    page = (await api.get("/ledger", params={"account": str(account)}, headers=reader)).json()

    assert [(entry["outcome"], entry["code"]) for entry in page["data"]] == [
        ("sent", "sent"),
        ("skipped", "cause_backfill"),
    ]
    assert page["data"][1]["change_id"] == change
    assert page["data"][0]["correlation_id"] == "corr-1"


async def test_why_not_names_what_stands_in_the_way(
    api: httpx.AsyncClient, outreach: Outreach, author: dict[str, str]
) -> None:
    async def code(account: object) -> str:
        answer = await api.get(f"/accounts/{account}/why-not", params={"playbook": PLAYBOOK}, headers=author)
        assert answer.json()["sentence"]
        return str(answer.json()["code"])

    account = await outreach.drop()
    assert await code(account) == "no_change"
    await outreach.start()
    assert await code(account) == "running"
    await outreach.advance()
    await outreach.perform()
    assert await code(account) == "sent"
    await publish(outreach.scoring_pool, account)
    await outreach.start()
    assert await code(account) == "too_soon"
    await api.post(f"/playbooks/{PLAYBOOK}:pause", headers=author)
    assert await code(account) == "playbook_paused"
    await api.post("/pause", headers=author)
    assert await code(account) == "all_paused"


async def test_the_switch_remembers_who_turned_it(api: httpx.AsyncClient, author: dict[str, str]) -> None:
    paused = (await api.post("/pause", headers=author)).json()
    again = (await api.post("/pause", headers=author)).json()
    resumed = (await api.post("/resume", headers=author)).json()

    assert (paused["paused"], paused["changed_by"]) == (True, "Dana")
    assert again == paused
    assert resumed["paused"] is False


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/playbooks/nobody", 404, "playbook_unknown"),
        (f"/playbooks/{PLAYBOOK}/versions/9", 404, "playbook_unknown"),
        (f"/playbooks/{PLAYBOOK}/versions/0", 422, "bad_parameter"),
        (f"/runs/{NOBODYS}", 404, "run_unknown"),
        ("/runs/7", 422, "bad_parameter"),
        ("/runs?state=sleeping", 422, "bad_parameter"),
        ("/runs?limit=0", 422, "bad_parameter"),
        (f"/effects/{'0' * 64}", 404, "effect_unknown"),
        ("/effects/xyz", 404, "effect_unknown"),
        (f"/effects/{'A' * 64}", 404, "effect_unknown"),
        ("/effects?state=sleeping", 422, "bad_parameter"),
        ("/ledger?cursor=-1", 422, "bad_parameter"),
        (f"/accounts/{NOBODYS}/why-not?playbook=nobody", 404, "playbook_unknown"),
        (f"/accounts/{NOBODYS}/why-not", 422, "bad_parameter"),
        ("/nowhere", 404, "not_found"),
    ],
)
async def test_refusals_are_problem_documents(
    api: httpx.AsyncClient, reader: dict[str, str], path: str, status: int, kind: str
) -> None:
    answer = await api.get(path, headers={**reader, "X-Request-Id": "asked-1"})
    problem = answer.json()

    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["status"]) == (status, status)
    assert problem["type"].rpartition("/")[2] == kind
    assert problem["request_id"] == "asked-1"


async def test_readiness_liveness_metrics_and_the_document_are_served(
    api: httpx.AsyncClient, outreach: Outreach, reader: dict[str, str]
) -> None:
    await outreach.drop()
    await outreach.all_lanes()
    document = (await api.get("/openapi.json")).json()

    assert (await api.get("/livez")).status_code == 200
    assert (await api.get("/readyz")).json()["schema"] == "playbooks"
    assert 'milepost_effects_total{channel="email",move="finish"}' in (await api.get("/metrics")).text
    assert {"/playbooks/{playbook_id}:pause", "/effects/{key}/resolve", "/accounts/{account_id}/why-not"} <= set(
        document["paths"]
    )
