"""Claims about the inbox: any delivery is found by what is known of it, page by page."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support import salesforce

from ingest_webhooks.upkeep.inspecting import hidden, shown_header

from .conftest import Bench, batch, change, prop


async def ids(bench: Bench, query: str) -> list[str]:
    answer = await bench.client.get(f"/deliveries?{query}")
    return [one["id"] for one in answer.raise_for_status().json()["data"]]


async def delivered(bench: Bench, body: bytes, correlation_id: str) -> str:
    """Deliver a body under a request id, and return the delivery's id."""
    await bench.deliver(body, headers={"x-request-id": correlation_id})
    found = await bench.pool.fetchval("select id from ingest.delivery where correlation_id = $1", correlation_id)
    return str(found)


async def test_each_filter_finds_the_delivery_and_excludes_others(bench: Bench) -> None:
    own = Bench(bench.app, bench.client, bench.pool, bench.service, await bench.connect())
    one = await delivered(own, batch(prop("company", 501, 1, "seats", "many")), "inbox-one")
    other = await delivered(bench, batch(change("company.creation", 502, 1)), "inbox-other")
    await bench.relay()
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    begin, end = ((now + shift).strftime("%Y-%m-%dT%H:%M:%SZ") for shift in (-hour, hour))
    finds = [
        f"connection={own.connection['id']}",
        "state=quarantined",
        "correlation_id=inbox-one",
        "fault=IS%20NO%20number",
        f"source=hubspot&from={begin}&to={end}",
    ]
    excludes = ["state=ignored", "source=plain", "correlation_id=inbox", "fault=%25", f"to={begin}", f"from={end}"]

    assert [one in await ids(bench, query) for query in finds] == [True] * len(finds)
    assert [one in await ids(bench, query) for query in excludes] == [False] * len(excludes)
    assert [other in await ids(bench, query) for query in finds[:4]] == [False] * 4


async def test_pages_hold_everything_once_and_end(bench: Bench) -> None:
    for number in range(7):
        await bench.deliver(batch(change("company.creation", 503, number)))
    await bench.relay()
    seen: list[str] = []
    cursor: str | None = ""
    pages = 0
    while cursor is not None:
        wanted: dict[str, Any] = {"limit": 3, "source": "hubspot"} | ({"cursor": cursor} if cursor else {})
        page = (await bench.client.get("/deliveries", params=wanted)).raise_for_status().json()
        seen += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
        pages += 1
    stored = await bench.pool.fetch("select id from ingest.delivery where source = 'hubspot' order by id desc")

    assert seen == [str(row["id"]) for row in stored]
    assert pages == -(-len(stored) // 3)


async def looked_at(bench: Bench, body: bytes, correlation_id: str, **headers: str) -> dict[str, Any]:
    await bench.deliver(body, headers={"x-request-id": correlation_id} | headers)
    found = await bench.pool.fetchval("select id from ingest.delivery where correlation_id = $1", correlation_id)
    return dict((await bench.client.get(f"/deliveries/{found}")).raise_for_status().json())


@pytest.mark.parametrize(
    ("number", "element"),
    list(
        enumerate(
            [
                b'{"a\\ud800b":1,"eventId":6}',
                b'{"subscriptionType":"company.\\ud800","eventId":7}',
                b'{"eventId":8,"id":{"type":["\\udfff\\u0000"]},"propertyValue":"\\ud83d"}',
                b'{"eventId":9,"size":1e999}',
                b'{"eventId":10,"a":' + b"[" * 30 + b"]" * 30 + b"}",
            ]
        )
    ),
)
async def test_whatever_was_kept_can_be_looked_at(bench: Bench, number: int, element: bytes) -> None:
    found = await looked_at(bench, b"[" + element + b"]", f"inbox-strange-{number}")
    await bench.relay()
    assert len(found["body"]) == 1
    assert (await bench.client.get("/deliveries?limit=5")).status_code == 200


async def test_a_fault_that_names_what_is_no_text_is_written_down_all_the_same(bench: Bench) -> None:
    made = await bench.connect(source="salesforce", secret=None, settings={"organization_id": salesforce.ORG})
    rules = {"Account.*": {"type": "seat.added", "account": "{nothing}"}}
    (await bench.client.put(f"/connections/{made['id']}/mapping", json={"rules": rules})).raise_for_status()
    body = json.dumps(salesforce.change("Account", salesforce.ACME) | {"Odd\ud800": 1}).encode()
    path = made["secret_webhook_url"].removeprefix("http://test")
    headers = {"content-type": "application/json"}
    (await bench.client.post(path, content=body, headers=headers)).raise_for_status()
    await bench.relay()
    (found,) = (await bench.client.get(f"/deliveries?connection={made['id']}")).raise_for_status().json()["data"]
    assert found["faults"][0]["reason"].startswith("Account.Odd\ufffd: it names no account")


@pytest.mark.parametrize(("deep", "told"), [(60, "1"), (200, "too deep"), (100_000, "no JSON")])
def test_of_a_body_deeper_than_any_other_the_top_is_shown(deep: int, told: str) -> None:
    shown = json.dumps(hidden(b"[" * deep + b"1" + b"]" * deep))
    assert (told in shown, len(shown) < 500) == (True, True)


async def test_words_of_interfaces_are_shown_and_whatever_else_stands_in_their_place_is_not(bench: Bench) -> None:
    element = change("company.creation", 504, 1) | {
        "type": "Anna Person wrote this",
        "account": "anna@person.example",
        "id": {"id": "x" * 65, "type": "domain:acme.com", "occurred_at": "2026-03-02T09:30:00+02:00"},
        "anna@person.example": {"Anna Person": 1, "Egon Person": 2},
        "propertyName": ["hs_pipeline_stage", "Anna\nPerson"],
    }
    shown = (await looked_at(bench, batch(element), "inbox-words"))["body"][0]

    assert (shown["subscriptionType"], shown["type"], shown["account"]) == (
        "company.creation",
        "(22 characters)",
        "(19 characters)",
    )
    assert shown["id"] == {
        "id": "(65 characters)",
        "type": "domain:acme.com",
        "occurred_at": "2026-03-02T09:30:00+02:00",
    }
    assert shown["(19 characters)"] == {"(11 characters)": 1, "(11 characters) 2": 2}
    assert shown["propertyName"] == ["hs_pipeline_stage", "(11 characters)"]


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        (
            "user-agent",
            "Mozilla/5.0 (Anna Person; anna@person.example) HubSpot-Connect/2",
            "Mozilla/5.0 HubSpot-Connect/2",
        ),
        ("user-agent", "anna@person.example", "(19 characters)"),
        ("user-agent", "", "(0 characters)"),
        ("content-type", "application/json; charset=utf-8", "application/json"),
        ("ce-type", "com.acme.seat_added", "com.acme.seat_added"),
        ("ce-subject", "anna@person.example", "(19 characters)"),
    ],
)
def test_of_headers_only_words_and_products_are_shown(name: str, value: str, shown: str) -> None:
    assert shown_header(name, value) == shown


async def test_a_delivery_shows_its_user_agent_without_what_it_says_of_people(bench: Bench) -> None:
    agent = "HubSpot-Connect/2 (anna@person.example)"
    found = await looked_at(bench, batch(change("company.creation", 505, 1)), "inbox-agent", **{"user-agent": agent})
    assert found["headers"]["user-agent"] == "HubSpot-Connect/2"
