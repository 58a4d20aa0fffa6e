"""Claims about `POST /events`: durable, repeatable without harm, and told exactly what is wrong."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from milepost_contracts.events import EventRow
from milepost_runtime.database import Pool
from milepost_runtime.keys import insert_key, new_key

from .conftest import Bench

AT = "2026-11-01T09:30:00.123456789Z"


def event(number: int, account: str = "external:acme", **more: Any) -> dict[str, Any]:
    return {"id": f"e{number}", "type": "feature.used", "account": account, "occurred_at": AT} | more


async def post(bench: Bench, body: Any) -> tuple[int, dict[str, Any]]:
    answer = await bench.client.post("/events", json=body)
    return answer.status_code, answer.json()


async def test_one_event_or_many_are_accepted_and_repetition_is_counted(bench: Bench) -> None:
    assert await post(bench, event(1)) == (202, {"accepted": 1, "duplicates": 0, "conflicts": 0})
    assert await post(bench, [event(1), event(2), event(2), event(3)]) == (
        202,
        {"accepted": 2, "duplicates": 2, "conflicts": 0},
    )
    assert await post(bench, [event(1), event(2), event(3)]) == (202, {"accepted": 0, "duplicates": 3, "conflicts": 0})
    assert await post(bench, []) == (202, {"accepted": 0, "duplicates": 0, "conflicts": 0})
    await bench.relay()
    assert len(await bench.events("external:acme")) == 3


async def test_every_field_reaches_the_feed_as_the_contract_says(bench: Bench) -> None:
    full = event(
        10, "external:full", actor="u1", role="sponsor", item="sso", value=4, properties={"a": {"b": [1, "x\0"]}}
    )
    await post(bench, [full, event(11, "external:full", value="promoter")])
    await bench.relay()
    first, second = await bench.events("external:full")
    row = EventRow.model_validate(dict(first))

    assert (row.actor, row.role, row.item, row.value, row.value_text) == ("u1", "sponsor", "sso", 4.0, None)
    assert row.properties == {"a": {"b": [1, "x\ufffd"]}}
    assert row.occurred_at == datetime(2026, 11, 1, 9, 30, 0, 123456, UTC)
    assert row.recorded_at > row.occurred_at
    assert (second["value"], second["value_text"]) == (None, "promoter")


async def test_the_same_events_by_twenty_senders_at_once_are_accepted_once(bench: Bench) -> None:
    body = [event(number, "external:race") for number in range(100, 150)]
    answers = await asyncio.gather(*(post(bench, body[:: (-1) ** index]) for index in range(20)))
    await bench.relay()

    assert sum(answer["accepted"] for _, answer in answers) == 50
    assert len(await bench.events("external:race")) == 50


@pytest.mark.parametrize(
    ("broken", "pointer"),
    [
        ({"id": ""}, "/1/id"),
        ({"id": 7}, "/1/id"),
        ({"id": "x" * 256}, "/1/id"),
        ({"type": "Feature Used"}, "/1/type"),
        ({"account": "acme"}, "/1/account"),
        ({"account": "external:"}, "/1/account"),
        ({"occurred_at": "2026-11-01T09:30:00"}, "/1/occurred_at"),
        ({"occurred_at": "yesterday"}, "/1/occurred_at"),
        ({"occurred_at": 1793491200}, "/1/occurred_at"),
        ({"occurred_at": 1793491200.5}, "/1/occurred_at"),
        ({"occurred_at": "1793491200"}, "/1/occurred_at"),
        ({"occurred_at": "2026-11-01"}, "/1/occurred_at"),
        ({"occurred_at": None}, "/1/occurred_at"),
        ({"type": "account.linked"}, "/1/type"),
        ({"type": "account.merged"}, "/1/type"),
        ({"type": "pulse.given"}, "/1/type"),
        ({"account": "domain:" + "\u0130" * 200}, "/1/account"),
        ({"account": "domain:GMail.com"}, "/1/account"),
        ({"account": "domain:co.uk"}, "/1/account"),
        ({"account": "domain:acme"}, "/1/account"),
        ({"account": "salesforce:00D000000000062:7"}, "/1/account"),
        ({"value": True}, "/1/value"),
        ({"value": 1e999}, "/1/value"),
        ({"vlaue": 1}, "/1/vlaue"),
    ],
)
async def test_a_broken_event_is_422_with_its_pointer_and_nothing_is_kept(
    bench: Bench, broken: dict[str, Any], pointer: str
) -> None:
    before = await bench.counts()
    body = json.dumps([event(200, "external:never"), event(201, "external:never") | broken]).replace(
        "Infinity", "1e999"
    )
    answer = await bench.client.post("/events", content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer])
    assert await bench.counts() == before


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"[", 400), (b'{"a":1,"a":1}', 400), (b"[" * 70, 400), (b" " * (5 * 2**20 + 1), 413), (b"7", 422)],
)
async def test_a_body_that_is_no_event_is_refused(bench: Bench, body: bytes, status: int) -> None:
    answer = await bench.client.post("/events", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_a_thousand_events_pass_and_one_more_does_not(bench: Bench) -> None:
    body = [event(1_000 + number, "external:many") for number in range(1_001)]
    assert (await post(bench, body))[0] == 413
    assert await post(bench, body[:1_000]) == (202, {"accepted": 1_000, "duplicates": 0, "conflicts": 0})


async def test_events_need_the_scope_ingest(bench: Bench, ingest_pool: Pool) -> None:
    key = new_key()
    async with ingest_pool.acquire() as connection:
        await insert_key(connection, "ingest", key, name="reader", scopes=["read"], days=None)
    for header, status in ((f"Bearer {key.text}", 403), ("", 401), ("Bearer mp_x", 401)):
        answer = await bench.client.post("/events", json=event(300), headers={"authorization": header})
        assert answer.status_code == status


async def test_a_single_event_that_only_milepost_tells_is_422_at_its_type(bench: Bench) -> None:
    status, answer = await post(bench, event(210, type="account.merged", value=str(uuid4())))
    assert (status, [error["pointer"] for error in answer["errors"]]) == (422, ["/type"])


@pytest.mark.parametrize(
    "text",
    ["2026-11-01T09:30:00Z", "2026-11-01t09:30:00z", "2026-11-01 10:30:00.000+01:00", "2026-11-01T04:00:00-05:30"],
)
async def test_every_way_to_write_a_moment_by_rfc_3339_is_the_same_moment(bench: Bench, text: str) -> None:
    reference = f"external:moment-{text}"
    assert (await post(bench, event(220, reference, id=text, occurred_at=text)))[0] == 202
    await bench.relay()
    assert [row["occurred_at"] for row in await bench.events(reference)] == [datetime(2026, 11, 1, 9, 30, tzinfo=UTC)]


async def test_what_was_accepted_before_and_is_refused_now_is_quarantined_alone(bench: Bench) -> None:
    await post(bench, [event(230, "external:before"), event(231, "external:before")])
    await bench.pool.execute(
        "update ingest.delivery set body = replace(convert_from(body, 'UTF8'), $1, $2)::bytea where state = 'new'",
        '"id":"e230","type":"feature.used"',
        '"id":"e230","type":"account.merged"',
    )
    await bench.relay()
    (row,) = await bench.events("external:before")
    settled = await bench.pool.fetchrow("select * from ingest.delivery where id = $1", row["delivery_id"])

    assert (settled["state"], settled["relayed"], settled["quarantined"]) == ("quarantined", 1, 1)
    assert settled["faults"] == [{"position": 0, "reason": "not valid any more: type"}]


async def test_keys_of_one_name_share_one_space_of_ids_and_the_reference_says_so(
    bench: Bench, ingest_pool: Pool
) -> None:
    answers = []
    for _ in range(2):
        key = new_key()
        async with ingest_pool.acquire() as connection:
            await insert_key(connection, "ingest", key, name="the CRM", scopes=["ingest"], days=None)
        header = {"authorization": f"Bearer {key.text}"}
        answers.append((await bench.client.post("/events", json=event(240), headers=header)).json())
    document = (await bench.client.get("/openapi.json")).json()

    assert answers == [
        {"accepted": 1, "duplicates": 0, "conflicts": 0},
        {"accepted": 0, "duplicates": 1, "conflicts": 0},
    ]
    described = " ".join(document["paths"]["/events"]["post"]["description"].split())
    assert "Keys of one name are one sender and share one space of ids" in described


async def test_a_domain_is_the_same_in_any_case(bench: Bench) -> None:
    await post(bench, [event(250, "external:cased"), event(251, "domain:Wait.Cased.EXAMPLE")])
    await bench.relay()
    account = await bench.pool.fetchval("select account_id from ingest.reference where reference = 'external:cased'")
    path = f"/accounts/{account}/references"
    answer = await bench.client.post(path, json={"reference": "domain:WAIT.cased.example"})
    await post(bench, event(252, "domain:wait.CASED.example"))
    await bench.relay()

    assert answer.json()["reference"] == "domain:wait.cased.example"
    assert len(await bench.events("external:cased")) == 3
    assert await bench.pool.fetchval("select count(*) from ingest.waiting_event where reference ~ 'cased'") == 0


async def test_two_senders_may_use_the_same_id(bench: Bench, ingest_pool: Pool) -> None:
    key = new_key()
    async with ingest_pool.acquire() as connection:
        await insert_key(connection, "ingest", key, name="another sender", scopes=["ingest"], days=None)
    await post(bench, event(400, "external:both"))
    header = {"authorization": f"Bearer {key.text}"}
    answer = await bench.client.post("/events", json=event(400, "external:both"), headers=header)
    assert answer.json() == {"accepted": 1, "duplicates": 0, "conflicts": 0}


async def test_an_event_from_the_future_is_drawn_back_to_five_minutes_and_keeps_its_own_word(bench: Bench) -> None:
    future = (datetime.now(UTC) + timedelta(days=3_650)).isoformat()
    await post(bench, event(500, "external:future", occurred_at=future))
    await bench.relay()
    (row,) = await bench.events("external:future")

    assert abs(row["occurred_at"] - datetime.now(UTC) - timedelta(minutes=5)) < timedelta(minutes=1)
    assert datetime.fromisoformat(row["properties"]["original_occurred_at"]) == datetime.fromisoformat(future)


async def test_events_of_an_unknown_domain_or_id_wait_and_join_with_their_own_times(bench: Bench) -> None:
    await post(
        bench, [event(600, "domain:wait.example"), event(601, "external:known"), event(602, str(uuid4()).upper())]
    )
    await bench.relay()
    waiting = (await bench.client.get("/accounts/unmapped")).json()["data"]
    account = await bench.pool.fetchval("select account_id from ingest.reference where reference = 'external:known'")
    answer = await bench.client.post(f"/accounts/{account}/references", json={"reference": "domain:wait.example"})

    assert {"domain:wait.example"} < {one["reference"] for one in waiting}
    assert (answer.status_code, answer.json()["account_id"]) == (201, str(account))
    joined = [row for row in await bench.events("external:known") if row["event_id"] != ""]
    assert [row["occurred_at"] for row in joined] == [datetime(2026, 11, 1, 9, 30, 0, 123456, UTC)] * 2
    await post(bench, event(603, "domain:wait.example"))
    await post(bench, event(604, str(account).upper()))
    await bench.relay()
    assert len(await bench.events("external:known")) == 4


async def test_a_reference_is_taken_from_another_account_only_when_asked(bench: Bench) -> None:
    await post(bench, [event(700, "external:one"), event(701, "external:two")])
    await bench.relay()
    two = await bench.pool.fetchval("select account_id from ingest.reference where reference = 'external:two'")
    path = f"/accounts/{two}/references"

    assert (await bench.client.post(path, json={"reference": "external:one"})).status_code == 409
    assert (await bench.client.post(path, json={"reference": "external:one", "move": True})).status_code == 201
    assert (await bench.client.post(f"/accounts/{uuid4()}/references", json={"reference": "a:b"})).status_code == 404
    told = await bench.pool.fetch(
        "select value_text from ingest.event where account_id = $1 and type = 'account.linked'", two
    )
    assert {row["value_text"] for row in told} == {"external:one", "external:two"}
