"""Claims about what Salesforce's change events and calls of its Flows mean in our words; pure, without a store."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from support.salesforce import (
    ACCOUNT,
    ACME,
    AT,
    CASE,
    NOW,
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

from ingest_webhooks.words.shapes import Link, Merge

MANY: dict[str, Any] = {f"F{number}__c": number for number in range(1_001)}


def test_a_captured_creation_tells_what_the_account_has_and_nothing_of_what_it_lacks() -> None:
    found = said((SAMPLES / "account-create.json").read_bytes())
    told = {"crm": "salesforce", "crm_state": "active", "name": "Acme", "owner": "0055f000005mc66AAA"}
    assert attributes(found) == told
    assert {event.reference for event in found.events} == {f"salesforce:{ORG}:0015f00002J9YYEAA3"}
    assert {event.occurred_at for event in found.events} == {datetime(2024, 4, 9, 20, 19, 25, tzinfo=UTC)}


@pytest.mark.parametrize("name", ["contact-update-address-compound", "contact-update-name-compound"])
def test_captured_changes_of_compound_fields_are_understood(name: str) -> None:
    found = said((SAMPLES / f"{name}.json").read_bytes())
    assert (found.events, found.ignored, found.faults) == ([], 1, [])
    rules = {"Contact.*": {"attribute": "{property}"}}
    told = attributes(said((SAMPLES / f"{name}.json").read_bytes(), mapping=rules))
    told.pop("updated")
    if "address" in name:
        expected = {"MailingAddress.Street": "1235 wildwood St", "MailingAddress.City": None}
        assert told == expected | {"OtherAddress.PostalCode": None}
    else:
        assert told == {"Name.LastName": "Youngest"}


def test_a_change_is_the_same_however_it_is_wrapped() -> None:
    bare = change("Account", ACME, Plan__c="growth")
    comet = {"channel": "/data/AccountChangeEvent", "data": {"schema": "x", "payload": bare, "event": {"replayId": 5}}}
    relayed = {"detail-type": "AccountChangeEvent", "detail": {"payload": bare, "replay-id": "AAA"}}
    text_id = {**bare, "ChangeEventHeader": {**bare["ChangeEventHeader"], "recordId": ACME}}
    del text_id["ChangeEventHeader"]["recordIds"]
    keys = {said(body).events[0].key for body in (bare, [bare], comet, [comet], comet["data"], relayed, text_id)}
    assert len(keys) == 1


def test_a_change_of_many_records_is_told_of_each() -> None:
    other = "001xx000003DGb4AAG"
    found = said(change("Account", [ACME, other], Plan__c="growth"))
    assert [event.reference for event in found.events] == [ACCOUNT, f"salesforce:{ORG}:{other}"]
    assert len({event.key for event in found.events}) == 2


def test_what_was_nulled_is_emptied_whether_or_not_the_change_carries_it() -> None:
    header = {"nulledFields": ["Plan__c"], "changedFields": ["Plan__c", "Segment__c", "BillingAddress.City"]}
    told = attributes(said(change("Account", ACME, header=header, Industry=None, BillingAddress=None)))
    assert told == {"plan": None, "segment": None, "industry": None, "BillingAddress": None}


def test_bitmaps_leave_open_whether_a_null_is_a_change() -> None:
    header = {"nulledFields": ["0x02"], "changedFields": ["0x650004E0", "4-0x01"]}
    assert attributes(said(change("Account", ACME, header=header, Plan__c="growth", Industry=None))) == {
        "plan": "growth"
    }


def test_numbers_of_commits_are_whole_numbers_beyond_what_a_float_holds() -> None:
    one, two = (
        said(change("Account", ACME, header={"commitNumber": 2**53 + n}, Plan__c="x")).events[0] for n in (0, 1)
    )
    assert one.key != two.key


def test_changes_come_in_the_order_of_their_commits() -> None:
    headers = [
        {"commitNumber": 1082985383812, "sequenceNumber": 1},
        {"commitNumber": 1082985383811, "sequenceNumber": 2},
        {"commitNumber": 1082985383811, "sequenceNumber": 1},
    ]
    found = said([change("Account", ACME, header=one, Plan__c=str(n)) for n, one in enumerate(headers)])
    assert [event.properties["plan"] for event in found.events] == ["2", "1", "0"]
    assert len({event.occurred_at for event in found.events}) == 1


def test_changes_of_one_instant_carry_the_place_of_their_commits_however_many_digits_that_has() -> None:
    places = [(9, 2), (10, 1), (2**53, 1), (2**53 + 1, 1), (2**63 - 1, 2), (2**63 - 1, 10)]
    told = [
        said(change("Account", ACME, header={"commitNumber": commit, "sequenceNumber": number}, Plan__c="x"))
        for commit, number in places
    ]
    found = [one.events[0].place or "" for one in told]
    assert found == sorted(found)
    assert len(set(found)) == len(places)


def test_the_number_of_a_commit_that_is_its_time_says_it_to_the_microsecond() -> None:
    header = {"commitNumber": 1745500706683617281, "commitTimestamp": 1745500706000}
    event = said(change("Account", ACME, header=header, Plan__c="x")).events[0]
    assert event.occurred_at == datetime(2025, 4, 24, 13, 18, 26, 683617, tzinfo=UTC)


@pytest.mark.parametrize("word", ["GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW"])
@pytest.mark.parametrize("kind", ["Account", "Case", "Contact", "Task", "Lead"])
def test_a_gap_is_left_alone_unless_a_mapping_picks_it_up(word: str, kind: str) -> None:
    body = change(kind, ACME, word)
    assert (said(body).events, said(body).ignored) == ([], 1)
    rule = {f"{kind}.{word.lower()}": {"type": "crm.gap", "account": ACCOUNT}}
    assert types(said(body, mapping=rule)) == ["crm.gap"]


def test_deleted_and_restored_accounts_say_so() -> None:
    deleted, restored = (said(change("Account", ACME, word)).events[0] for word in ("DELETE", "UNDELETE"))
    assert (deleted.properties["crm_state"], deleted.opens) == ("deleted", False)
    assert (restored.properties["crm_state"], restored.opens) == ("active", True)


@pytest.mark.parametrize(
    "body",
    [
        change("Account", "001xx000003DGb4AAG", "DELETE", MasterRecordId=ACME),
        message(record("Account", "001xx000003DGb4", IsDeleted="true", MasterRecordId=ACME)),
    ],
)
def test_an_account_that_is_gone_into_another_is_a_merge_and_tells_nothing_of_the_other(body: Any) -> None:
    found = said(body)
    assert found.merges == [Merge(ACCOUNT, (f"salesforce:{ORG}:001xx000003DGb4AAG",), AT)]
    assert (found.events, found.linked, found.ignored) == ([], 1, 0)


def test_the_echo_of_our_own_writes_is_left_alone() -> None:
    ours = change(
        "Account", ACME, header={"changeOrigin": "com/salesforce/api/rest/60.0;client=milepost/"}, Plan__c="x"
    )
    assert said(ours, client_name="milepost").ignored == 1
    assert said(ours, client_name="mile").events != []
    user = "005bm000005uOROAA2"
    by_user = change("Account", ACME, header={"commitUser": user}, Plan__c="x")
    assert said(by_user, integration_user=user[:15]).ignored == 1
    figures = change("Account", ACME, Milepost_Score__c=71.0, Milepost_Band__c="green")
    assert said(figures).events == []
    told = message(record("Account", ACME, LastModifiedById=user, Plan__c="x"))
    assert said(told, integration_user=user).ignored == 1
    assert said(told).events != []


@pytest.mark.parametrize(
    "element",
    [
        None,
        7,
        {},
        change("Account", "no id"),
        change("Account", []),
        change("", ACME),
        change("Account", ACME, "RENAMED"),
        change("Account", ACME, header={"commitNumber": 1.5}),
        change("Account", ACME, header={"commitTimestamp": "soon"}),
        change("Account", ACME, **MANY),
        {"object": "Account"},
        {"object": "Case", "id": CASE, "account_id": "acme"},
        {"object": "Case", "id": CASE, "fields": [1]},
        {"object": "Case", "id": CASE, "occurred_at": "soon"},
        {"object": "C" * 256, "id": CASE},
        {"object": "Account", "id": ACME, "fields": {"n" * 256: "x"}},
    ],
)
def test_a_broken_element_is_a_fault_of_its_own(element: Any) -> None:
    good = change("Account", ACME, Plan__c="x")
    found = said([good, element, good])
    assert [fault.position for fault in found.faults] == [1]
    assert [event for event in types(found) if event == "account.updated"] == ["account.updated"] * 2


def test_a_number_beyond_all_that_can_be_kept_is_a_fault() -> None:
    body = json.dumps(change("Account", ACME, Plan__c=7)).replace(": 7", ": 1e999").encode()
    assert [fault.position for fault in said(body).faults] == [0]


# Flows


def test_a_flow_tells_in_a_shape_of_ours() -> None:
    call: dict[str, Any] = {"event_id": "e-1", "object": "Case", "id": CASE[:15], "account_id": ACME[:15]}
    call |= {"occurred_at": "2026-11-01T09:30:00Z", "fields": {"Status": "Closed"}}
    event = only(call, "ticket.resolved")
    assert (event.reference, event.item, event.occurred_at) == (ACCOUNT, f"salesforce:{ORG}:case:{CASE}", AT)
    assert only(call | {"fields": {"Status": "Closed", "Reason": "x"}}, "ticket.resolved").key == event.key
    assert only(call | {"event_id": "e-2"}, "ticket.resolved").key != event.key


def test_a_call_without_an_id_is_known_by_what_it_says() -> None:
    call = {"object": "Account", "id": ACME, "fields": {"Plan__c": "growth"}}
    again = {"fields": {"Plan__c": "growth"}, "id": ACME, "object": "Account"}
    (one,), (two,), (other,) = (said(one).events for one in (call, again, call | {"fields": {"Plan__c": "scale"}}))
    assert one.key == two.key != other.key
    assert one.occurred_at == NOW


def test_a_flow_may_name_the_account_by_any_reference_of_ours() -> None:
    call = {
        "object": "Onboarding__c",
        "id": "a01xx000004TmiQAAS",
        "account_id": "external:acme",
        "fields": {"Step__c": "3"},
    }
    found = said(call, mapping={"Onboarding__c.Step__c": {"type": "milestone.completed", "item": "step-{value}"}})
    assert [(event.reference, event.item) for event in found.events] == [("external:acme", "step-3")]
    assert found.links == [
        Link(f"salesforce:{ORG}:onboarding__c:a01xx000004TmiQAAS", "external:acme", NOW, primary=True)
    ]


def test_json_without_a_configured_organisation_waits_as_a_whole() -> None:
    found = said(change("Account", ACME, Plan__c="x"), organization_id=None)
    assert ([fault.position for fault in found.faults], found.events) == ([None], [])


def test_a_list_of_ids_that_is_null_leaves_the_word_to_the_one_id() -> None:
    told = change("Account", ACME, Plan__c="growth")
    one = {**told, "ChangeEventHeader": {**told["ChangeEventHeader"], "recordId": ACME, "recordIds": None}}
    assert said(one).events[0].key == said(told).events[0].key
