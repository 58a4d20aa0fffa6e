"""Claims about senders of CloudEvents, Standard Webhooks and Salesforce's messages, from the door to the feed."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from support.front_door import Bench
from support.salesforce import ACCOUNT, ACME, CASE, ORG, message, record

from ingest_webhooks.sources import SOURCES
from ingest_webhooks.words.rules import MappingDocument
from ingest_webhooks.words.shapes import Context, Normalised

SAMPLES = Path(__file__).parent / "samples"
TOKEN = "a-token-of-the-sender"
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STRUCTURED = "application/cloudevents+json"
MEDIA = {"batch-two-events.json": "application/cloudevents-batch+json"}


def path_of(connection: dict[str, Any]) -> str:
    """Return the address that a provider is told, without its host."""
    return "/webhooks/" + str(connection["webhook_url"]).partition("/webhooks/")[2]


def standard(body: bytes, name: str = "") -> dict[str, str]:
    """Return the headers of Standard Webhooks' specification."""
    name, stamp = name or f"msg_{uuid4().hex}", str(int(time.time()))
    key = base64.b64decode(WHSEC.removeprefix("whsec_"))
    made = base64.b64encode(hmac.digest(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256)).decode()
    headers = {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": f"v1,{made}"}
    return headers | {"content-type": "application/json"}


def headers_of(source: str, name: str, body: bytes, secret: str) -> dict[str, str]:
    """Return how the provider of a sample authenticates; Salesforce does it by the address alone."""
    if source == "cloudevents":
        return {"content-type": MEDIA.get(name, STRUCTURED), "authorization": f"Bearer {secret}"}
    if source == "standard":
        return standard(body, name)
    return {"content-type": "text/xml; charset=utf-8" if name.endswith(".xml") else "application/json"}


FILES = [
    (source, path.name)
    for source in ("salesforce", "cloudevents", "standard")
    for path in sorted((SAMPLES / source).iterdir())
    if path.name not in ("signature-vectors.json", "response-ack-true.xml")
]


@pytest.mark.parametrize(("source", "name"), FILES, ids=str)
async def test_every_sample_is_answered_200_and_the_same_again_changes_nothing(
    bench: Bench, source: str, name: str
) -> None:
    secret = WHSEC if source == "standard" else f"{uuid4()}"
    settings = {"organization_id": ORG} if source == "salesforce" and "leads" not in name else {}
    connection = await bench.connect(source=source, secret=secret, settings=settings)
    path = path_of(connection) if source != "cloudevents" else f"/webhooks/cloudevents/{connection['id']}"
    body = (SAMPLES / source / name).read_bytes()
    first = await bench.client.post(path, content=body, headers=headers_of(source, name, body, secret))
    await bench.relay()
    before = await bench.counts()
    again = await bench.client.post(path, content=body, headers=headers_of(source, name, body, secret))
    await bench.relay()

    assert (first.status_code, again.status_code) == (200, 200), first.text
    assert first.content == again.content
    assert await bench.counts() == before
    assert (await bench.client.get("/books")).json()["balanced"]


async def test_a_case_told_twice_and_closed_by_another_message_ends_on_its_account(bench: Bench) -> None:
    connection = await bench.connect(source="salesforce", settings={"organization_id": ORG})
    opened = message(record("Account", ACME, created=True), record("Case", CASE, created=True, AccountId=ACME[:15]))
    header: dict[str, Any] = {
        "entityName": "Case",
        "recordIds": [CASE],
        "changeType": "UPDATE",
        "transactionKey": str(uuid4()),
    }
    header |= {"commitTimestamp": 1793600000000, "commitNumber": 1793600000000000001, "sequenceNumber": 1}
    closed = json.dumps({"ChangeEventHeader": header, "Status": "Closed"}).encode()
    for body, media in ((closed, "application/json"), (opened, "text/xml"), (opened, "text/xml")):
        answer = await bench.client.post(path_of(connection), content=body, headers={"content-type": media})
        assert answer.status_code == 200
        await bench.relay()

    types = {row["type"] for row in await bench.events(ACCOUNT) if str(row["connection_id"]) == connection["id"]}
    assert types == {"account.updated", "ticket.opened", "ticket.updated", "ticket.resolved"}


async def test_events_in_headers_with_equal_bodies_are_different_deliveries(bench: Bench) -> None:
    connection = await bench.connect(source="cloudevents", secret=TOKEN)
    base = {"ce-specversion": "1.0", "ce-source": "/shop", "ce-type": "feature.used", "ce-accountid": "Ac%C3%A9"}
    body = b'{"item": "search"}'
    for name in ("1", "2", "1"):
        headers = base | {"ce-id": name, "content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
        answer = await bench.client.post(f"/webhooks/cloudevents/{connection['id']}", content=body, headers=headers)
        assert answer.status_code == 200
    await bench.relay()
    assert [row["item"] for row in await bench.events("external:Acé")] == ["search", "search"]
    kept = await bench.pool.fetch("select headers from ingest.delivery where connection_id = $1", connection["id"])
    assert len(kept) == 2
    assert "authorization" not in repr([dict(row) for row in kept])


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"content-type": STRUCTURED, "authorization": "Bearer wrong"}, 401, "signature_invalid"),
        (
            {"content-type": "application/cloudevents+avro", "authorization": f"Bearer {TOKEN}"},
            415,
            "media_type_unsupported",
        ),
        ({"content-type": "text/plain", "authorization": f"Bearer {TOKEN}"}, 415, "media_type_unsupported"),
        ({"ce-specversion": "1.0", "ce-id": "%C0%A0", "authorization": f"Bearer {TOKEN}"}, 400, "bad_encoding"),
        ({"ce-specversion": "1.0", "ce-datacontenttype": "x/y", "authorization": f"Bearer {TOKEN}"}, 400, "bad_header"),
    ],
)
async def test_what_is_no_cloudevent_is_refused(bench: Bench, headers: dict[str, str], status: int, code: str) -> None:
    connection = await bench.connect(source="cloudevents", secret=TOKEN)
    answer = await bench.client.post(f"/webhooks/cloudevents/{connection['id']}", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (status, code)


async def test_a_sender_that_asks_first_is_told_that_it_may(bench: Bench) -> None:
    connection = await bench.connect(source="cloudevents")
    answer = await bench.client.options(path_of(connection), headers={"webhook-request-origin": "events.acme.example"})
    assert (answer.status_code, answer.headers["webhook-allowed-origin"]) == (200, "events.acme.example")


async def test_a_secret_that_is_none_makes_no_connection_and_one_that_we_make_is_one(bench: Bench) -> None:
    wanted = {"source": "standard", "name": "a sender", "secret": "not a secret"}
    refused = await bench.client.post("/connections", json=wanted)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/secret")
    made = await bench.connect(source="standard", secret=None)
    assert made["secret"].startswith("whsec_")
    body = b'{"type": "ticket.opened", "data": {"account": "standard-made"}}'
    key = base64.b64decode(made["secret"].removeprefix("whsec_"))
    headers = standard(body, "msg_made")
    text = f"msg_made.{headers['webhook-timestamp']}.".encode() + body
    headers["webhook-signature"] = "v1," + base64.b64encode(hmac.digest(key, text, hashlib.sha256)).decode()
    assert (await bench.client.post(path_of(made), content=body, headers=headers)).status_code == 200


async def test_the_same_id_from_two_senders_is_two_events(bench: Bench) -> None:
    body = b'{"type": "ticket.opened", "data": {"account": "external:two-senders"}}'
    for _ in range(2):
        connection = await bench.connect(source="standard", secret=WHSEC)
        for _ in range(2):
            answer = await bench.client.post(path_of(connection), content=body, headers=standard(body, "msg_1"))
            assert answer.status_code == 200
    await bench.relay()
    assert len(await bench.events("external:two-senders")) == 2


DATA = {"account": "external:told", "item": "t-1", "occurred_at": "2026-11-01T09:30:00+01:00"}
TOLD = datetime(2026, 11, 1, 8, 30, tzinfo=UTC)
SENT, RECEIVED = datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)


def heard(source: str, document: dict[str, Any], **rules: Any) -> Normalised:
    head = {"specversion": "1.0", "id": "1", "source": "/crm"} if source == "cloudevents" else {}
    media = {"content-type": "application/cloudevents+json"} if head else {}
    headers = media or {"webhook-id": "m", "webhook-timestamp": str(int(SENT.timestamp()))}
    own = MappingDocument.model_validate({"rules": rules}).rules
    context = Context(RECEIVED, SOURCES[source].settings(), headers=headers, mapping=own)
    return SOURCES[source].normalise(json.dumps(head | document).encode(), context)


@pytest.mark.parametrize(("source", "clock"), [("cloudevents", "time"), ("standard", "timestamp")])
def test_without_a_time_of_the_envelope_the_data_says_when_it_happened(source: str, clock: str) -> None:
    document: dict[str, Any] = {"type": "ticket.opened", "data": DATA}
    assert [event.occurred_at for event in heard(source, document).events] == [TOLD]
    dated = document | {clock: "2026-11-02T10:00:00Z"}
    assert [event.occurred_at for event in heard(source, dated).events] == [datetime(2026, 11, 2, 10, tzinfo=UTC)]
    bare = {"type": "ticket.opened", "data": {"account": "external:told"}}
    assert [event.occurred_at for event in heard(source, bare).events] == [SENT if source == "standard" else RECEIVED]


@pytest.mark.parametrize("source", ["cloudevents", "standard"])
def test_a_moment_that_is_none_is_a_fault_in_words_of_ours_and_of_no_interest_in_others(source: str) -> None:
    data = DATA | {"occurred_at": "yesterday"}
    assert len(heard(source, {"type": "ticket.opened", "data": data}).faults) == 1
    rule = {"type": "renewed", "account": "{data.account}"}
    (event,) = heard(source, {"type": "deal.won", "data": data}, **{"deal.won": rule}).events
    assert event.occurred_at == (SENT if source == "standard" else RECEIVED)
    (event,) = heard(source, {"type": "deal.won", "data": DATA}, **{"deal.won": rule}).events
    assert event.occurred_at == TOLD
