"""Claims about what Salesforce's outbound messages mean in our words, and about its ids; pure, without a store."""

from datetime import UTC, datetime
from typing import Any

import pytest
from support.salesforce import (
    ACCOUNT,
    ACME,
    AT,
    CASE,
    ORG,
    SAMPLES,
    attributes,
    change,
    message,
    only,
    record,
    said,
    types,
)

from ingest_webhooks.sources.salesforce.ids import id18
from ingest_webhooks.words.shapes import Link


@pytest.mark.parametrize(
    ("short", "whole"),
    [
        ("00Dxx0000001gPF", "00Dxx0000001gPFEAY"),
        ("04kxx00000000bl", "04kxx00000000blAAA"),
        ("0015f00002J9YYE", "0015f00002J9YYEAA3"),
        ("003bm000016htgP", "003bm000016htgPAAQ"),
        ("000000000000000", "000000000000000AAA"),
    ],
)
def test_an_id_of_15_characters_and_its_form_of_18_are_one(short: str, whole: str) -> None:
    assert id18(short) == id18(whole) == id18(short + "XYZ") == whole


@pytest.mark.parametrize(
    "text", ["", "00Dxx0000001gP", "00Dxx0000001gPFEA", "00Dxx0000001gP-", "００Dxx0000001gPF", 5, None]
)
def test_what_is_no_id_is_none(text: object) -> None:
    assert id18(text) is None


# Outbound messages


@pytest.mark.parametrize(
    ("name", "kinds", "ignored"),
    [
        ("account-created", ["account.updated"], 0),
        ("account-field-populated", ["account.updated"], 0),
        ("contacts-batch-of-3", [], 3),
        ("three-leads-with-bom", [], 3),
    ],
)
def test_every_captured_message_is_understood(name: str, kinds: list[str], ignored: int) -> None:
    found = said((SAMPLES / f"{name}.xml").read_bytes())
    assert (types(found), found.ignored, found.faults) == (kinds, ignored, [])


def test_a_created_account_opens_an_account_of_ours() -> None:
    (event,) = said((SAMPLES / "account-created.xml").read_bytes()).events
    assert (event.reference, event.opens, event.fallbacks) == (ACCOUNT, True, ())
    assert event.properties == {"crm": "salesforce", "crm_state": "active"}
    assert event.occurred_at == datetime(2026, 9, 8, 23, 40, 33, tzinfo=UTC)


def test_a_field_that_is_told_is_an_attribute() -> None:
    (event,) = said((SAMPLES / "account-field-populated.xml").read_bytes()).events
    assert (event.properties, event.reference) == ({"industry": "Agriculture"}, f"salesforce:{ORG}:001xx000003DGb4AAG")


def test_an_empty_field_is_left_out_so_what_was_selected_and_is_missing_was_emptied() -> None:
    body = message(record("Account", ACME, Industry="Agriculture"))
    assert attributes(said(body)) == {"industry": "Agriculture"}
    by_object = attributes(said(body, selected_fields={"Account": ["Industry", "Seats__c"]}))
    assert by_object == {"industry": "Agriculture", "seats": None}
    by_action = {"04kxx00000000bl": ["Plan__c"], "Account": ["Seats__c"]}
    assert attributes(said(body, selected_fields=by_action)) == {"industry": "Agriculture", "plan": None}


def test_a_record_that_is_gone_at_the_time_of_sending_was_not_emptied() -> None:
    space = 'xmlns:sf="urn:sobject.enterprise.soap.sforce.com"'
    gone = f'<sObject xsi:type="sf:Account" {space}><sf:Id>001xx000003DGb2</sf:Id></sObject>'
    found = said(message(gone), selected_fields={"Account": ["Seats__c"]})
    assert (found.events, found.ignored, found.faults) == ([], 1, [])


def test_a_new_record_has_nothing_that_could_have_been_emptied() -> None:
    found = said(message(record("Account", ACME, created=True)), selected_fields={"Account": ["Seats__c"]})
    assert attributes(found) == {"crm": "salesforce", "crm_state": "active"}


def test_fields_that_are_said_to_be_null_are_empty() -> None:
    body = message(record("Account", ACME).replace("<sf:Id>", "<sf:fieldsToNull>Plan__c</sf:fieldsToNull><sf:Id>"))
    assert attributes(said(body)) == {"plan": None}
    nil = message(record("Account", ACME).replace("<sf:Id>", '<sf:Plan__c xsi:nil="true"/><sf:Id>'))
    assert attributes(said(nil)) == {"plan": None}


@pytest.mark.parametrize(
    "record_text",
    [
        record("Account", ACME, Plan__c="growth").replace("sf:", "x:").replace(":sf", ":x"),
        record("Account", ACME, Plan__c="growth").replace("enterprise", "partner"),
        record("sObject", ACME, type="Account", Plan__c="growth").replace("enterprise", "partner"),
    ],
)
def test_the_type_is_what_its_prefix_stands_for(record_text: str) -> None:
    assert attributes(said(message(record_text))) == {"plan": "growth"}


@pytest.mark.parametrize(
    "record_text",
    [
        record("Account", ACME).replace("urn:sobject.enterprise.soap.sforce.com", "urn:another"),
        record("Account", ACME).replace("xsi:type=", "type="),
        record("Account", "no id"),
        record("Account", ACME, LastModifiedDate="soon"),
        record("Account", ACME, Seats__c="many"),
        "",
    ],
)
def test_a_broken_notification_is_a_fault_of_its_own(record_text: str) -> None:
    found = said(message(record("Account", ACME, created=True), record_text, record("Account", ACME, created=True)))
    assert (types(found), [fault.position for fault in found.faults]) == (["account.updated"] * 2, [1])


def test_one_field_that_cannot_be_read_does_not_take_the_others_with_it() -> None:
    found = said(message(record("Account", ACME, Seats__c="many", Plan__c="growth")))
    assert attributes(found) == {"plan": "growth"}
    assert [(fault.position, fault.reason) for fault in found.faults] == [
        (0, "Account.Seats__c: the value is no number")
    ]


def test_a_notification_has_one_key_in_either_form_of_its_id_and_whatever_it_says_by_then() -> None:
    short = message(record("Account", ACME, Plan__c="growth")).replace(b"CaS0<", b"CaSd<")
    whole = short.replace(b"04lxx000000CaSd", b"04lxx000000CaSdAAK")
    later = whole.replace(b"growth", b"scale")
    (one,), (two,), (three,) = (said(body).events for body in (short, whole, later))
    assert one.key == two.key == three.key
    assert one.content == two.content != three.content
    assert said(message(record("Account", ACME, Plan__c="growth"))).events[0].key != one.key


# Cases, contacts, tasks, meetings, deals


def test_a_case_belongs_to_its_account_else_to_that_of_its_contact() -> None:
    contact = "003xx000004TmiQAAS"
    named = only(message(record("Case", CASE, created=True, AccountId=ACME, ContactId=contact)), "ticket.opened")
    expected = (f"salesforce:{ORG}:contact:{contact}", f"salesforce:{ORG}:case:{CASE}")
    assert (named.reference, named.fallbacks, named.item) == (ACCOUNT, expected, f"salesforce:{ORG}:case:{CASE}")
    by_contact = only(message(record("Case", CASE, created=True, ContactId=contact)), "ticket.opened")
    assert (by_contact.reference, by_contact.fallbacks) == (expected[0], expected[1:])
    assert not by_contact.opens


def test_a_record_that_names_an_account_links_itself_to_it() -> None:
    for kind, record_id in (("Case", CASE), ("Contact", "003xx000004TmiQAAS"), ("Onboarding__c", "a01xx000004TmiQAAS")):
        found = said(message(record(kind, record_id, AccountId="001xx000003DGb2")))
        assert found.links == [Link(f"salesforce:{ORG}:{kind.lower()}:{id18(record_id)}", ACCOUNT, AT, primary=True)]
    custom = said(message(record("Onboarding__c", "a01xx000004TmiQAAS", Account__c=ACME)))
    assert (custom.links[0].account, custom.linked, custom.ignored) == (ACCOUNT, 1, 0)


@pytest.mark.parametrize(
    ("fields", "kind", "properties"),
    [
        ({"Status": "Closed"}, "ticket.resolved", {"stage": "Closed"}),
        ({"Status": "Done"}, "ticket.resolved", {"stage": "Done"}),
        ({"Status": "Waiting", "IsClosed": "true"}, "ticket.resolved", {"stage": "Waiting"}),
        ({"Status": "Reopened"}, "ticket.reopened", {"stage": "Reopened"}),
        ({"Status": "Working"}, "ticket.updated", {"stage": "Working", "open": True}),
        ({"IsClosed": "true"}, "ticket.resolved", {}),
        ({"IsClosed": "false"}, "ticket.updated", {"open": True}),
        ({"IsEscalated": "true"}, "ticket.escalated", {}),
        ({"Priority": "High"}, "ticket.updated", {"severity": "high"}),
        ({"Subject": "No log-in"}, "ticket.updated", {"label": "No log-in"}),
    ],
)
def test_a_cases_fields_say_what_became_of_the_ticket(
    fields: dict[str, Any], kind: str, properties: dict[str, Any]
) -> None:
    found = said(message(record("Case", CASE, AccountId=ACME, **fields)), closed_case_statuses=["closed", "DONE"])
    touched, event = found.events
    assert (touched.type, touched.properties) == ("ticket.updated", {})
    assert (event.type, event.properties, event.item) == (kind, properties, f"salesforce:{ORG}:case:{CASE}")


def test_a_case_was_closed_when_it_says_so() -> None:
    body = message(record("Case", CASE, Status="Closed", ClosedDate="2026-10-30T08:00:00.000Z"))
    assert only(body, "ticket.resolved").occurred_at == datetime(2026, 10, 30, 8, tzinfo=UTC)
    assert types(said(message(record("Case", CASE, IsEscalated="false")))) == ["ticket.updated"]


def test_what_people_wrote_into_a_case_or_are_called_is_never_kept() -> None:
    found = said(message(record("Case", CASE, Description="Please call my cell", SuppliedEmail="a@b.example")))
    assert types(found) == ["ticket.updated"]
    assert "call" not in repr(found.events)
    contact = said(message(record("Contact", "003xx000004TmiQAAS", AccountId=ACME, Email="a@b.example", LastName="B")))
    assert (contact.events, contact.linked) == ([], 1)


def test_people_join_leave_and_have_a_role() -> None:
    contact = "003xx000004TmiQAAS"
    joined = only(message(record("Contact", contact, created=True, AccountId=ACME)), "stakeholder.joined")
    assert (joined.actor, joined.reference) == (f"salesforce:{ORG}:contact:{contact}", ACCOUNT)
    role = only(message(record("Contact", contact, Onboarding_Role__c="admin")), "stakeholder.role_changed")
    assert (role.role, role.actor) == ("admin", f"salesforce:{ORG}:contact:{contact}")
    assert types(said(message(record("Contact", contact, IsDeleted="true")))) == ["stakeholder.left"]


def test_a_task_is_made_and_done_but_a_written_down_mail_never_was_one() -> None:
    task = "00Txx000004TmiQEAS"
    made = only(message(record("Task", task, created=True, WhatId=ACME, Subject="Import")), "task.created")
    assert (made.reference, made.item, made.properties) == (
        ACCOUNT,
        f"salesforce:{ORG}:task:{task}",
        {"label": "Import"},
    )
    assert types(said(message(record("Task", task, Status="Completed")))) == ["task.completed"]
    mail = record("Task", task, created=True, TaskSubtype="Email", Status="Completed")
    assert said(message(mail)).ignored == 1
    assert only(change("Task", task, "DELETE"), "task.deleted").properties == {"open": False}


def test_an_event_of_the_calendar_is_a_meeting() -> None:
    meeting = "00Uxx000004TmiQEAS"
    fields: dict[str, Any] = {"AccountId": ACME, "StartDateTime": "2026-11-05T10:00:00.000Z"}
    event = only(message(record("Event", meeting, created=True, **fields)), "meeting.scheduled")
    assert (event.reference, event.properties) == (ACCOUNT, {"starts_at": "2026-11-05T10:00:00.000Z"})
    assert types(said([change("Event", meeting, "DELETE")])) == ["meeting.cancelled"]


def test_only_a_mapping_makes_a_deal_a_renewal_or_a_loss() -> None:
    lost = message(record("Opportunity", "006xx000004TmiQAAS", AccountId=ACME, Type="Renewal", StageName="Closed Lost"))
    stage = {"when": {"closed won": {"type": "renewed"}, "closed lost": {"type": "churned"}}}
    rules = {"Opportunity.StageName": {"by": "Type", "when": {"renewal": stage}}}
    assert said(lost).events == []
    churned = only(lost, "churned", mapping=rules)
    assert (churned.reference, churned.occurred_at) == (ACCOUNT, AT)
    assert said(lost.replace(b"Renewal", b"New Business"), mapping=rules).events == []


def test_a_start_a_milestone_and_the_sponsor_are_fields_of_the_account() -> None:
    fields: dict[str, Any] = {
        "Onboarding_Start_Date__c": "2026-10-05",
        "Onboarding_Milestone__c": "first_report",
        "Sponsor_Status__c": "Left",
    }
    started, reached, left = said(message(record("Account", ACME, **fields))).events
    assert (started.type, started.occurred_at) == ("account.started", datetime(2026, 10, 5, tzinfo=UTC))
    assert (reached.type, reached.item) == ("milestone.completed", "first_report")
    assert (left.type, left.role) == ("stakeholder.left", "sponsor")
    emptied = said(message(record("Account", ACME)), selected_fields={"Account": list(fields)})
    assert (emptied.events, emptied.ignored) == ([], 1)


def test_a_website_names_the_account_by_its_domain() -> None:
    for website in ("www.Acme.com", "https://acme.com/about", "acme.com"):
        found = said(message(record("Account", ACME, Website=website)))
        assert found.links == [Link("domain:acme.com", ACCOUNT, AT)]
    assert said(message(record("Account", ACME, Website="http://gmail.com"))).links == []
    assert said(message(record("Account", ACME, Website="http://[x"))).links == []
