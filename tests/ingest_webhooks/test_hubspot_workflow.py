"""Claims about HubSpot's workflows: one object instead of a batch, told in our words, and answered as they wait for."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest_webhooks.sources.hubspot.signature import signature_v2
from ingest_webhooks.sources.hubspot.source import Hubspot, HubspotSettings
from ingest_webhooks.words.rules import MappingDocument
from ingest_webhooks.words.shapes import Context, Normalised, Received

from .conftest import SAMPLES, SECRET, Bench

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AT = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
STAMP = int(AT.timestamp() * 1000)
ACTION = (SAMPLES / "custom-workflow-action-execution.json").read_bytes()


def said(document: Any, mapping: dict[str, Any] | None = None, **settings: Any) -> Normalised:
    rules = MappingDocument.model_validate({"rules": mapping or {}}).rules
    context = Context(NOW, HubspotSettings.model_validate(settings), mapping=rules)
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    found = Hubspot().normalise(body, context)
    assert (
        len(found.events) + found.linked + found.ignored + len(found.faults)
        == Hubspot().examine(received(body), HubspotSettings())
        or found.faults[0].position is None
    )
    return found


def received(body: bytes) -> Received:
    return Received("POST", "https://h/webhooks/hubspot/x", (), {}, body)


def whole_company(**properties: Any) -> dict[str, Any]:
    named = {name: {"value": value, "timestamp": STAMP} for name, value in properties.items()}
    return {"portalId": 33, "companyId": 7, "isDeleted": False, "properties": named}


def test_chosen_fields_of_a_company_are_its_properties() -> None:
    found = said(
        {"portalId": 33, "objectType": "COMPANY", "hs_object_id": "7", "name": "Acme", "seats": 25, "vip": True}
    )
    assert {event.reference for event in found.events} == {"hubspot:33:7"}
    assert [event.properties for event in found.events] == [{"name": "Acme"}, {"seats": 25}, {"vip": "true"}]
    assert all(event.opens and event.occurred_at == NOW for event in found.events)


def test_a_whole_object_tells_of_the_properties_that_a_rule_names_and_when_they_changed() -> None:
    found = said(whole_company(seats="25", hs_analytics_source="OFFLINE", onboarding_milestone="kickoff"))
    assert [(event.type, event.occurred_at) for event in found.events] == [
        ("account.updated", AT),
        ("milestone.completed", AT),
    ]
    assert found.ignored == 1
    own = said(whole_company(hs_analytics_source="OFFLINE"), {"company.hs_analytics_source": {"attribute": "origin"}})
    assert own.events[0].properties == {"origin": "OFFLINE"}


def test_a_value_that_did_not_change_between_two_calls_is_the_same_fact() -> None:
    first, second = said(whole_company(seats="25")), said(whole_company(seats="25", name="Acme"))
    assert first.events[0].event_id == second.events[0].event_id
    assert first.events[0].event_id != said(whole_company(seats="26")).events[0].event_id


def test_chosen_fields_are_dated_by_their_last_modification_if_it_is_among_them() -> None:
    body = {"portalId": 33, "companyId": 7, "seats": "25", "hs_lastmodifieddate": str(STAMP)}
    assert {event.occurred_at for event in said(body).events} == {AT}


def test_the_portal_comes_from_the_body_else_from_the_settings() -> None:
    body = {"objectType": "COMPANY", "objectId": 7, "name": "Acme"}
    assert said(body, portal_id=44).events[0].reference == "hubspot:44:7"
    assert [fault.position for fault in said(body).faults] == [None]


def test_a_contact_belongs_where_it_is_linked_else_where_its_address_says() -> None:
    contact = {"portal-id": 33, "vid": 5, "properties": {}}
    contact["properties"] = {"email": {"value": "ada@acme.com"}, "onboarding_role": {"value": "admin"}}
    (event,) = said(contact).events
    assert (event.type, event.actor, event.role) == ("stakeholder.role_changed", "hubspot:33:contact:5", "admin")
    assert (event.reference, event.fallbacks, event.opens) == ("hubspot:33:contact:5", ("domain:acme.com",), False)
    assert "ada" not in repr(event)


def test_the_stage_of_a_ticket_means_the_same_as_in_a_batch() -> None:
    ticket = {
        "portalId": 33,
        "objectType": "TICKET",
        "objectId": 9,
        "properties": {"hs_pipeline_stage": {"value": "4"}},
    }
    (event,) = said(ticket).events
    assert (event.type, event.item) == ("ticket.resolved", "hubspot:33:ticket:9")


def test_hidden_and_cleared_values_are_no_news() -> None:
    body = {"portalId": 33, "companyId": 7, "tax": "REDACTED", "sponsor_status": None, "odd": [1]}
    found = said(body)
    assert (found.events, found.ignored, [fault.position for fault in found.faults]) == ([], 2, [2])


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"portalId": 33},
        {"portalId": 33, "objectType": "COMPANY"},
        {"portalId": "x", "companyId": 7},
        {"callbackId": 5},
        {"callbackId": "a", "origin": {}, "object": {}},
        {"callbackId": "a", "origin": {"portalId": 1}},
    ],
)
def test_an_object_that_nobody_knows_is_one_fault(document: dict[str, Any]) -> None:
    assert [fault.position for fault in said(document).faults] == [None]


def test_a_custom_action_completes_the_milestone_that_it_names_and_nothing_else() -> None:
    assert said(ACTION).ignored == 1
    call = json.loads(ACTION)
    call["object"] = {"objectId": 904, "objectType": "COMPANY", "properties": {}}
    call["inputFields"] = {"milestone": "first_report"}
    (event,) = said(call).events
    assert (event.type, event.item, event.reference) == ("milestone.completed", "first_report", "hubspot:102670506:904")
    assert (event.occurred_at, event.opens) == (NOW, True)


def test_a_mapping_gives_a_custom_action_another_meaning() -> None:
    rule = {"workflow.action": {"type": "task.completed", "item": "{inputFields.staticInput}"}}
    (event,) = said(ACTION, rule).events
    assert (event.type, event.item) == ("task.completed", "My Static Input")
    again = json.loads(ACTION) | {"callbackId": "ap-1-2-3"}
    assert said(again, rule).events[0].event_id != event.event_id


def test_only_a_custom_action_is_answered_with_a_word() -> None:
    assert json.loads(Hubspot().reply(received(ACTION)).body) == {"outputFields": {"hs_execution_state": "SUCCESS"}}
    for body in (b"[]", b" []", b"{}", b"null", json.dumps(whole_company(seats="1")).encode()):
        assert Hubspot().reply(received(body)).body == b""


async def test_a_workflow_may_sign_with_version_2_or_call_the_secret_address(bench: Bench) -> None:
    body = json.dumps({"portalId": 60, "companyId": 1, "seats": "25"}).encode()
    headers = {
        "content-type": "application/json",
        "x-hubspot-signature": signature_v2(SECRET.encode(), "POST", bench.connection["webhook_url"], body).decode(),
        "x-hubspot-signature-version": "v2",
    }
    other = json.dumps({"portalId": 60, "companyId": 2, "seats": "5"}).encode()
    answers = [
        await bench.client.post(bench.path, content=body, headers=headers),
        await bench.client.post(bench.path, content=other, headers=headers),
        await bench.client.post(
            bench.connection["secret_webhook_url"], content=other, headers={"content-type": "application/json"}
        ),
        await bench.client.post(
            bench.connection["secret_webhook_url"], content=ACTION, headers={"content-type": "application/json"}
        ),
    ]
    await bench.relay()

    assert [answer.status_code for answer in answers] == [200, 401, 200, 200]
    assert answers[3].headers["content-type"] == "application/json"
    assert answers[3].json() == {"outputFields": {"hs_execution_state": "SUCCESS"}}
    for number, seats in ((1, 25), (2, 5)):
        assert [row["properties"] for row in await bench.events(f"hubspot:60:{number}")] == [{"seats": seats}]


def test_what_a_card_answers_is_no_delivery() -> None:
    found = said((SAMPLES / "crm-card-fetch-response.json").read_bytes())
    assert (found.events, [fault.position for fault in found.faults]) == ([], [None])


@pytest.mark.parametrize("written", [str(STAMP), STAMP, "2026-11-01T09:30:00Z", "2026-11-01T10:30:00.000+01:00"])
def test_the_last_modification_is_a_time_however_it_is_written_and_no_attribute(written: str | int) -> None:
    (event,) = said({"portalId": 33, "companyId": 7, "seats": "25", "hs_lastmodifieddate": written}).events
    assert (event.properties, event.occurred_at) == ({"seats": 25}, AT)


async def test_a_workflow_that_is_too_fast_is_told_milliseconds_and_a_batch_seconds(bench: Bench) -> None:
    made = await bench.connect(rate_per_second=1)
    own = Bench(bench.app, bench.client, bench.pool, bench.service, made)
    waits = {}
    for name, body in (("workflow", b' {"portalId": 61, "companyId": %d}'), ("batch", b"[%d]")):
        answers = [await own.deliver(body % number) for number in range(3)]
        assert answers[-1].status_code == 429
        waits[name] = answers[-1].headers["retry-after"]
    assert waits == {"workflow": "1000", "batch": "1"}
