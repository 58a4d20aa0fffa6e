"""Claims about what HubSpot's changes mean in our words; pure, without a store."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest_webhooks.sources.hubspot.source import Hubspot, HubspotSettings
from ingest_webhooks.words.rules import MappingDocument
from ingest_webhooks.words.shapes import Context, NormalEvent, Normalised

SAMPLES = Path(__file__).parent / "samples/hubspot"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AT = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)


def change(subscription: str, number: int = 7, **more: Any) -> dict[str, Any]:
    base = {"eventId": 1, "portalId": 33, "objectId": number, "occurredAt": int(AT.timestamp() * 1000)}
    return base | {"subscriptionType": subscription, "attemptNumber": 0, "subscriptionId": 5} | more


def said(*elements: Any, mapping: dict[str, Any] | None = None, **settings: Any) -> Normalised:
    return of_body(json.dumps(list(elements)).encode(), mapping, **settings)


def of_body(body: bytes, mapping: dict[str, Any] | None = None, **settings: Any) -> Normalised:
    rules = MappingDocument.model_validate({"rules": mapping or {}}).rules
    context = Context(NOW, HubspotSettings.model_validate(settings), mapping=rules)
    return Hubspot().normalise(body, context)


def only(*elements: Any, **settings: Any) -> NormalEvent:
    (event,) = said(*elements, **settings).events
    return event


def prop(kind: str, name: str, value: object, **more: Any) -> dict[str, Any]:
    return change(f"{kind}.propertyChange", propertyName=name, propertyValue=value, **more)


def test_a_new_company_opens_an_account_under_its_reference() -> None:
    event = only(change("company.creation", 330222354146))
    assert (event.type, event.reference, event.opens) == ("account.updated", "hubspot:33:330222354146", True)
    assert event.occurred_at == AT


@pytest.mark.parametrize(
    ("name", "value", "attribute"),
    [
        ("name", "Acme", {"name": "Acme"}),
        ("seats", "25", {"seats": 25}),
        ("annualrevenue", "1250000.5", {"annual_revenue": 1250000.5}),
        ("hubspot_owner_id", "77", {"owner": "77"}),
        ("plan", "growth", {"plan": "growth"}),
        ("city", "", {"city": None}),
    ],
)
def test_a_companys_property_is_an_attribute_of_the_account(name: str, value: str, attribute: dict[str, Any]) -> None:
    event = only(prop("company", name, value))
    assert (event.type, event.properties) == ("account.updated", attribute)


@pytest.mark.parametrize("value", ["1793491200000", "2026-11-01", "2026-11-01T00:00:00Z"])
def test_onboarding_starts_when_the_property_says(value: str) -> None:
    event = only(prop("company", "onboarding_start_date", value))
    assert (event.type, event.occurred_at) == ("account.started", datetime(2026, 11, 1, tzinfo=UTC))


def test_a_milestone_property_completes_the_milestone_that_it_names() -> None:
    event = only(prop("company", "onboarding_milestone", "first_report"))
    assert (event.type, event.item, event.occurred_at) == ("milestone.completed", "first_report", AT)


@pytest.mark.parametrize(("word", "kind"), [("Left", "stakeholder.left"), ("engaged", "stakeholder.role_changed")])
def test_the_sponsors_status_is_about_the_sponsor(word: str, kind: str) -> None:
    event = only(prop("company", "sponsor_status", word))
    assert (event.type, event.role, event.value_text) == (kind, "sponsor", word)


@pytest.mark.parametrize(
    ("word", "kind", "severity"),
    [
        ("LOW", "ticket.updated", "low"),
        ("MEDIUM", "ticket.updated", "medium"),
        ("HIGH", "ticket.escalated", "high"),
        ("URGENT", "ticket.escalated", "critical"),
    ],
)
def test_a_tickets_priority_is_its_severity(word: str, kind: str, severity: str) -> None:
    event = only(prop("ticket", "hs_ticket_priority", word))
    assert (event.type, event.item) == (kind, "hubspot:33:ticket:7")
    assert event.properties == {"severity": severity}


def test_a_closed_stage_resolves_a_ticket_and_any_other_says_that_it_is_open() -> None:
    assert only(prop("ticket", "hs_pipeline_stage", "4")).type == "ticket.resolved"
    moved = only(prop("ticket", "hs_pipeline_stage", "2"))
    assert (moved.type, moved.properties) == ("ticket.updated", {"stage": "2", "open": True})
    assert only(prop("ticket", "hs_pipeline_stage", "done"), closed_stages=["done"]).type == "ticket.resolved"


def test_what_was_written_into_a_ticket_or_a_person_is_never_kept() -> None:
    event = only(prop("ticket", "content", "Please call my cell"))
    assert "call" not in json.dumps(event.properties)
    assert said(prop("contact", "email", "a@b.example")).events == []
    assert said(prop("company", "tax_number", "REDACTED")).events == []


def test_people_join_leave_and_change_their_role() -> None:
    kinds = [only(change(name)).type for name in ("contact.creation", "contact.deletion", "contact.privacyDeletion")]
    assert kinds == ["stakeholder.joined", "stakeholder.left", "stakeholder.left"]
    role = only(prop("contact", "onboarding_role", "admin"))
    assert (role.type, role.actor, role.role) == ("stakeholder.role_changed", "hubspot:33:contact:7", "admin")


def test_generic_object_subscriptions_mean_the_same_as_the_classic_ones() -> None:
    generic = only(change("object.creation", objectTypeId="0-2"))
    assert (generic.type, generic.reference) == ("account.updated", "hubspot:33:7")
    assert said(change("object.creation", objectTypeId="2-771")).ignored == 1


def test_the_echo_of_our_own_writes_is_left_alone() -> None:
    echo = prop("company", "health_score", "71", sourceId="22")
    assert said(echo, app_id=22).events == []
    assert said(echo, app_id=23).events != []
    assert said(prop("company", "milepost_score", "71")).events == []


def test_a_mapping_gives_a_property_another_meaning() -> None:
    rules = {
        "company.tier": {"attribute": "segment", "translate": {"t1": "enterprise"}},
        "deal.dealstage": {"when": {"closedlost": {"type": "churned"}, "*": {"ignore": True}}},
        "company.nps": {"type": "survey.answered", "reads": "number", "value": "{value}", "item": "{property}"},
    }
    assert only(prop("company", "tier", "T1"), mapping=rules).properties == {"segment": "enterprise"}
    assert only(prop("deal", "dealstage", "closedlost"), mapping=rules).type == "churned"
    assert said(prop("deal", "dealstage", "qualified"), mapping=rules).ignored == 1
    survey = only(prop("company", "nps", "9"), mapping=rules)
    assert (survey.type, survey.value, survey.item) == ("survey.answered", 9.0, "nps")


def test_a_name_of_255_characters_is_one_and_a_template_may_not_fill_to_more() -> None:
    rules = {
        "company.*": {"attribute": "crm_{property}"},
        "company.a": {"type": "a.b", "item": "{value}/{property}"},
        "company.b": {"type": "a.b", "actor": "{value}/{property}"},
        "company.c": {"type": "a.b", "role": "{value}/{property}"},
        "company.d": {"type": "a.b", "value": "{value}", "properties": {"p": "{value}"}},
    }
    assert only(prop("company", "n" * 255, "x")).properties == {"n" * 255: "x"}
    assert only(prop("company", "n" * 251, "x"), mapping=rules).properties == {f"crm_{'n' * 251}": "x"}
    assert only(prop("company", "d", "v" * 9_000), mapping=rules).value_text == "v" * 4096
    for name, value in (("n" * 252, "x"), ("a", "v" * 254), ("b", "v" * 254), ("c", "v" * 254)):
        found = said(prop("company", name, value), mapping=rules)
        assert (found.events, [fault.position for fault in found.faults]) == ([], [0])


def test_an_event_from_the_future_is_drawn_back_and_says_so() -> None:
    late = only(change("ticket.creation", occurredAt=int((NOW + timedelta(days=3650)).timestamp() * 1000)))
    assert late.occurred_at == NOW + timedelta(minutes=5)
    assert late.properties["original_occurred_at"].startswith("2036")
    assert only(change("ticket.creation", occurredAt=10**17)).occurred_at == NOW + timedelta(minutes=5)
    assert only(change("ticket.creation", occurredAt=-(10**17))).occurred_at == datetime(1970, 1, 1, tzinfo=UTC)


def test_repetition_has_the_same_key_and_anything_else_has_another() -> None:
    first = only(prop("company", "city", "Rome"))
    again = only(prop("company", "city", "Rome", attemptNumber=3, subscriptionId=99))
    others = [
        only(prop("company", "city", "Oslo")),
        only(prop("company", "town", "Rome")),
        only(prop("company", "city", "Rome", eventId=2)),
        only(prop("company", "city", "Rome", objectId=8)),
        only(prop("company", "city", "Rome", portalId=34)),
    ]
    assert first.event_id == again.event_id
    assert len({first.event_id, *(one.event_id for one in others)}) == 6


@pytest.mark.parametrize(
    "element",
    [
        None,
        "text",
        {},
        {"subscriptionType": 5},
        change("company.creation", objectId={"a": 1}),
        change("company.creation", objectId=1.5),
        change("company.creation", objectId=2**70),
        change("company.creation", occurredAt="soon"),
        change("company.creation", portalId=True),
        prop("company", "seats", "many"),
        prop("company", "seats", "inf"),
        prop("company", "onboarding_start_date", "someday"),
        prop("company", "name", {"a": 1}),
        prop("company", "n" * 256, "x"),
        prop("ticket", "n" * 256, "x"),
        prop("company", "onboarding_milestone", "m" * 256),
        prop("contact", "onboarding_role", "r" * 256),
        change("company.associationChange", associationType=f"{'X' * 300}_TO_COMPANY", fromObjectId=7, toObjectId=9),
        change("object.creation", objectTypeId="0" * 256),
        change("company.merge", primaryObjectId=5, mergedObjectIds="6"),
        change("ticket.associationChange", associationType="???", fromObjectId=7, toObjectId=9),
    ],
)
def test_a_broken_element_is_a_fault_of_its_own(element: Any) -> None:
    found = said(change("company.creation", 1), element, change("company.creation", 2))
    assert [fault.position for fault in found.faults] == [1]
    assert [event.reference for event in found.events] == ["hubspot:33:1", "hubspot:33:2"]


@pytest.mark.parametrize("body", [b"{}", b"null", b'"x"', b"7", b"not json"])
def test_a_body_that_is_no_list_is_one_fault(body: bytes) -> None:
    found = Hubspot().normalise(body, Context(NOW))
    assert [fault.position for fault in found.faults] == [None]


def test_zero_characters_and_lone_surrogates_become_replacement_characters() -> None:
    event = only(prop("company", "name", "a\0b\ud800c"))
    assert event.properties == {"name": "a\ufffdb\ufffdc"}


@pytest.mark.parametrize(
    ("name", "types", "ignored"),
    [
        ("company-created-updated-deleted", ["account.updated"] * 3, 0),
        ("contact-created-updated", ["stakeholder.joined"], 1),
        ("contact-deletions-batch", ["stakeholder.left"] * 2, 0),
        ("deal-created-updated-stage-deleted", [], 4),
        ("docs-example-eventType-batch", ["stakeholder.joined"], 1),
        ("ticket-created-updated-deleted", ["ticket.opened", "ticket.updated", "ticket.resolved"], 0),
    ],
)
def test_every_captured_batch_is_understood(name: str, types: list[str], ignored: int) -> None:
    found = Hubspot().normalise((SAMPLES / f"{name}.json").read_bytes(), Context(NOW))
    assert [event.type for event in found.events] == types
    assert (found.ignored, found.faults) == (ignored, [])


def test_an_element_without_an_id_of_its_own_is_a_fault() -> None:
    for odd in (None, "", {"a": 1}, True, "x" * 256):
        assert [fault.position for fault in said(change("company.creation", eventId=odd)).faults] == [0]
    assert only(change("company.creation", eventId="as-text")).type == "account.updated"


def test_what_happens_to_an_object_is_of_interest_by_name_only() -> None:
    unknown = change("company.frobnication")
    assert (said(unknown).events, said(unknown).ignored) == ([], 1)
    mapped = {"company.frobnication": {"type": "scope.concern_raised"}}
    assert only(unknown, mapping=mapped).type == "scope.concern_raised"
    property_of_that_name = prop("company", "creation", "2026")
    assert only(property_of_that_name).properties == {"propertyChange.creation": "2026"}


def test_custom_objects_mean_what_a_mapping_says() -> None:
    element = change("object.propertyChange", objectTypeId="2-771", propertyName="stage", propertyValue="live")
    assert said(element).ignored == 1
    event = only(element, mapping={"2-771.stage": {"type": "milestone.completed", "item": "{value}"}})
    assert (event.item, event.reference) == ("live", "hubspot:33:2-771:7")
