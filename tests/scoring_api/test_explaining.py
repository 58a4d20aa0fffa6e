"""What changed adds up, what-ifs store nothing, and paths are honest: over accounts that the lanes scored."""

import copy
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from support.histories import Told
from support.scored import clock, score, three_customers
from support.scoring_web import Web, running

from milepost_contracts.events import OWN_SOURCE
from milepost_runtime.database import Pool
from scoring_api.queries import lineups


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as started:
        yield started


@pytest.fixture
async def accounts(web: Web, scoring_pool: Pool) -> dict[str, UUID]:
    return await three_customers(web, scoring_pool, await clock(web.owner))


async def read(web: Web, path: str, **asked: str) -> httpx.Response:
    async with web.client(key=web.reader) as client:
        return await client.get(path, params=asked)


async def suppose(web: Web, account: UUID, body: Any) -> httpx.Response:
    async with web.client(key=web.reader) as client:
        return await client.post(f"/accounts/{account}/what-if", json=body)


def kind_of(problem: httpx.Response) -> str:
    return str(problem.json()["type"].rsplit("/", 1)[-1])


async def changed(web: Web, account: UUID, since: datetime) -> dict[str, Any]:
    answer = await read(web, f"/accounts/{account}/change", **{"from": since.isoformat()})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert sum(part["exact"] for part in found["parts"]) == pytest.approx(found["exact"], abs=1e-9)
    assert round(sum(part["points"] for part in found["parts"]), 1) == found["difference"]
    for part in found["parts"]:
        assert sum(line["exact"] for line in part["lines"]) == pytest.approx(part["exact"], abs=1e-9)
        assert round(sum(line["points"] for line in part["lines"]), 1) == part["points"]
    return found


def part(found: dict[str, Any], kind: str) -> float:
    return float(next(one["exact"] for one in found["parts"] if one["kind"] == kind))


async def test_what_the_customer_did_is_behaviour(web: Web, accounts: dict[str, UUID], scoring_pool: Pool) -> None:
    account, at = accounts["stalled"], await clock(web.owner)
    now = await clock(web.owner)
    done = [Told(account, "ticket.resolved", now, item=f"T-{n}") for n in (9, 4)]
    await score(web, scoring_pool, [done])
    found = await changed(web, account, at)

    assert found["difference"] > 0
    assert part(found, "behaviour") == pytest.approx(found["exact"], abs=0.2)
    tickets = next(line for line in found["parts"][0]["lines"] if line["signal"] == "open_critical")
    assert (tickets["from_value"], tickets["to_value"]) == (2.0, 0.0)
    assert (await read(web, tickets["evidence"])).status_code == 200


async def test_records_that_come_late_are_data(web: Web, accounts: dict[str, UUID], scoring_pool: Pool) -> None:
    account, at = accounts["thriving"], await clock(web.owner)
    now = await clock(web.owner)
    late = [
        Told(account, "ticket.opened", at - timedelta(days=5), now, item=f"L-{n}", properties={"severity": "high"})
        for n in range(3)
    ]
    await score(web, scoring_pool, [late])
    found = await changed(web, account, at)

    assert found["difference"] < 0
    assert part(found, "data") == pytest.approx(found["exact"], abs=0.2)
    assert {line["cause"] for line in found["parts"][2]["lines"] if abs(line["points"]) >= 0.1} == {"late"}


async def test_what_people_mark_by_hand_is_human(web: Web, accounts: dict[str, UUID], scoring_pool: Pool) -> None:
    account, at = accounts["stalled"], await clock(web.owner)
    now = await clock(web.owner)
    word = Told(account, "milestone.completed", now, item="data_import", source=OWN_SOURCE)
    await score(web, scoring_pool, [[word]])
    found = await changed(web, account, at)

    assert found["difference"] > 0
    assert part(found, "human") == pytest.approx(found["exact"], abs=0.2)


async def test_a_moment_compared_with_itself_differs_in_nothing(web: Web, accounts: dict[str, UUID]) -> None:
    at = (await clock(web.owner)).isoformat()
    answer = await read(web, f"/accounts/{accounts['stalled']}/change", **{"from": at, "to": at})

    assert answer.json()["difference"] == 0.0
    assert all(not one["lines"] for one in answer.json()["parts"])


async def test_a_difference_needs_two_moments_with_a_score(web: Web, accounts: dict[str, UUID]) -> None:
    early = await read(web, f"/accounts/{accounts['stalled']}/change", **{"from": "2020-01-01T00:00:00Z"})
    turned = await read(
        web,
        f"/accounts/{accounts['stalled']}/change",
        **{"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
    )
    unscored = (await read(web, f"/accounts/{accounts['newcomer']}/health")).json()["score"] is None
    nothing = await read(web, f"/accounts/{accounts['newcomer']}/change")

    assert (early.status_code, kind_of(early)) == (404, "not_scored_then")
    assert turned.status_code == 422
    assert nothing.status_code == 200
    if unscored:
        assert (nothing.json()["difference"], nothing.json()["parts"]) == (None, [])


async def test_a_what_if_scores_by_the_same_law_and_stores_nothing(web: Web, accounts: dict[str, UUID]) -> None:
    account = accounts["stalled"]
    before = (await read(web, f"/accounts/{account}/health")).content
    rows = await web.owner.fetchval("select count(*) from scoring.snapshot where account_id = $1", account)
    body = {"changes": {"open_critical": 0}, "gates": {}}
    found = (await suppose(web, account, body)).json()

    assert found["before"]["score"] < found["after"]["score"]
    total = sum(one["difference"] for one in found["drivers"]) + found["gates_difference"]
    assert round(total, 1) == found["difference"]
    assert "promise" in found["note"]
    assert (await read(web, f"/accounts/{account}/health")).content == before
    again = await web.owner.fetchval("select count(*) from scoring.snapshot where account_id = $1", account)
    assert again == rows


async def test_a_gate_can_be_supposed_away(web: Web, accounts: dict[str, UUID]) -> None:
    account = accounts["stalled"]
    document = (await read(web, f"/accounts/{account}/health")).json()
    away = {gate["id"]: False for gate in document["gates"]}
    found = (await suppose(web, account, {"gates": away})).json()

    assert found["gates"] == []
    assert found["gates_difference"] == pytest.approx(-sum(gate["points"] for gate in document["gates"]))


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"changes": {"open_critcal": 1}}, "unknown_signal", "/changes/open_critcal"),
        ({"changes": {"open_critical": -1}}, "impossible_value", "/changes/open_critical"),
        ({"changes": {"open_critical": 1.5}}, "impossible_value", "/changes/open_critical"),
        ({"changes": {"open_critical": "many"}}, "impossible_value", "/changes/open_critical"),
        ({"changes": {"active_seats": 1.5}}, "impossible_value", "/changes/active_seats"),
        ({"gates": {"no_such": True}}, "unknown_gate", "/gates/no_such"),
    ],
)
async def test_what_cannot_be_supposed_is_told_with_its_place(
    web: Web, accounts: dict[str, UUID], body: Any, code: str, pointer: str
) -> None:
    answer = await suppose(web, accounts["stalled"], body)

    assert (answer.status_code, kind_of(answer)) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == pointer
    if code == "unknown_signal":
        assert answer.json()["errors"][0]["near"] == "open_critical"


@pytest.mark.parametrize("body", [{"changes": {"open_critical": True}}, {"changes": []}, {"change": {}}])
async def test_a_what_if_of_the_wrong_form_is_refused(web: Web, accounts: dict[str, UUID], body: Any) -> None:
    assert (await suppose(web, accounts["stalled"], body)).status_code == 422


async def test_a_path_is_reached_when_its_steps_are_supposed(web: Web, accounts: dict[str, UUID]) -> None:
    account = accounts["stalled"]
    answer = await read(web, f"/accounts/{account}/path-to/yellow")
    if answer.status_code == 422:
        assert kind_of(answer) == "band_unreachable"
        assert all(one["gain"] for one in answer.json()["errors"])
        return
    path = answer.json()
    document = (await read(web, f"/accounts/{account}/health")).json()
    gates = {gate["id"]: False for gate in document["gates"]}
    steps = {one["signal"]: one["to_value"] for one in path["path"]["steps"] if one["to_value"] is not None}
    after = (await suppose(web, account, {"changes": steps, "gates": gates})).json()["after"]

    assert after["score"] >= path["target"] - 0.05
    assert path["score_after"] == pytest.approx(after["score"], abs=0.1)


@pytest.mark.parametrize(
    ("kind", "band"), [("thriving", "green"), ("thriving", "yellow"), ("stalled", "purple"), ("newcomer", "green")]
)
async def test_a_band_that_is_not_ahead_is_refused(web: Web, accounts: dict[str, UUID], kind: str, band: str) -> None:
    answer = await read(web, f"/accounts/{accounts[kind]}/path-to/{band}")

    assert (answer.status_code, kind_of(answer)) == (422, "band_not_ahead")


async def test_an_explanation_of_an_earlier_moment_keeps_its_figures(web: Web, accounts: dict[str, UUID]) -> None:
    account = accounts["stalled"]
    now = (await read(web, f"/accounts/{account}/explanation")).json()
    then = await read(web, f"/accounts/{account}/explanation", as_of=now["as_of"])

    # Its evidence is asked for as of that moment; all else is the same.
    assert json.loads(then.text.replace(f"?as_of={now['as_of']}", "")) == now


async def test_history_says_where_it_heads_and_what_marks_it(web: Web, accounts: dict[str, UUID]) -> None:
    found = (await read(web, f"/accounts/{accounts['thriving']}/history")).json()

    assert [one["label"] for one in found["markers"] if one["kind"] == "milestone"]
    assert found["known"][-1]["model"]["id"] == "b2b-onboarding"
    assert found["course"]["noise"] >= 3.0
    assert len(found["smoothed"]) == len(found["known"])


async def test_another_version_in_charge_is_model_and_is_marked(
    web: Web, accounts: dict[str, UUID], scoring_pool: Pool
) -> None:
    account, at = accounts["stalled"], await clock(web.owner)
    async with scoring_pool.acquire() as connection:
        (row,) = await lineups.documents(connection, [("b2b-onboarding", 1)])
        document = copy.deepcopy(dict(row["document"])) | {"version": 2}
        for stage in document["stages"]:
            stage["weights"] |= {"usage": 1, "support": 60}
        document["signals"] = [one for one in document["signals"] if one["id"] != "active_days"]
        document["baseline"]["fixed"].pop("active_days")
        version = ["b2b-onboarding", 2, "Support first", document, "", "d" * 64, "test", "", False]
        await lineups.keep_version(connection, version)
        await lineups.activate(connection, ("b2b-onboarding", 2), True, "test", "to see the difference")
        await connection.execute(
            "update scoring.rescoring set next_at = now(), marked = marked + 1 where account_id = $1", account
        )
    try:
        await score(web, scoring_pool, [])
        found = await changed(web, account, at)
        history = (await read(web, f"/accounts/{account}/history")).json()
        known = (await read(web, f"/accounts/{account}/health", as_of=at.isoformat())).json()
        again = (await read(web, f"/accounts/{account}/health", as_of=at.isoformat(), restate="2")).json()
        dropped = await read(web, f"/accounts/{account}/evidence/active_days")
        was = await read(web, f"/accounts/{account}/evidence/active_days", as_of=at.isoformat())
    finally:
        async with scoring_pool.acquire() as connection:
            await lineups.activate(connection, ("b2b-onboarding", 1), True, "test", "back")

    assert (found["from"]["model"]["version"], found["to"]["model"]["version"]) == (1, 2)
    assert abs(part(found, "model")) > 1
    assert part(found, "behaviour") == pytest.approx(0, abs=0.2)
    assert [one["subject"] for one in history["markers"] if one["kind"] == "model"] == ["b2b-onboarding@2"]
    assert (known["model"]["version"], again["model"]["version"]) == (1, 2)
    assert again["score"] == found["to"]["score"]
    assert (dropped.status_code, was.status_code, was.json()["model"]["version"]) == (404, 200, 1)
    links = {line["signal"]: line["evidence"] for one in found["parts"] for line in one["lines"]}
    assert links["active_days"].endswith(f"?as_of={found['from']['as_of']}")
