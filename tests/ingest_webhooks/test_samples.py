"""Every sample of every source is let in by the real door and means something; its making gives no secret away."""

import base64
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
from support.front_door import Bench

import ingest_webhooks
from ingest_webhooks.samples import shelf_of
from ingest_webhooks.sources import CONNECTABLE, SOURCES
from ingest_webhooks.sources.source import address_token
from ingest_webhooks.words.shapes import Received, Refused
from milepost_contracts.events import BOOK_KEEPING
from milepost_runtime.keys import insert_key, new_key

pytestmark = pytest.mark.anyio
ALL = [(source, name) for source in sorted(CONNECTABLE) for name in shelf_of(source).samples]
PROMISED = {
    *("ticket-escalated", "ticket-resolved", "milestone-completed", "sponsor-left", "company-created"),
    "workflow-action",
}


async def connection_for(bench: Bench, source: str, **wanted: Any) -> dict[str, Any]:
    """Return a new connection with the settings that a source's samples ask for, and a made up secret."""
    listed = (await bench.client.get(f"/sources/{source}/samples")).raise_for_status().json()
    body = {"source": source, "name": "test deliveries", "settings": listed["settings"]} | wanted
    return dict((await bench.client.post("/connections", json=body)).raise_for_status().json())


async def made(bench: Bench, connection: dict[str, Any], sample: str, **wanted: Any) -> dict[str, Any]:
    """Return a sample request."""
    answer = await bench.client.post(f"/connections/{connection['id']}/samples/{sample}", json=wanted)
    return dict(answer.raise_for_status().json())


async def deliver(bench: Bench, request: dict[str, Any]) -> httpx.Response:
    """Send a request as it stands, without any key."""
    return await bench.client.post(
        urlsplit(request["url"]).path,
        content=request["body"].encode(),
        headers={**request["headers"], "authorization": request["headers"].get("authorization", "")},
    )


async def what_became(bench: Bench, answer: httpx.Response) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Relay; return the delivery that an answer was for, and what it became beside book-keeping."""
    await bench.relay()
    asked = await bench.client.get("/deliveries", params={"correlation_id": answer.headers["x-request-id"]})
    (delivery,) = asked.json()["data"]
    became = (await bench.client.get(f"/deliveries/{delivery['id']}/events")).raise_for_status().json()["data"]
    return delivery, [one for one in became if one["type"] not in BOOK_KEEPING]


def test_every_source_that_can_be_connected_has_samples_and_says_what_they_tell() -> None:
    for source in CONNECTABLE:
        samples = shelf_of(source).samples
        assert len(samples) >= 2, source
        assert all(one.description and not one.description.endswith(".") for one in samples.values())
    assert set(shelf_of("hubspot").samples) >= PROMISED


def test_every_file_of_a_sample_is_listed() -> None:
    folder = Path(ingest_webhooks.__file__).parent / "samples"
    for source in CONNECTABLE:
        listed = json.loads((folder / source / "index.json").read_text())["samples"]
        files = {about.get("file", f"{name}.json") for name, about in listed.items()}
        assert {path.name for path in (folder / source).iterdir()} == files | {"index.json"}


@pytest.mark.parametrize(("source", "name"), ALL)
async def test_a_sample_is_let_in_and_means_something(bench: Bench, source: str, name: str) -> None:
    connection = await connection_for(bench, source)
    request = await made(bench, connection, name, company=f"{source} {name}")

    answer = await deliver(bench, request)
    assert answer.status_code == 200, answer.text

    delivery, became = await what_became(bench, answer)
    assert delivery["state"] == "done", delivery["faults"]
    assert delivery["faults"] == []
    assert delivery["ignored"] == delivery["quarantined"] == delivery["duplicates"] == 0
    assert sum(one["events"] for one in became) >= 1


@pytest.mark.parametrize(("source", "name"), ALL)
async def test_a_sample_counts_however_often_it_is_sent(bench: Bench, source: str, name: str) -> None:
    connection = await connection_for(bench, source)
    counts = []
    for _ in range(2):
        answer = await deliver(bench, await made(bench, connection, name, company=f"{source} {name} again"))
        delivery, became = await what_became(bench, answer)
        assert (delivery["state"], delivery["duplicates"]) == ("done", 0)
        counts.append(sum(one["events"] for one in became))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("source", sorted(CONNECTABLE))
async def test_the_secret_is_in_no_sample_request(bench: Bench, source: str) -> None:
    connection = await connection_for(bench, source)
    secret = connection["secret"]
    forms = {secret, base64.b64encode(secret.encode()).decode(), base64.b64encode(f"{secret}:".encode()).decode()}
    for name in shelf_of(source).samples:
        answer = await bench.client.post(f"/connections/{connection['id']}/samples/{name}", json={})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert not [form for form in forms if form in answer.text]


@pytest.mark.parametrize(("source", "name"), [one for one in ALL if one[0] not in ("salesforce", "cloudevents")])
async def test_a_sample_is_refused_when_anything_of_what_is_signed_differs(
    bench: Bench, source: str, name: str
) -> None:
    connection = await connection_for(bench, source)
    request = await made(bench, connection, name)
    spoiled = request | {"body": request["body"].replace("milepost", "mile-post").replace("1", "2")}
    assert (await deliver(bench, spoiled)).status_code == 401


@pytest.mark.parametrize(("source", "name"), [("salesforce", "case-escalated"), ("cloudevents", "feature-used")])
async def test_what_nobody_signs_goes_to_the_secret_address(bench: Bench, source: str, name: str) -> None:
    connection = await connection_for(bench, source)
    request = await made(bench, connection, name)
    token = address_token(connection["secret"].encode())
    assert request["url"].endswith(f"/{connection['id']}/{token}")
    assert "authorization" not in request["headers"]
    bare = request | {"url": request["url"].removesuffix(f"/{token}")}
    assert (await deliver(bench, bare)).status_code in (401, 404)


async def test_a_signed_sample_goes_to_the_address_without_a_secret(bench: Bench) -> None:
    connection = await connection_for(bench, "hubspot")
    request = await made(bench, connection, "ticket-escalated")
    assert request["url"] == connection["webhook_url"]
    assert request["method"] == "POST"
    assert "x-hubspot-signature-v3" in request["headers"]


async def test_a_sample_is_signed_for_the_address_that_providers_are_told(bench: Bench) -> None:
    connection = await connection_for(bench, "hubspot")
    base = "https://hooks.example.com/in/"
    request = await bench.service.rehearsing.prepare(UUID(connection["id"]), "ticket-escalated", None, base)
    assert request.url == f"https://hooks.example.com/in/webhooks/hubspot/{connection['id']}"
    headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
    secret, source = connection["secret"].encode(), SOURCES["hubspot"]
    received = Received("POST", request.url, headers, dict(headers), request.body.encode())
    source.verify(received, [secret], source.settings(), time.time())
    elsewhere = replace(received, uri=request.url.replace("hooks", "other"))
    with pytest.raises(Refused):
        source.verify(elsewhere, [secret], source.settings(), time.time())


async def test_the_newest_secret_of_a_connection_signs(bench: Bench) -> None:
    connection = await connection_for(bench, "stripe")
    await bench.client.post(f"/connections/{connection['id']}/rotate", json={"overlap_seconds": 0})
    answer = await deliver(bench, await made(bench, connection, "invoice-paid"))
    assert answer.status_code == 200


async def test_one_sample_resolves_the_ticket_that_another_one_opened(bench: Bench) -> None:
    connection = await connection_for(bench, "hubspot")
    for name in ("ticket-escalated", "ticket-resolved"):
        await deliver(bench, await made(bench, connection, name, company="hubspot:7:4242"))
    await bench.relay()
    events = await bench.events("hubspot:7:4242")
    assert [one["type"] for one in events] == ["ticket.opened", "ticket.escalated", "ticket.resolved"]
    assert len({one["item"] for one in events}) == 1


async def test_a_company_known_by_its_id_is_not_renamed_by_a_test(bench: Bench) -> None:
    connection = await connection_for(bench, "hubspot")
    request = await made(bench, connection, "company-created", company="hubspot:7:4243")
    changed = [one.get("propertyName") for one in json.loads(request["body"])]
    assert changed == [None, "onboarding_start_date"]
    request = await made(bench, connection, "company-created", company="Acme Tools")
    assert {one.get("propertyValue") for one in json.loads(request["body"])} >= {"Acme Tools", "acme-tools.example"}


REFERENCES = [
    ("hubspot", "milestone-completed", "hubspot:7:4244", {}),
    ("salesforce", "milestone-completed", "salesforce:00D7Q0000007MiLUAU:0017Q00000AAAAAQA5", {}),
    ("segment", "feature-used", "external:acme-17", {}),
    ("cloudevents", "feature-used", "hubspot:7:4245", {}),
    ("cloudevents", "feature-used", "external:acme-18", {"account_from": "data.customer.id"}),
    ("cloudevents", "ticket-escalated", "external:acme-19", {"account_from": "subject"}),
    ("standard", "milestone-completed", "external:acme-20", {}),
    ("stripe", "invoice-paid", "stripe:acct_17:cus_NffrFeUfNV2Hib", {}),
    ("stripe", "invoice-paid", "external:acme-21", {}),
    ("zendesk", "ticket-escalated", "zendesk:77:88", {"opens_accounts": True}),
    ("intercom", "conversation-opened", "intercom:app1:5f2ab453471a3f50afb937f4", {"own_company_ids": False}),
    ("intercom", "company-created", "external:acme-22", {}),
    ("jira", "issue-created", "external:acme-23", {"account_label": "c-", "opens_accounts": True}),
    ("jira", "issue-created", "jira:acme.atlassian.net:9", {"account_field": "customfield_1", "opens_accounts": True}),
]


@pytest.mark.parametrize(("source", "name", "company", "own"), REFERENCES)
async def test_a_sample_speaks_of_the_company_that_was_named(
    bench: Bench, source: str, name: str, company: str, own: dict[str, Any]
) -> None:
    connection = await connection_for(bench, source, **({"settings": own} if own else {}))
    answer = await deliver(bench, await made(bench, connection, name, company=company))
    _, became = await what_became(bench, answer)
    found = (await bench.client.get("/accounts/lookup", params={"reference": company})).raise_for_status().json()
    assert {one["account_id"] for one in became} == {found["account_id"]}


async def test_what_waits_says_for_which_name(bench: Bench) -> None:
    connection = await connection_for(bench, "calendly")
    answer = await deliver(bench, await made(bench, connection, "meeting-booked", company="waits-for-a-name"))
    _, (line,) = await what_became(bench, answer)
    assert (line["type"], line["account_id"]) == ("meeting.scheduled", None)
    assert line["reference"] == "external:waits-for-a-name"


@pytest.mark.parametrize(
    ("source", "company"),
    [
        ("hubspot", "domain:acme.com"),
        ("hubspot", "hubspot:7:not-a-number"),
        ("hubspot", "hubspot:4242"),
        ("salesforce", "salesforce:00D000000000009:0017Q00000AAAAA"),
        ("segment", "hubspot:7:42"),
        ("stripe", "stripe:main:sub_1"),
        ("zendesk", "a\u0007bell"),
        ("intercom", "x" * 200),
        ("jira", " "),
    ],
)
async def test_a_company_that_a_source_cannot_name_is_refused(bench: Bench, source: str, company: str) -> None:
    connection = await connection_for(bench, source)
    name = next(iter(shelf_of(source).samples))
    answer = await bench.client.post(f"/connections/{connection['id']}/samples/{name}", json={"company": company})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/company"
    assert answer.json()["errors"][0]["code"] == "company_unfit"


async def test_what_is_not_there_is_named_with_the_nearest_of_it(bench: Bench) -> None:
    unknown = await bench.client.get("/sources/hubspott/samples")
    assert unknown.status_code == 404
    assert "Did you mean hubspot?" in unknown.json()["detail"]
    assert (await bench.client.get("/sources/plain/samples")).status_code == 404
    answer = await bench.client.post(f"/connections/{bench.connection['id']}/samples/ticket-escalate", json={})
    assert answer.status_code == 404
    assert "Did you mean ticket-escalated?" in answer.json()["detail"]
    nobody = "00000000-0000-7000-8000-000000000000"
    assert (await bench.client.post(f"/connections/{nobody}/samples/x", json={})).status_code == 404
    assert (await bench.client.get(f"/deliveries/{nobody}/events")).status_code == 404


async def test_a_connection_that_takes_nothing_or_that_only_its_sender_signs_for_makes_no_sample(bench: Bench) -> None:
    connection = await connection_for(bench, "hubspot")
    await bench.client.patch(f"/connections/{connection['id']}", json={"enabled": False})
    answer = await bench.client.post(f"/connections/{connection['id']}/samples/ticket-escalated", json={})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "connection_disabled")
    key = "whpk_" + base64.b64encode(bytes(range(32))).decode()
    connection = await connection_for(bench, "standard", secret=key)
    answer = await bench.client.post(f"/connections/{connection['id']}/samples/ticket-escalated", json={})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "cannot_sign")


async def test_only_an_administrator_gets_a_signed_request(bench: Bench) -> None:
    key = new_key()
    async with bench.pool.acquire() as connection:
        await insert_key(connection, "ingest", key, name="reader", scopes=["read", "write"], days=None)
    reader = {"authorization": f"Bearer {key.text}"}
    path = f"/connections/{bench.connection['id']}/samples/ticket-escalated"
    assert (await bench.client.post(path, json={}, headers=reader)).status_code == 403
    assert (await bench.client.get("/sources/hubspot/samples", headers=reader)).status_code == 200


@pytest.mark.parametrize("source", sorted(CONNECTABLE))
def test_the_page_of_a_source_says_how_to_send_a_sample_that_there_is(source: str) -> None:
    page = (Path(__file__).parents[2] / "services/ingest-webhooks/docs/sources" / f"{source}.md").read_text()
    told = [words.split("`")[0].split() for words in page.split("`milepost send ")[1:]]
    assert [source] in [words[:1] for words in told]
    assert all(len(words) == 1 or words[1] in shelf_of(source).samples for words in told)
