"""What callers of the JSON API get wrong: every row of the catalogue's part on it that this service can meet."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from support.front_door import Bench
from support.gates import require_key_first, require_strict_bodies

from milepost_runtime.keys import insert_key, new_key

AT = "2026-11-01T09:30:00Z"


def event(**more: Any) -> dict[str, Any]:
    return {"id": f"e-{uuid4()}", "type": "feature.used", "account": "external:acme", "occurred_at": AT} | more


def connection(**more: Any) -> dict[str, Any]:
    return {"source": "hubspot", "name": "a connection"} | more


@dataclass(frozen=True)
class Row:
    """A body for a route, and what it is told: status, type, and the pointer of its one fault."""

    path: str
    body: Any
    status: int
    type: str
    pointer: str | None = None


def told(answer: Any) -> str:
    return str(answer.json()["type"]).rsplit("/", 1)[-1]


ROWS: dict[str, Row] = {
    "A5-unknown-field": Row("/events", event(nosuch=1), 422, "unknown_field", "/nosuch"),
    "A5-read-only-field": Row("/events", event(recorded_at=AT), 422, "unknown_field", "/recorded_at"),
    "A5-read-only-connection": Row("/connections", connection(created_at=AT), 422, "unknown_field", "/created_at"),
    "A6-true-for-a-number": Row("/events", event(value=True), 422, "wrong_type", "/value"),
    "A6-number-for-a-text": Row("/events", event(actor=12), 422, "wrong_type", "/actor"),
    "A6-text-for-an-object": Row("/events", event(properties="x"), 422, "wrong_type", "/properties"),
    "A6-text-for-a-number": Row("/connections", connection(rate_per_second="5"), 422, "wrong_type", "/rate_per_second"),
    "A6-true-for-a-rate": Row("/connections", connection(rate_per_second=True), 422, "wrong_type", "/rate_per_second"),
    "A6-text-for-a-setting": Row(
        "/connections", connection(settings={"app_id": "5"}), 422, "wrong_type", "/settings/app_id"
    ),
    "A6-yes-for-a-setting": Row(
        "/connections", connection(settings={"allow_v1": "yes"}), 422, "wrong_type", "/settings/allow_v1"
    ),
    "A6-one-for-true": Row("/imports", {"name": "x", "dry_run": 1}, 422, "wrong_type", "/dry_run"),
    "A6-text-for-a-count": Row("/imports", {"name": "x", "total_lines": "1_000"}, 422, "wrong_type", "/total_lines"),
    "A6-fraction-for-a-count": Row("/imports", {"name": "x", "total_lines": 1.0}, 422, "wrong_type", "/total_lines"),
    "A6-yes-for-true": Row("/replays", {"dry_run": "yes"}, 422, "wrong_type", "/dry_run"),
    "A6-number-for-an-id": Row("/replays", {"connection_id": 7}, 422, "wrong_type", "/connection_id"),
    "A10-long-name-of-a-property": Row(
        "/events", event(properties={"x" * 300: 1}), 422, "bad_string", "/properties/" + "x" * 300
    ),
    "A7-too-large": Row("/events", event(value=1e300), 422, "out_of_range", "/value"),
    "A8-no-offset": Row("/events", event(occurred_at="2026-11-01T09:30:00"), 422, "bad_time", "/occurred_at"),
    "A8-a-number": Row("/events", event(occurred_at=1_793_491_200), 422, "bad_time", "/occurred_at"),
    "A8-hour-24": Row("/events", event(occurred_at="2026-11-01T24:00:00Z"), 422, "bad_time", "/occurred_at"),
    "A8-second-60": Row("/events", event(occurred_at="2026-11-01T09:30:60Z"), 422, "bad_time", "/occurred_at"),
    "A8-30-february": Row("/events", event(occurred_at="2026-02-30T09:30:00Z"), 422, "bad_time", "/occurred_at"),
    "A8-year-0": Row("/events", event(occurred_at="0000-11-01T09:30:00Z"), 422, "bad_time", "/occurred_at"),
    "A8-year-10000": Row("/events", event(occurred_at="10000-11-01T09:30:00Z"), 422, "bad_time", "/occurred_at"),
    "A9-before-the-calendar": Row(
        "/events", event(occurred_at="0001-01-01T00:00:00+14:00"), 422, "bad_time", "/occurred_at"
    ),
    "A9-after-the-calendar": Row(
        "/events", event(occurred_at="9999-12-31T23:00:00-12:00"), 422, "bad_time", "/occurred_at"
    ),
    "A10-zero-character": Row("/events", event(actor="a\0b"), 422, "bad_string", "/actor"),
    "A10-half-character": Row("/events", event(item="a\ud800"), 422, "bad_string", "/item"),
    "A10-invisible": Row("/events", event(actor="\u200b\u2060 \ufeff"), 422, "bad_string", "/actor"),
    "A10-a-megabyte": Row("/events", event(value="x" * 1_000_000), 422, "bad_string", "/value"),
    "A11-combining-marks": Row("/events", event(item="a" + "\u0301" * 10_000), 422, "bad_string", "/item"),
    "A16-too-many": Row("/events", [event() for _ in range(1_001)], 413, "body_too_large", ""),
    "A17-null": Row("/events", event(account=None), 422, "wrong_type", "/account"),
    "A17-missing": Row("/events", {"id": "x", "type": "a.b", "occurred_at": AT}, 422, "wrong_type", "/account"),
    "A17-extra-level": Row("/events", [[event()]], 422, "wrong_type", "/0"),
    "A17-text": Row("/events", "an event", 422, "wrong_type", ""),
    "A18-proto": Row("/events", event(__proto__={"x": 1}), 422, "unknown_field", "/__proto__"),
    "A18-constructor": Row("/connections", connection(constructor=1), 422, "unknown_field", "/constructor"),
    "A18-empty-name": Row("/events", event(**{"": 1}), 422, "unknown_field", "/"),
}


@pytest.mark.parametrize("name", ROWS)
async def test_a_fault_is_told_with_its_place_and_nothing_is_kept(bench: Bench, name: str) -> None:
    row = ROWS[name]
    before = await bench.counts()
    answer = await bench.client.post(
        row.path, content=json.dumps(row.body), headers={"content-type": "application/json"}
    )
    assert (answer.status_code, told(answer)) == (row.status, row.type), answer.text
    if row.pointer is not None:
        assert [error["pointer"] for error in answer.json()["errors"]] == [row.pointer]
    assert await bench.counts() == before


async def test_a_pointer_leads_into_the_body_that_was_sent_whatever_the_validator_calls_the_way(bench: Bench) -> None:
    told_event = json.dumps(event(properties={"a": {"dict": [1, 4711]}})).replace("4711", "1e999")
    answer = await bench.client.post("/events", content=told_event, headers={"content-type": "application/json"})
    assert (answer.status_code, told(answer)) == (422, "out_of_range")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/properties/a/dict/1"]


async def test_a7_minus_nought_is_kept_as_nought(bench: Bench) -> None:
    answer = await bench.client.post("/events", json=event(id="nought", account="external:nought", value=-0.0))
    assert answer.status_code == 202
    await bench.relay()
    (row,) = await bench.events("external:nought")
    assert str(row["value"]) == "0.0"


@pytest.mark.parametrize("name", ["\u202eevil\u202c", "\u0430cme", "👩‍👩‍👧", "Zoë"])
async def test_a11_strange_names_are_kept_as_they_are(bench: Bench, name: str) -> None:
    account = f"external:{uuid4()}"
    assert (await bench.client.post("/events", json=event(account=account, item=name))).status_code == 202
    await bench.relay()
    assert [row["item"] for row in await bench.events(account)] == [name]


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer mp_x", "Basic YTpi", "Bearer mp_000000000000_" + "x" * 43, "Bearer " + "y" * 10_000],
)
async def test_a1_without_a_valid_key_nothing_is_told(bench: Bench, header: str | None) -> None:
    headers = {"authorization": header or ""}
    for method, path in (("POST", "/events"), ("GET", "/deliveries"), ("GET", "/connections"), ("GET", "/books")):
        answer = await bench.client.request(method, path, headers=headers)
        assert (answer.status_code, told(answer)) == (401, "unauthenticated"), path


async def test_a1_a_revoked_key_and_a_key_in_the_address_are_none(bench: Bench) -> None:
    key = new_key()
    async with bench.pool.acquire() as store:
        await insert_key(store, "ingest", key, name="revoked", scopes=["admin"], days=None)
        await store.execute("update ingest.api_key set revoked_at = clock_timestamp() where id = $1", key.id)
    headers = {"authorization": f"Bearer {key.text}"}
    assert (await bench.client.get("/connections", headers=headers)).status_code == 401
    answer = await bench.client.get(f"/connections?key={key.text}", headers={"authorization": ""})
    assert answer.status_code == 401


async def test_a2_a_key_opens_only_what_its_scope_says(bench: Bench) -> None:
    key = new_key()
    async with bench.pool.acquire() as store:
        await insert_key(store, "ingest", key, name="sender", scopes=["ingest"], days=None)
    headers = {"authorization": f"Bearer {key.text}"}
    assert (await bench.client.post("/events", json=event(), headers=headers)).status_code == 202
    for method, path in (("GET", "/deliveries"), ("GET", "/connections"), ("POST", "/connections")):
        answer = await bench.client.request(method, path, headers=headers, json=connection())
        assert (answer.status_code, told(answer)) == (403, "forbidden"), path


@pytest.mark.parametrize(
    ("part", "status"),
    [
        ("0199a1b2-0000-4000-8000-00000000dead", 404),
        ("00000000-0000-0000-0000-000000000000", 404),
        ("7", 422),
        ("x" * 10_000, 422),
    ],
)
async def test_a4_an_id_that_is_none_is_refused(bench: Bench, part: str, status: int) -> None:
    for path in (f"/deliveries/{part}", f"/connections/{part}/mapping", f"/imports/{part}"):
        assert (await bench.client.get(path)).status_code == status, path


async def test_a12_a13_a14_a_request_that_its_caller_names_is_carried_out_once(bench: Bench) -> None:
    async def make(key: str, name: str) -> Any:
        headers = {"idempotency-key": key}
        return await bench.client.post("/connections", json=connection(name=name), headers=headers)

    async with bench.pool.acquire() as store, store.transaction():
        # Whoever makes a connection waits for this, so that the first request is under way for as long as we like.
        await store.execute("lock table ingest.connection in exclusive mode")
        slow = asyncio.create_task(make("once", "same"))
        for _ in range(500):
            if await store.fetchval("select count(*) from ingest.idempotency") > 0:
                break
            await asyncio.sleep(0.01)
        second = await make("once", "same")
    first = await slow
    assert (second.status_code, told(second)) == (409, "idempotency_in_progress")
    assert (first.status_code, (await make("once", "same")).json()) == (201, first.json())
    other = await make("once", "other")
    assert (other.status_code, told(other)) == (422, "idempotency_key_reused")
    for key in ("k" * 256, "", "t\tb"):
        none = await make(key, "same")
        assert (none.status_code, told(none)) == (400, "bad_idempotency_key")
    names = [one["name"] for one in (await bench.client.get("/connections")).json()["data"]]
    assert names.count("same") == 1
    assert "other" not in names


async def test_a15_a_change_over_an_old_version_is_refused(bench: Bench) -> None:
    made = await bench.connect(name="versions")
    path = f"/connections/{made['id']}/mapping"
    rules = {"rules": {"company.tier": {"attribute": "segment"}}}
    tag = (await bench.client.get(path)).headers["etag"]
    assert (await bench.client.put(path, json=rules, headers={"if-match": tag})).status_code == 200
    answer = await bench.client.put(path, json=rules, headers={"if-match": tag})
    assert (answer.status_code, told(answer)) == (412, "version_conflict")


async def test_what_is_text_in_json_is_read_as_what_it_means(bench: Bench) -> None:
    """Ids and moments have no other way to be sent."""
    wanted = {"connection_id": bench.connection["id"], "from": AT, "to": "2026-11-02T00:00:00+02:00", "dry_run": True}
    answer = await bench.client.post("/replays", json=wanted)
    assert (answer.status_code, answer.json()["connection_id"]) == (202, bench.connection["id"])
    assert answer.json()["from"] == AT


async def test_nothing_of_a_body_is_understood_without_a_key(bench: Bench) -> None:
    await require_key_first(bench.client)


async def test_no_route_takes_a_large_body_another_media_type_or_json_of_two_minds(bench: Bench) -> None:
    before = await bench.counts()
    await require_strict_bodies(bench.client, own_limit=("/events", "/imports/import_id/lines"))
    assert await bench.counts() == before


@pytest.mark.parametrize("sort", ["id;drop", "password_hash"])
async def test_q4_an_order_that_is_none_is_refused(bench: Bench, sort: str) -> None:
    """No list here is sorted by a word of the caller's, so that any is refused as unknown."""
    for path in ("/deliveries", "/imports", "/replays", "/accounts/unmapped"):
        answer = await bench.client.get(path, params={"sort": sort})
        assert (answer.status_code, told(answer)) == (422, "bad_parameter"), path


async def test_w38_what_is_told_of_an_erased_person_is_dropped_after_the_key_check_and_counted(bench: Bench) -> None:
    person, account = f"w38.{uuid4().hex}@acme.com", f"external:{uuid4()}"
    assert (await bench.client.post("/erasures", json={"person": person})).status_code == 202
    await bench.relay()
    sent = event(account=account, actor=person)
    assert (await bench.client.post("/events", json=sent, headers={"authorization": ""})).status_code == 401
    assert (await bench.client.post("/events", json=sent)).status_code == 202
    await bench.relay()
    newest = await bench.pool.fetchrow("select state, ignored from ingest.delivery order by id desc limit 1")
    assert tuple(newest) == ("ignored", 1)
    assert await bench.events(account) == []


# A19 (weights, a score without reasons) and A20 (rules with cycles and patterns) speak of score models and playbooks:
# nothing here has weights, and a mapping has neither conditions nor patterns.
