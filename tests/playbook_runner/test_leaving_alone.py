"""Claims about the routes of the arbiter: opt-outs by one click, words to leave somebody alone, policy, people."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from support.outreach import Outreach
from support.runner_api import key_with, runner_api

from milepost_core.arbiter import Policy, document_of
from playbook_runner.settings import RunnerSettings

TABLES = "policy, holiday, person, absence, suppression"


@pytest.fixture
async def api(outreach: Outreach, settings: RunnerSettings) -> AsyncIterator[httpx.AsyncClient]:
    """The web application behind a client of an administrator."""
    await outreach.pool.execute(f"truncate {TABLES}")
    async with runner_api(settings, await key_with(outreach.pool, "admin")) as client:
        yield client


@pytest.fixture
async def stranger(api: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A reader of a mail: no key, no cookie."""
    async with httpx.AsyncClient(transport=api._transport, base_url="http://runner") as client:
        yield client


def way_out(outreach: Outreach, address: str = "ana@customer.example") -> str:
    url = outreach.runner.ways_out.address_for(uuid4(), address)
    return url[url.index("/unsubscribe/") :]


async def test_looking_at_the_way_out_changes_nothing(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient, outreach: Outreach
) -> None:
    answer = await stranger.get(way_out(outreach))

    assert answer.status_code == 200
    assert "<button>" in answer.text
    assert (await api.get("/suppressions")).json()["data"] == []


async def test_one_click_counts_at_once_and_twenty_are_one_word(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient, outreach: Outreach
) -> None:
    path = way_out(outreach, "Ana+news@Customer.example")
    answers = [
        await stranger.post(path, data={"List-Unsubscribe": "One-Click"}, follow_redirects=False) for _ in range(20)
    ]
    found = (await api.get("/suppressions", params={"address": "ana@customer.example"})).json()["data"]

    assert {one.status_code for one in answers} == {200}
    assert not any("set-cookie" in one.headers for one in answers)
    assert [(one["kind"], one["of_person"], one["active"]) for one in found] == [("opt_out", True, True)]
    assert "customer.example" not in str(await outreach.pool.fetch("select * from suppression"))


@pytest.mark.parametrize("token", ["x", "abc.def", "%00", "a" * 500])
async def test_a_token_that_is_none_of_ours_leads_nowhere(stranger: httpx.AsyncClient, token: str) -> None:
    assert (await stranger.get(f"/unsubscribe/{token}")).status_code == 404
    assert (await stranger.post(f"/unsubscribe/{token}")).status_code == 404


async def test_an_altered_token_leads_nowhere(stranger: httpx.AsyncClient, outreach: Outreach) -> None:
    path = way_out(outreach)
    altered = path[:20] + ("A" if path[20] != "A" else "B") + path[21:]

    assert (await stranger.post(altered)).status_code == 404


async def test_a_word_to_leave_an_account_alone_ends_and_stays_in_the_list(api: httpx.AsyncClient) -> None:
    account = str(uuid4())
    until = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    said = await api.post(
        "/suppressions", json={"kind": "hands_off", "account_id": account, "reason": "in talks", "until": until}
    )
    ended = await api.delete(f"/suppressions/{said.json()['id']}")
    listed = (await api.get("/suppressions", params={"account": account, "active": "false"})).json()["data"]

    assert [said.status_code, ended.status_code] == [201, 200]
    assert [said.json()["active"], ended.json()["active"]] == [True, False]
    assert [one["id"] for one in listed] == [said.json()["id"]]
    assert (await api.delete(f"/suppressions/{uuid4()}")).json()["type"].endswith("suppression_unknown")


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "opt_out"},
        {"kind": "opt_out", "account_id": str(uuid4())},
        {"kind": "bounced", "address": "no address"},
        {"kind": "because", "address": "ana@customer.example"},
        {"kind": "hands_off", "address": "ana@customer.example", "until": "2026-12-01T00:00:00"},
        {"kind": "hands_off", "address": "ana@customer.example", "until": "2020-01-01T00:00:00Z"},
        {"kind": "hands_off", "address": "ana@customer.example", "until": "0001-01-01T00:00:00+05:00"},
        {"kind": "hands_off", "address": "ana@customer.example", "until": "9999-12-31T23:59:59-05:00"},
    ],
)
async def test_what_cannot_be_said_is_refused(api: httpx.AsyncClient, said: dict[str, Any]) -> None:
    assert (await api.post("/suppressions", json=said)).status_code == 422


async def test_hands_off_until_the_last_moment_that_there_is_can_be_said(api: httpx.AsyncClient) -> None:
    until = "9999-12-31T23:59:59Z"
    said = await api.post("/suppressions", json={"kind": "hands_off", "account_id": str(uuid4()), "until": until})

    assert (said.status_code, said.json()["until"], said.json()["active"]) == (201, until, True)


@pytest.mark.parametrize("region", ["XX", "DE-ZZ", "de"])
async def test_a_policy_for_a_region_that_nobody_knows_is_refused_with_its_place(
    api: httpx.AsyncClient, region: str
) -> None:
    refused = await api.post("/policy", json={"document": {"region": region}})

    assert refused.status_code == 422
    assert "region" in refused.text
    assert (await api.get("/policy")).json()["version"] == 0


async def test_a_policy_is_said_read_and_said_again(api: httpx.AsyncClient) -> None:
    default = (await api.get("/policy")).json()
    first = await api.post("/policy", json={"document": {"opens": "09:00", "zone": "Europe/Berlin"}})
    await api.post("/policy", json={"document": {"opens": "10:00"}})
    again = await api.post(f"/policy/versions/{first.json()['version']}/activate")
    listed = (await api.get("/policy/versions")).json()["data"]

    assert (default["version"], default["document"]) == (0, document_of(Policy()))
    assert [one["version"] for one in listed] == [3, 2, 1]
    assert again.json()["document"] == first.json()["document"] == (await api.get("/policy")).json()["document"]
    assert first.json()["document"]["closes"] == "18:00"


async def test_all_that_is_wrong_with_a_policy_is_told_with_its_place(api: httpx.AsyncClient) -> None:
    document = {
        "zone": "Mars/Base",
        "opens": "25:00",
        "workdays": [],
        "caps": [{"of": "planet", "most": 1.5, "days": 0}, 7],
        "wait_days": True,
        "colour": "red",
    }
    answer = await api.post("/policy", json={"document": document})

    assert answer.status_code == 422
    assert {one["pointer"] for one in answer.json()["errors"]} == {
        "/document/zone", "/document/opens", "/document/workdays", "/document/caps/0/of", "/document/caps/0/most",
        "/document/caps/0/days", "/document/caps/1", "/document/wait_days", "/document/colour",
    }  # fmt: skip
    assert (await api.get("/policy")).json()["version"] == 0


async def test_days_off_are_public_ones_and_the_companys_own(api: httpx.AsyncClient) -> None:
    put = await api.put("/days-off", params={"region": "DE", "day": "2026-12-24"}, json={"name": "Quiet day"})
    found = (await api.get("/days-off", params={"region": "DE-BY", "year": 2026})).json()["data"]
    gone = await api.delete("/days-off", params={"region": "DE", "day": "2026-12-24"})

    assert [put.status_code, gone.status_code] == [200, 204]
    assert ("2026-12-24", True) in [(one["day"], one["own"]) for one in found]
    assert ("2026-01-06", False) in [(one["day"], one["own"]) for one in found]
    assert (await api.get("/days-off", params={"region": "Bavaria", "year": 2026})).status_code == 422
    assert (await api.delete("/days-off", params={"region": "DE", "day": "2026-12-25"})).status_code == 404


async def test_people_are_said_and_stand_in_for_each_other(api: httpx.AsyncClient) -> None:
    kim = {"name": "Kim", "email": "kim@vendor.example", "zone": "Europe/Berlin", "region": "DE-BE", "roles": ["csm"]}
    added = await api.put("/people/kim", json=kim)
    again = await api.put("/people/kim", json=kim | {"zone": "UTC"})
    await api.put("/people/lee", json={"email": "lee@vendor.example"})
    today = datetime.now(UTC).date()
    away = await api.post(
        "/people/kim/absences",
        json={"since": str(today), "until": str(today + timedelta(days=5)), "delegate": "lee"},
    )
    seen = (await api.get("/people/kim")).json()

    assert [added.status_code, again.status_code, away.status_code] == [201, 200, 201]
    assert (seen["zone"], [one["delegate"] for one in seen["absences"]]) == ("UTC", ["lee"])
    assert (await api.delete(f"/absences/{away.json()['id']}")).status_code == 204
    assert (await api.get("/people/kim")).json()["absences"] == []
    assert [one["id"] for one in (await api.get("/people")).json()["data"]] == ["kim", "lee"]


@pytest.mark.parametrize(
    "said",
    [
        {"zone": "CET"},
        {"zone": "../../etc/passwd"},
        {"region": "Bavaria"},
        {"email": "Kim <kim@vendor.example>"},
        {"email": "LEE@vendor.example"},
        {"roles": ["A Role"]},
        {"minutes_a_day": -1},
    ],
)
async def test_what_cannot_be_said_of_a_person_is_refused(api: httpx.AsyncClient, said: dict[str, Any]) -> None:
    await api.put("/people/lee", json={"email": "lee@vendor.example"})

    assert (await api.put("/people/kim", json=said)).status_code == 422
    assert (await api.get("/people/kim")).status_code == 404


@pytest.mark.parametrize(
    "said",
    [
        {"since": "2026-12-02", "until": "2026-12-01"},
        {"since": "2026-12-01", "until": "2026-12-02", "delegate": "kim"},
        {"since": "2026-12-01", "until": "2026-12-02", "delegate": "nobody"},
        {"since": "2026-12-01", "until": "2036-12-02"},
    ],
)
async def test_an_absence_that_cannot_be_is_refused(api: httpx.AsyncClient, said: dict[str, Any]) -> None:
    await api.put("/people/kim", json={})

    assert (await api.post("/people/kim/absences", json=said)).status_code == 422
