"""Claims about Intercom: who may speak for it, what its notifications mean, and whose they are."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from support.front_door import Bench
from support.providers import SAMPLES, SECRETS, intercom_headers, jira_headers, sample, sender

from ingest_webhooks.sources import SOURCES
from ingest_webhooks.sources.intercom.event import IntercomSettings
from ingest_webhooks.words.rules import Rule
from ingest_webhooks.words.shapes import Context, NormalEvent, Normalised, Received

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
INTERCOM = SOURCES["intercom"]
BODIES = sorted(path.name for path in (SAMPLES / "intercom").glob("*.json"))
TALK = "conversation-admin-replied.json"


def notification(topic: str, item: dict[str, Any], **more: Any) -> dict[str, Any]:
    document = sample("intercom", TALK)
    document["data"] = {"type": "notification_event_data", "item": item}
    return document | {"topic": topic, "id": f"notif_{topic}"} | more


def talk(topic: str, **more: Any) -> dict[str, Any]:
    return notification(topic, sample("intercom", TALK)["data"]["item"] | more)


def hear(document: dict[str, Any], mapping: dict[str, Rule] | None = None, **settings: Any) -> Normalised:
    context = Context(NOW, IntercomSettings.model_validate(settings), mapping=mapping or {})
    return INTERCOM.normalise(json.dumps(document).encode(), context)


def only(said: Normalised) -> NormalEvent:
    assert (said.faults, said.ignored) == ([], 0)
    (one,) = said.events
    return one


@pytest.mark.parametrize("name", BODIES)
async def test_every_captured_body_is_taken_and_the_next_attempt_changes_nothing(bench: Bench, name: str) -> None:
    intercom = await sender(bench, "intercom")
    document = sample("intercom", name)
    await intercom.tell((SAMPLES / "intercom" / name).read_bytes())
    events, waiting = await intercom.events(), await intercom.waiting()
    await intercom.tell(document | {"delivery_attempts": 2, "delivery_status": "retry", "delivered_at": 1})

    assert (await intercom.events(), await intercom.waiting()) == (events, waiting)
    assert [row["state"] for row in await intercom.deliveries()] == ["done", "done"]
    assert len(events) + len(waiting) == 1


def test_the_captured_answer_is_a_message_to_the_customer_without_its_words() -> None:
    told = only(hear(sample("intercom", TALK)))
    assert (told.type, told.item) == ("message.sent", "intercom:lkqcyt9t:conversation:137324500000000")
    assert told.reference == "intercom:lkqcyt9t:contact:5ee3d479d1cf3dedbee23d68"
    assert told.occurred_at == datetime(2020, 8, 5, 13, 44, 11, tzinfo=UTC)
    assert "hi Person" not in repr(told)


async def test_the_ping_at_set_up_is_answered_and_left_alone(bench: Bench) -> None:
    intercom = await sender(bench, "intercom")
    ping = {
        "type": "notification_event",
        "app_id": "a",
        "id": None,
        "topic": "ping",
        "data": {"item": {"type": "ping"}},
    }
    await intercom.tell(ping)
    assert [row["state"] for row in await intercom.deliveries()] == ["ignored"]


async def test_the_address_is_there_when_intercom_looks_and_for_nobody_else(bench: Bench) -> None:
    intercom, stripe = await sender(bench, "intercom"), await sender(bench, "stripe")
    answers = [await bench.client.head(path) for path in (intercom.path, intercom.path[:-1] + "x", stripe.path)]
    assert [answer.status_code for answer in answers] == [200, 404, 405]


@pytest.mark.parametrize(
    ("topic", "kinds"),
    [
        ("conversation.user.created", ["ticket.opened"]),
        ("conversation.user.replied", ["message.replied", "ticket.updated"]),
        ("conversation.admin.replied", ["message.sent"]),
        ("conversation.admin.single.created", ["message.sent"]),
        ("conversation.admin.closed", ["ticket.resolved"]),
        ("conversation.admin.opened", ["ticket.reopened"]),
        ("conversation.admin.assigned", ["ticket.updated"]),
        ("conversation.deleted", ["ticket.updated"]),
        ("conversation.admin.noted", []),
        ("conversation.read", []),
    ],
)
def test_a_conversation_is_a_ticket_and_its_parts_are_messages(topic: str, kinds: list[str]) -> None:
    said = hear(talk(topic))
    assert [one.type for one in said.events] == kinds
    assert said.ignored == (0 if kinds else 1)
    assert "Person B" not in repr(said.events)


def test_closing_tells_the_hours_and_an_answer_tells_whether_it_is_open() -> None:
    closed = only(hear(talk("conversation.admin.closed")))
    assert closed.value == pytest.approx(246 / 3600, abs=0.001)
    reopened = hear(talk("conversation.user.replied", state="open", open=True)).events[1]
    assert reopened.properties == {"changed": "reply", "open": True}
    assert hear(talk("conversation.deleted")).events[0].properties == {"changed": "deleted", "open": False}


@pytest.mark.parametrize(("rating", "value"), [(5, 10.0), (1, 2.0), (0, None), (9, None), (None, None)])
def test_a_rating_is_a_survey_answer_of_ten_without_its_remark(rating: int | None, value: float | None) -> None:
    told = only(hear(talk("conversation.rating.added", conversation_rating={"rating": rating, "remark": "a secret"})))
    assert (told.type, told.value) == ("survey.answered", value)
    assert "a secret" not in repr(told)


@pytest.mark.parametrize(("priority", "kind"), [("priority", "ticket.escalated"), ("not_priority", "ticket.updated")])
def test_a_priority_escalates(priority: str, kind: str) -> None:
    assert only(hear(talk("conversation.priority.updated", priority=priority))).type == kind


@pytest.mark.parametrize(
    ("topic", "more", "kind"),
    [
        ("ticket.created", {}, "ticket.opened"),
        ("ticket.state.updated", {"ticket_state": "resolved"}, "ticket.resolved"),
        ("ticket.state.updated", {"ticket_state": {"category": "resolved"}}, "ticket.resolved"),
        ("ticket.state.updated", {"ticket_state": "in_progress"}, "ticket.updated"),
        ("ticket.admin.replied", {}, "message.sent"),
    ],
)
def test_intercoms_own_tickets_are_tickets(topic: str, more: dict[str, Any], kind: str) -> None:
    item = {"type": "ticket", "id": "9", "contacts": {"contacts": [{"type": "contact", "id": "c9"}]}} | more
    told = only(hear(notification(topic, item)))
    assert (told.type, told.item) == (kind, "intercom:lkqcyt9t:ticket:9")
    assert told.reference == "intercom:lkqcyt9t:contact:c9"


def test_a_company_is_named_by_its_id_there_and_by_your_own_id() -> None:
    document = sample("intercom", "company-created.json")
    document["data"]["item"] |= {"company_id": "acme-7", "plan": {"name": "Team"}}
    told = only(hear(document))
    assert (told.reference, told.fallbacks) == ("intercom:lkqcyt9t:5f2ab453471a3f50afb937f4", ("external:acme-7",))
    assert (told.type, told.properties, told.opens) == (
        "account.updated",
        {"name": "Rei", "intercom_plan": "Team"},
        True,
    )


def test_an_id_that_intercom_made_up_is_nobodys_own_id_and_opens_nothing() -> None:
    told = only(hear(sample("intercom", "company-created.json")))
    assert (told.fallbacks, told.opens) == ((), False)
    assert only(hear(sample("intercom", "company-created.json"), own_company_ids=False)).opens


async def test_a_user_belongs_to_its_companies_and_its_talk_to_the_first_of_them(bench: Bench) -> None:
    intercom = await sender(bench, "intercom")
    document = sample("intercom", "user-created.json") | {"app_id": "app1"}
    document["data"]["item"]["companies"]["companies"] = [{"type": "company", "id": "c-1", "company_id": "acme-8"}]
    spoken = talk("conversation.user.created", user={"type": "user", "id": document["data"]["item"]["id"]})
    await intercom.tell(document, spoken | {"app_id": "app1"})

    told = await bench.events("external:acme-8")
    assert [row["type"] for row in told] == ["stakeholder.joined", "ticket.opened"]
    assert {row["actor"] for row in told} == {"intercom:app1:contact:5f297f71bce3e055f3afdf6e"}


def test_a_tag_wraps_its_contact_one_level_deeper_and_can_be_a_role() -> None:
    contact = sample("intercom", "user-created.json")["data"]["item"]
    item = {"type": "contact_tag", "contact": contact, "tag": {"type": "tag", "name": "Champion"}}
    document = notification("contact.tag.created", item)
    silent = hear(document)
    assert (silent.events, silent.linked, silent.ignored) == ([], 1, 0)

    role = Rule(type="stakeholder.role_changed", role="champion", actor="{contact}")
    told = only(hear(document, {"contact.tag.created": Rule(by="tag", when={"champion": role})}))
    assert (told.role, told.actor) == ("champion", f"intercom:lkqcyt9t:contact:{contact['id']}")


def test_who_signed_up_is_a_user_inside_a_contacts_topic() -> None:
    item = sample("intercom", "user-created.json")["data"]["item"]
    told = only(hear(notification("contact.signed_up", item)))
    assert (told.type, told.actor) == ("stakeholder.joined", f"intercom:lkqcyt9t:contact:{item['id']}")


@pytest.mark.parametrize("missing", ["id", "topic", "app_id", "created_at", "data"])
def test_what_cannot_be_understood_is_a_fault_that_says_why(missing: str) -> None:
    said = hear({key: value for key, value in sample("intercom", TALK).items() if key != missing})
    assert (said.events, [missing in fault.reason for fault in said.faults]) == ([], [True])


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-hub-signature": None}, "signature_missing"),
        ({"x-hub-signature": "sha1=" + "0" * 40}, "signature_invalid"),
        (jira_headers(b"{}", SECRETS["intercom"], 0), "signature_invalid"),
        (
            {"x-hub-signature": intercom_headers(b"{}", SECRETS["intercom"], 0)["x-hub-signature"][5:]},
            "signature_invalid",
        ),
    ],
    ids=["W1", "W2", "W4-sha256", "W4-no-label"],
)
async def test_what_is_not_shown_to_be_intercoms_is_401(
    bench: Bench, headers: dict[str, str | None], code: str
) -> None:
    intercom = await sender(bench, "intercom")
    answer = await intercom.send(b"{}", headers=headers)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (401, code)


@pytest.mark.parametrize("value", [1, {}, "", "x" * 256])
async def test_an_id_that_is_none_is_400(bench: Bench, value: Any) -> None:
    intercom = await sender(bench, "intercom")
    answer = await intercom.send(sample("intercom", TALK) | {"id": value})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (400, "bad_event_id")


def test_our_own_test_delivery_is_signed_as_intercom_signs() -> None:
    bare = Received("POST", "https://x/", [], {}, b"{}")
    assert INTERCOM.sign(bare, b"key", 0.0) == intercom_headers(b"{}", "key", 0.0)
