"""Claims about the mapping of a connection over the API: versions, conflicts, lint, and trying out a payload."""

import asyncio
import itertools
import json
from typing import Any
from uuid import UUID

import httpx
import pytest

from ingest_webhooks.forgetting.persons import Persons
from ingest_webhooks.relay.hearing import Hearing
from ingest_webhooks.sources import SOURCES
from milepost_runtime.secrets import Vault

from .conftest import Bench, batch, change, linked, prop

_portals = itertools.count(5_000)
RULES = {"company.health_word": {"type": "survey.answered", "value": "{value}", "reads": "number"}}


async def made(bench: Bench) -> str:
    return str((await bench.connect())["id"])


async def put(bench: Bench, connection: str, rules: Any, match: str | None = None, **more: Any) -> httpx.Response:
    headers = {} if match is None else {"if-match": match}
    return await bench.client.put(f"/connections/{connection}/mapping", json={"rules": rules} | more, headers=headers)


async def get(bench: Bench, path: str) -> Any:
    return (await bench.client.get(path)).raise_for_status().json()


async def test_a_new_connection_has_no_rules_of_its_own_beside_its_sources_defaults(bench: Bench) -> None:
    answer = await bench.client.get(f"/connections/{await made(bench)}/mapping")
    body = answer.json()

    assert (body["version"], body["rules"], answer.headers["etag"]) == (0, {}, '"0"')
    assert body["defaults"]["company.seats"] == {"attribute": "seats", "reads": "number"}


async def test_every_change_is_a_version_that_stays(bench: Bench) -> None:
    connection = await made(bench)
    first = await put(bench, connection, RULES, note="as the CRM team says")
    second = await put(bench, connection, {})
    listed = await get(bench, f"/connections/{connection}/mapping/versions")
    old = await get(bench, f"/connections/{connection}/mapping/versions/1")
    shown = {one["id"]: one for one in (await get(bench, "/connections"))["data"]}[connection]

    assert [first.headers["etag"], second.headers["etag"]] == ['"1"', '"2"']
    assert [(one["version"], one["rules"], one["author"], one["note"]) for one in listed["data"]] == [
        (2, 0, "tests", ""),
        (1, 1, "tests", "as the CRM team says"),
    ]
    assert old["rules"] == RULES
    assert shown["mapping_version"] == 2


async def test_going_back_makes_a_new_version_with_the_old_rules(bench: Bench) -> None:
    connection = await made(bench)
    await put(bench, connection, RULES)
    await put(bench, connection, {"x": {"ignore": True}})
    path = f"/connections/{connection}/mapping:activate"
    back = await bench.client.post(path, json={"version": 1})
    none = await bench.client.post(path, json={"version": 0})
    unknown = await bench.client.post(path, json={"version": 9})

    assert (back.json()["version"], back.json()["rules"], back.json()["note"]) == (3, RULES, "as version 1")
    assert (none.json()["version"], none.json()["rules"]) == (4, {})
    assert unknown.status_code == 404


@pytest.mark.parametrize("match", ['"0"', '"7"', "W/x", "-1"])
async def test_a_change_made_from_another_version_is_refused(bench: Bench, match: str) -> None:
    connection = await made(bench)
    await put(bench, connection, RULES)
    answers = [
        await put(bench, connection, {}, match),
        await bench.client.post(
            f"/connections/{connection}/mapping:activate", json={"version": 0}, headers={"if-match": match}
        ),
    ]
    assert {(one.status_code, one.json()["type"].rpartition("/")[2]) for one in answers} == {(412, "version_conflict")}
    assert (await get(bench, f"/connections/{connection}/mapping"))["version"] == 1
    assert (await put(bench, connection, {}, '"1"')).status_code == 200


async def test_of_many_changes_at_once_from_one_version_one_wins(bench: Bench) -> None:
    connection = await made(bench)
    answers = await asyncio.gather(*(put(bench, connection, RULES, '"0"') for _ in range(6)))
    assert sorted(one.status_code for one in answers) == [200] + [412] * 5


async def test_a_mapping_with_mistakes_is_refused_with_all_of_them(bench: Bench) -> None:
    connection = await made(bench)
    wrong = {"a": {"typ": "renewed"}, "b": {"type": "renewed", "account": "acme {id}"}, "c": 5}
    answer = await put(bench, connection, wrong)
    linted = await bench.client.post(f"/connections/{connection}/mapping:lint", json={"rules": wrong})

    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (422, "mapping_invalid")
    assert {one["pointer"] for one in answer.json()["errors"]} == {
        "/rules/a",
        "/rules/a/typ",
        "/rules/b/account",
        "/rules/c",
    }
    assert linted.json()["valid"] is False
    assert {one["nearest"] for one in linted.json()["remarks"] if one["pointer"] == "/rules/a/typ"} == {"type"}
    assert (await get(bench, f"/connections/{connection}/mapping"))["version"] == 0


async def test_warnings_keep_no_mapping_out(bench: Bench) -> None:
    connection = await made(bench)
    odd = {"company.x": {"type": "ticket.escalate"}}
    linted = (await bench.client.post(f"/connections/{connection}/mapping:lint", json={"rules": odd})).json()
    assert (linted["valid"], [one["nearest"] for one in linted["remarks"]]) == (True, ["ticket.escalated"])
    assert (await put(bench, connection, odd)).status_code == 200


@pytest.mark.parametrize("rules", [None, [], "x", 5, {"": {}}, {"a": {"when": {"x": []}}}, {"a\0": {"ignore": True}}])
async def test_no_rules_are_answered_with_a_fault_of_ours(bench: Bench, rules: Any) -> None:
    connection = await made(bench)
    assert (await put(bench, connection, rules)).status_code == 422
    tried = await bench.client.post(f"/connections/{connection}/mapping:lint", json={"rules": rules})
    assert tried.status_code == 200


async def test_only_administrators_change_mappings_and_unknown_connections_are_not_there(bench: Bench) -> None:
    bare = {"authorization": "Bearer nonsense"}
    connection = await made(bench)
    assert (await bench.client.get(f"/connections/{connection}/mapping", headers=bare)).status_code == 401
    unknown = "01a20286-2883-7087-a895-ea903e7ddf1d"
    assert (await put(bench, unknown, {})).status_code == 404
    for path in ("mapping", "mapping/versions", "mapping/versions/1"):
        assert (await bench.client.get(f"/connections/{unknown}/{path}")).status_code == 404


async def attempt(bench: Bench, connection: str, payload: Any, **more: Any) -> Any:
    answer = await bench.client.post(f"/connections/{connection}/test", json={"payload": payload} | more)
    return answer.raise_for_status().json()


async def test_a_payload_is_tried_out_and_nothing_is_kept(bench: Bench) -> None:
    connection, portal = await made(bench), next(_portals)
    await put(bench, connection, RULES)
    await bench.deliver(batch(change("company.creation", portal, 1)))
    await bench.relay()
    before = await bench.counts()
    payload = [
        prop("company", portal, 1, "health_word", "4"),
        prop("company", portal, 2, "seats", "12"),
        prop("ticket", portal, 7, "subject", "Slow"),
        prop("company", portal, 1, "health_word", "good"),
        prop("deal", portal, 9, "dealstage", "x"),
        linked("contact", portal, 5, 1),
    ]
    found = await attempt(bench, connection, payload)
    facts = [(one["topic"], one["rule"]["of"], one["rule"]["pattern"], len(one["events"])) for one in found["facts"]]
    events = [one["events"][0] for one in found["facts"] if one["events"]]

    assert await bench.counts() == before
    assert found["elements"] == 6
    assert facts == [
        ("company.health_word", "own", "company.health_word", 1),
        ("company.seats", "default", "company.seats", 1),
        ("ticket.subject", "default", "ticket.subject", 1),
        ("company.health_word", "own", "company.health_word", 0),
        ("deal.dealstage", "default", "deal.*", 0),
    ]
    assert [(one["type"], one["account"]["does"]) for one in events] == [
        ("survey.answered", "joins"),
        ("account.updated", "opens"),
        ("ticket.updated", "waits"),
    ]
    assert events[0]["account"]["account_id"] == str((await bench.events(f"hubspot:{portal}:1"))[0]["account_id"])
    assert (events[0]["value"], events[1]["properties"]) == (4.0, {"seats": 12})
    assert [(one["position"], one["reason"]) for one in found["faults"]] == [(3, "the value is no number")]
    assert [one["account"] for one in found["links"]] == [f"hubspot:{portal}:1"]
    assert found["ignored"] == 1


async def test_a_payload_as_text_and_rules_that_are_not_kept_yet(bench: Bench) -> None:
    connection, portal = await made(bench), next(_portals)
    text = json.dumps([prop("company", portal, 1, "tier", "gold")])
    found = await attempt(bench, connection, text, rules={"company.tier": {"type": "renewed", "role": "{value}"}})
    (fact,) = found["facts"]
    assert (fact["rule"], fact["events"][0]["type"], fact["events"][0]["role"]) == (
        {"of": "own", "pattern": "company.tier"}, "renewed", "gold",
    )  # fmt: skip
    assert (await get(bench, f"/connections/{connection}/mapping"))["version"] == 0
    wrong = await bench.client.post(f"/connections/{connection}/test", json={"payload": [], "rules": {"a": 1}})
    assert wrong.status_code == 422


@pytest.mark.parametrize(
    "payload", ["", "{", "[[[", 5, None, {}, {"a": 1}, [1, None], "\ud800", "<x/>", [{"subscriptionType": {}}], "[NaN]"]
)
async def test_any_payload_gets_an_answer(bench: Bench, payload: Any) -> None:
    connection = await made(bench)
    body = json.dumps({"payload": payload, "headers": {"Ünlaut": "ü", "x": "\u4e00"}})
    headers = {"content-type": "application/json"}
    answer = await bench.client.post(f"/connections/{connection}/test", content=body, headers=headers)
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 200:
        assert answer.json()["faults"] or answer.json()["facts"] == []


async def test_a_connections_rules_are_read_once_until_they_change(bench: Bench) -> None:
    connection, hearing = UUID(await made(bench)), Hearing(Persons(Vault("0" * 64)))
    async with bench.pool.acquire() as store:
        first, second = [(await hearing.ways(store, [connection]))[connection] for _ in range(2)]
        await put(bench, str(connection), RULES)
        third = (await hearing.ways(store, [connection]))[connection]
        await bench.client.patch(f"/connections/{connection}", json={"settings": {"app_id": 5}})
        fourth = (await hearing.ways(store, [connection]))[connection]

    assert first is second
    assert (first.mapping, list(third.mapping)) == ({}, list(RULES))
    assert (fourth.version, fourth.settings) == (1, SOURCES["hubspot"].settings(app_id=5))


async def test_settings_that_cannot_be_read_any_more_hold_up_their_own_deliveries_alone(bench: Bench) -> None:
    own = await bench.connect()
    broken = Bench(bench.app, bench.client, bench.pool, bench.service, own)
    portal = next(_portals)
    await broken.deliver(batch(change("company.creation", portal, 1)))
    await bench.deliver(batch(change("company.creation", portal, 2)))
    spoil = "update ingest.connection set settings = $2 where id = $1::text::uuid"
    await bench.pool.execute(spoil, own["id"], {"of_former_times": True})
    await bench.relay()
    states = {one: [row["type"] for row in await bench.events(f"hubspot:{portal}:{one}")] for one in (1, 2)}
    (aside,) = (await get(bench, f"/deliveries?connection={own['id']}"))["data"]
    tried = await attempt(bench, own["id"], [])
    await bench.pool.execute(spoil, own["id"], {})
    await bench.client.post(f"/deliveries/{aside['id']}/replay")
    await bench.relay()

    assert states == {1: [], 2: ["account.updated"]}
    assert (aside["state"], aside["quarantined"]) == ("quarantined", 1)
    assert "cannot be read any more" in aside["faults"][0]["reason"]
    assert tried["faults"] == [{"position": None, "reason": aside["faults"][0]["reason"], "code": None}]
    assert [row["type"] for row in await bench.events(f"hubspot:{portal}:1")] == ["account.updated"]
