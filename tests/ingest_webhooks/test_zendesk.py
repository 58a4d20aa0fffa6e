"""Claims about Zendesk: who may speak for it, what its events and triggers mean, and whose they are."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from support.front_door import Bench
from support.providers import SAMPLES, SECRETS, sample, sender

from ingest_webhooks.sources import SOURCES
from ingest_webhooks.sources.zendesk.event import ZendeskSettings
from ingest_webhooks.sources.zendesk.source import PUBLIC_SECRET
from ingest_webhooks.words.rules import Rule
from ingest_webhooks.words.shapes import Context, NormalEvent, Normalised, Received, Refused

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ZENDESK = SOURCES["zendesk"]
SECRET = SECRETS["zendesk"].encode()
BODIES = sorted(path.name for path in (SAMPLES / "zendesk").glob("*.json") if path.name != "signature-vectors.json")
VECTORS = sample("zendesk", "signature-vectors.json")
HEADERS = {"x-zendesk-account-id": "77", "x-zendesk-webhook-invocation-id": "01INVOCATION"}


def event(kind: str, detail: dict[str, Any] | None = None, **change: Any) -> dict[str, Any]:
    """Return the captured event of a new ticket, turned into one of another type."""
    document = sample("zendesk", "ticket-created.json")
    document["detail"] |= detail or {}
    return document | {"type": f"zen:event-type:{kind}", "event": change}


def hear(
    document: dict[str, Any],
    mapping: dict[str, Rule] | None = None,
    headers: dict[str, str] | None = None,
    **settings: Any,
) -> Normalised:
    chosen = ZendeskSettings.model_validate(settings)
    context = Context(NOW, chosen, headers=HEADERS if headers is None else headers, mapping=mapping or {})
    return ZENDESK.normalise(json.dumps(document).encode(), context)


def only(said: Normalised) -> NormalEvent:
    assert (said.faults, said.ignored) == ([], 0)
    (one,) = said.events
    return one


def received(body: bytes, stamp: str, signature: str) -> Received:
    named = {
        b"x-zendesk-webhook-signature": signature.encode(),
        b"x-zendesk-webhook-signature-timestamp": stamp.encode(),
    }
    return Received("POST", "https://x/", list(named.items()), named, body)


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["body"] or "empty")
def test_the_published_inputs_are_signed_over_time_and_body(vector: dict[str, str]) -> None:
    body, stamp = vector["body"].encode(), vector["timestamp"]
    now = datetime.fromisoformat(stamp).timestamp()
    secret = VECTORS["signing_secret"].encode()
    ZENDESK.verify(received(body, stamp, vector["expected"]), [secret], ZendeskSettings(), now)
    assert ZENDESK.sign(received(body, "", ""), secret, now)["x-zendesk-webhook-signature"] == vector["expected"]


def test_the_order_of_an_older_page_is_refused() -> None:
    """Its published example holds for body and time, the wrong way round."""
    body, stamp = b'{"say": "hello"}', "2021-07-25T10:00:00Z"
    published = "tRDSF7URY8BLCDlaBcQ7FHu051Zk+aAB0NKMP53teMw="
    made = hmac.new(VECTORS["signing_secret"].encode(), body + stamp.encode(), hashlib.sha256).digest()
    assert base64.b64encode(made).decode() == published
    with pytest.raises(Refused) as refused:
        ZENDESK.verify(
            received(body, stamp, published),
            [VECTORS["signing_secret"].encode()],
            ZendeskSettings(),
            datetime.fromisoformat(stamp).timestamp(),
        )
    assert refused.value.code == "signature_invalid"


@pytest.mark.parametrize("name", BODIES)
async def test_every_captured_body_is_taken_and_the_same_again_changes_nothing(bench: Bench, name: str) -> None:
    zendesk = await sender(bench, "zendesk")
    body = (SAMPLES / "zendesk" / name).read_bytes()
    headers = {"x-zendesk-webhook-invocation-id": name, "x-zendesk-account-id": "22129848"}
    await zendesk.tell(body, headers=headers)
    before = await bench.counts()
    again = await zendesk.send(body, headers=headers)
    await bench.relay()

    assert again.is_success
    assert await bench.counts() == before
    assert [row["state"] for row in await zendesk.deliveries()] == ["ignored" if "trigger" in name else "done"]


async def test_a_tickets_story_waits_for_its_organisation_and_joins_with_its_own_times(bench: Bench) -> None:
    zendesk = await sender(bench, "zendesk")
    created, solved = sample("zendesk", "ticket-created.json"), sample("zendesk", "ticket-status-changed.json")
    for document in (created, solved):
        document["account_id"] = 501
    await zendesk.tell(created, solved)
    assert await zendesk.events() == []
    assert len(await zendesk.waiting()) == 2

    start = {"id": "z1", "type": "account.started", "account": "external:zen-1", "occurred_at": "2025-01-01T00:00:00Z"}
    assert (await bench.client.post("/events", json=[start])).is_success
    await bench.relay()
    account = (await bench.events("external:zen-1"))[0]["account_id"]
    reference = {"reference": "zendesk:501:8447346622462"}
    assert (await bench.client.post(f"/accounts/{account}/references", json=reference)).is_success

    told = {row["type"]: row for row in await zendesk.events()}
    assert set(told) == {"ticket.opened", "ticket.resolved"}
    assert told["ticket.opened"]["occurred_at"] == datetime(2025, 1, 8, 10, 12, 7, 672_717, tzinfo=UTC)
    assert told["ticket.opened"]["properties"] == {"severity": "high", "channel": "web_service"}
    assert told["ticket.opened"]["item"] == told["ticket.resolved"]["item"] == "zendesk:501:ticket:5158"
    assert told["ticket.resolved"]["value"] == pytest.approx(6.554, abs=0.001)
    assert {row["account_id"] for row in told.values()} == {account}


@pytest.mark.parametrize(
    ("current", "previous", "kind"),
    [
        ("SOLVED", "OPEN", "ticket.resolved"),
        ("CLOSED", "PENDING", "ticket.resolved"),
        ("CLOSED", "SOLVED", "ticket.updated"),
        ("OPEN", "SOLVED", "ticket.reopened"),
        ("PENDING", "OPEN", "ticket.updated"),
    ],
)
def test_a_status_resolves_once_and_reopens_only_what_was_settled(current: str, previous: str, kind: str) -> None:
    told = only(hear(event("ticket.status_changed", current=current, previous=previous)))
    assert told.type == kind
    assert (told.value is not None) == (kind == "ticket.resolved")


@pytest.mark.parametrize(
    ("current", "previous", "kind", "severity"),
    [
        ("URGENT", "NORMAL", "ticket.escalated", "critical"),
        ("HIGH", None, "ticket.escalated", "high"),
        ("HIGH", "URGENT", "ticket.updated", "high"),
        ("NORMAL", "LOW", "ticket.updated", "medium"),
    ],
)
def test_a_priority_that_rises_to_high_escalates(current: str, previous: str | None, kind: str, severity: str) -> None:
    told = only(hear(event("ticket.priority_changed", current=current, previous=previous)))
    assert (told.type, told.properties["severity"]) == (kind, severity)


@pytest.mark.parametrize(
    ("comment", "kinds"),
    [
        ({"is_public": True, "author": {"id": "9", "is_staff": False}}, ["message.replied"]),
        ({"is_public": True, "author": {"id": "9", "is_staff": True}}, ["message.sent"]),
        ({"is_public": False, "author": {"id": "9", "is_staff": True}}, []),
    ],
)
def test_a_comment_is_a_message_of_whoever_wrote_it_unless_it_is_internal(
    comment: dict[str, Any], kinds: list[str]
) -> None:
    said = hear(event("ticket.comment_added", comment=comment | {"id": "1", "body": "our private words"}))
    assert [one.type for one in said.events] == kinds
    assert [one.actor for one in said.events] == ["zendesk:22129848:user:9"] * len(kinds)


@pytest.mark.parametrize(
    "topic", ["ticket.created", "ticket.subject_changed", "ticket.description_changed", "ticket.tags_changed"]
)
def test_what_people_wrote_is_in_no_event(topic: str) -> None:
    said = hear(event(topic, current="Cannot login either", previous="Cannot login to mobile app"))
    assert said.events
    assert "login" not in repr(said.events)


@pytest.mark.parametrize("topic", ["ticket.soft_deleted", "ticket.permanently_deleted", "ticket.marked_as_spam"])
def test_what_is_gone_is_closed_and_not_resolved(topic: str) -> None:
    told = only(hear(event(topic)))
    assert (told.type, told.properties["open"]) == ("ticket.updated", False)


def test_a_ticket_without_organisation_is_found_by_itself_and_by_its_requester() -> None:
    told = only(hear(event("ticket.created", {"organization_id": None})))
    assert (told.reference, told.fallbacks) == (
        "zendesk:22129848:ticket:5158",
        ("zendesk:22129848:user:8447388090494",),
    )
    assert not told.opens


async def test_a_requester_known_from_one_ticket_leads_the_next_one_to_the_same_account(bench: Bench) -> None:
    zendesk = await sender(bench, "zendesk", opens_accounts=True)
    first = event("ticket.created", {"id": "1"}) | {"id": "n-1", "account_id": 502}
    second = event("ticket.created", {"id": "2", "organization_id": None}) | {"id": "n-2", "account_id": 502}
    await zendesk.tell(first, second)
    told = await bench.events("zendesk:502:8447346622462")
    assert [row["item"] for row in told] == ["zendesk:502:ticket:1", "zendesk:502:ticket:2"]


async def test_an_organisations_external_id_is_your_own_id_of_the_customer(bench: Bench) -> None:
    zendesk = await sender(bench, "zendesk", opens_accounts=True)
    organisation = {"id": "900", "external_id": "acme-9", "name": "Acme"}
    known = event("organization.created", organisation) | {"id": "o-1", "account_id": 503}
    ticket = event("ticket.created", {"organization_id": "900"}) | {"id": "o-2", "account_id": 503}
    await zendesk.tell(known, ticket)
    assert [row["type"] for row in await bench.events("external:acme-9")] == ["ticket.opened"]
    assert [row["linked"] for row in await zendesk.deliveries()] == [1, 0]


TRIGGER = {
    "happened": "escalated",
    "ticket_id": "5158",
    "organization_id": "",
    "requester_id": "31",
    "requester_email": "ann@acme.com",
    "status": "Open",
    "priority": "Urgent",
    "happened_at": "2026-11-22T11:00:00+0000",
}


def test_a_triggers_body_in_our_template_is_an_event_under_its_invocation() -> None:
    told = only(hear(TRIGGER))
    assert (told.type, told.item, told.properties) == (
        "ticket.escalated",
        "zendesk:77:ticket:5158",
        {"severity": "critical"},
    )
    assert told.occurred_at == datetime(2026, 11, 22, 11, tzinfo=UTC)
    assert (told.reference, told.fallbacks) == ("zendesk:77:ticket:5158", ("zendesk:77:user:31", "domain:acme.com"))
    assert told.key == only(hear(TRIGGER | {"status": "Pending"})).key
    assert told.key != only(hear(TRIGGER, headers=HEADERS | {"x-zendesk-webhook-invocation-id": "02"})).key


def test_a_free_bodys_own_fields_are_there_for_rules_whatever_their_names() -> None:
    rule = Rule(type="message.sent", account="external:{channel.name}", item="{requester.id}")
    told = only(hear({"channel": {"name": "acme"}, "requester": {"id": 7}}, {"trigger": rule}))
    assert (told.reference, told.item) == ("external:acme", "7")


def test_a_free_body_can_be_mapped_and_takes_the_time_of_its_signature() -> None:
    rule = Rule(type="message.sent", account="external:{notification.ticket_id}", item="{notification.ticket_id}")
    stamped = HEADERS | {"x-zendesk-webhook-signature-timestamp": "2026-11-22T10:30:00Z"}
    told = only(hear(sample("zendesk", "trigger-custom-body-with-bom.json"), {"trigger": rule}, stamped))
    assert (told.type, told.reference, told.item) == ("message.sent", "external:5", "5")
    assert told.occurred_at == datetime(2026, 11, 22, 10, 30, tzinfo=UTC)


async def test_the_public_test_secret_opens_no_door(bench: Bench) -> None:
    wanted = {"source": "zendesk", "name": "test", "secret": PUBLIC_SECRET.decode()}
    assert (await bench.client.post("/connections", json=wanted)).status_code == 422
    zendesk = await sender(bench, "zendesk")
    answer = await zendesk.send(sample("zendesk", "ticket-created.json"), secret=PUBLIC_SECRET.decode())
    assert answer.status_code == 401

    body, stamp = b"{}", "2026-11-22T12:00:00Z"
    made = base64.b64encode(hmac.new(PUBLIC_SECRET, stamp.encode() + body, hashlib.sha256).digest()).decode()
    with pytest.raises(Refused):
        ZENDESK.verify(received(body, stamp, made), [PUBLIC_SECRET], ZendeskSettings(), NOW.timestamp())
