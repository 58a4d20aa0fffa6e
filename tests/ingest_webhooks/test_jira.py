"""Claims about Jira: who may speak for it, what its events mean, and whose they are."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from support.front_door import Bench
from support.providers import SAMPLES, SECRETS, intercom_headers, jira_headers, sample, sender

from ingest_webhooks.sources import SOURCES
from ingest_webhooks.sources.jira.event import IDENTIFIER, JiraSettings
from ingest_webhooks.words.shapes import Context, Normalised, Received

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
JIRA = SOURCES["jira"]
SAMPLE = "issue-updated.json"
SITE = "example.atlassian.net"
ISSUE = f"jira:{SITE}:issue:10001"
MOVED = {"field": "Status", "fieldId": "status", "from": "1", "fromString": "To Do", "to": "2", "toString": "Done"}


def issue(kind: str = "jira:issue_updated", *items: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return the captured event, turned into one of another kind, with another changelog and other fields."""
    document = sample("jira", SAMPLE) | {"webhookEvent": kind}
    document["changelog"]["items"] = list(items)
    document["issue"]["fields"] |= fields
    return document


def category(key: str) -> dict[str, Any]:
    return {"name": key, "statusCategory": {"id": 3, "key": key}}


def hear(document: dict[str, Any], identifier: str = "", **settings: Any) -> Normalised:
    headers = {IDENTIFIER: identifier} if identifier else {}
    return JIRA.normalise(
        json.dumps(document).encode(), Context(NOW, JiraSettings.model_validate(settings), headers=headers)
    )


async def test_the_captured_body_is_taken_and_a_retry_changes_nothing(bench: Bench) -> None:
    jira = await sender(bench, "jira")
    body = (SAMPLES / "jira" / SAMPLE).read_bytes()
    first = {IDENTIFIER: "a-delivery"}
    await jira.tell(body, headers=first)
    before = await bench.counts()
    await jira.tell(body, headers=first | {"x-atlassian-webhook-retry": "1"})

    assert await bench.counts() == before
    assert [row["state"] for row in await jira.deliveries()] == ["done"]


def test_each_changed_field_of_the_captured_issue_is_told_and_no_words_are() -> None:
    said = hear(sample("jira", SAMPLE))
    assert [(one.type, one.item) for one in said.events] == [("ticket.updated", ISSUE)] * 2
    assert said.events[0].properties == {"status": "In Progress", "open": True}
    assert said.events[1].properties == {"changed": "assignee"}
    assert said.events[0].occurred_at == datetime(2025, 1, 15, 10, 40, tzinfo=UTC)
    assert len({one.key for one in said.events}) == 2
    assert "Example issue summary" not in repr(said.events)


def test_a_new_issue_opens_a_ticket_with_its_severity() -> None:
    (told,) = hear(issue("jira:issue_created", priority={"name": "Highest"})).events
    assert (told.type, told.properties) == ("ticket.opened", {"severity": "critical"})
    assert told.actor == f"jira:{SITE}:user:000000:00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("fields", "more", "kind"),
    [
        ({"status": category("done")}, [], "ticket.resolved"),
        ({"status": category("done"), "resolutiondate": "2025-01-15T10:40:00.000+0000"}, [], "ticket.resolved"),
        ({"status": category("done"), "resolutiondate": "2025-01-10T10:40:00.000+0000"}, [], "ticket.updated"),
        ({"status": category("indeterminate")}, [], "ticket.updated"),
        (
            {"status": category("new")},
            [{"field": "resolution", "fieldId": "resolution", "from": "1", "to": None}],
            "ticket.reopened",
        ),
    ],
)
def test_the_category_of_a_status_says_whether_it_is_resolved(
    fields: dict[str, Any], more: list[dict[str, Any]], kind: str
) -> None:
    (told,) = hear(issue("jira:issue_updated", MOVED, *more, **fields)).events
    assert told.type == kind


def test_times_without_a_colon_are_read_and_a_resolution_tells_its_hours() -> None:
    (told,) = hear(
        issue("jira:issue_updated", MOVED, status=category("done"), created="2025-01-15T08:40:00.000+0000")
    ).events
    assert told.value == 2.0


@pytest.mark.parametrize(
    ("before", "after", "kind", "severity"),
    [
        ("Medium", "High", "ticket.escalated", "high"),
        ("High", "Highest", "ticket.escalated", "critical"),
        ("Highest", "High", "ticket.updated", "high"),
        ("Lowest", "Medium", "ticket.updated", "medium"),
    ],
)
def test_a_priority_that_rises_to_high_escalates(before: str, after: str, kind: str, severity: str) -> None:
    item = {"field": "priority", "fieldId": "priority", "fromString": before, "toString": after}
    (told,) = hear(issue("jira:issue_updated", item)).events
    assert (told.type, told.properties["severity"]) == (kind, severity)


def test_a_deleted_issue_is_closed_and_not_resolved() -> None:
    (told,) = hear(issue("jira:issue_deleted")).events
    assert (told.type, told.properties["open"]) == ("ticket.updated", False)


@pytest.mark.parametrize(
    ("comment", "kinds"),
    [
        ({"jsdPublic": True, "author": {"accountType": "customer", "accountId": "c1"}}, ["message.replied"]),
        ({"jsdPublic": True, "author": {"accountType": "atlassian", "accountId": "c1"}}, ["message.sent"]),
        ({"jsdPublic": False, "author": {"accountType": "atlassian", "accountId": "c1"}}, []),
        ({"author": {"accountType": "atlassian", "accountId": "c1"}}, []),
    ],
)
def test_a_comment_is_a_message_where_the_customer_can_see_it(comment: dict[str, Any], kinds: list[str]) -> None:
    said = hear(issue("comment_created") | {"comment": comment | {"id": "5", "body": "private words"}})
    assert [one.type for one in said.events] == kinds
    assert said.ignored == (0 if kinds else 1)
    assert "private words" not in repr(said.events)


@pytest.mark.parametrize(
    ("settings", "taken"),
    [
        ({}, True),
        ({"projects": ["PROJ"]}, True),
        ({"projects": ["OTHER"]}, False),
        ({"issue_types": ["Task", "Bug"]}, True),
        ({"projects": ["PROJ"], "issue_types": ["Bug"]}, False),
    ],
)
def test_only_projects_and_types_that_customers_speak_through_count(settings: dict[str, Any], *, taken: bool) -> None:
    said = hear(sample("jira", SAMPLE), **settings)
    assert (len(said.events), said.ignored) == ((2, 0) if taken else (0, 1))


@pytest.mark.parametrize(
    ("fields", "settings", "expected"),
    [
        ({"customfield_7": [{"id": "3", "name": "Acme"}]}, {"account_field": "customfield_7"}, f"jira:{SITE}:3"),
        ({"customfield_7": [3]}, {"account_field": "customfield_7"}, "external:3"),
        ({"customfield_7": {"id": "10", "value": "acme"}}, {"account_field": "customfield_7"}, "external:acme"),
        ({"customfield_7": "acme"}, {"account_field": "customfield_7"}, "external:acme"),
        ({"labels": ["urgent", "customer-acme"]}, {"account_label": "customer-"}, "external:acme"),
        ({"customfield_7": None, "labels": []}, {"account_field": "customfield_7", "account_label": "c-"}, ISSUE),
    ],
)
def test_the_customer_is_named_by_a_field_or_a_label(
    fields: dict[str, Any], settings: dict[str, Any], expected: str
) -> None:
    said = hear(issue("jira:issue_created", **fields), **settings)
    assert said.events[0].reference == expected
    assert [link.account for link in said.links] == ([] if expected == ISSUE else [expected])


def test_an_apps_address_names_the_site_by_its_id() -> None:
    document = issue("jira:issue_created")
    document["issue"]["self"] = "https://api.atlassian.com/ex/jira/cloud-id-1/rest/api/2/issue/10001"
    assert hear(document).events[0].item == "jira:cloud-id-1:issue:10001"
    assert hear(document, site="acme").events[0].item == "jira:acme:issue:10001"


async def test_an_issue_that_was_told_to_be_a_customers_leads_later_events_there(bench: Bench) -> None:
    jira = await sender(bench, "jira", account_label="customer-", opens_accounts=True, site="labelled")
    labelled = issue("jira:issue_created", labels=["customer-jira-acme"])
    silent = issue("jira:issue_updated", MOVED, status=category("done"), labels=[])
    await jira.tell(labelled, headers={IDENTIFIER: "l-1"})
    await jira.tell(silent, headers={IDENTIFIER: "l-2"})
    assert [row["type"] for row in await bench.events("external:jira-acme")] == ["ticket.opened", "ticket.resolved"]


async def test_an_issue_of_nobody_waits(bench: Bench) -> None:
    jira = await sender(bench, "jira", site="lonely")
    await jira.tell(issue("jira:issue_created"), headers={IDENTIFIER: "w-1"})
    assert (await jira.events(), [row["type"] for row in await jira.waiting()]) == ([], ["ticket.opened"])


def test_the_identifier_tells_deliveries_apart_and_data_center_does_without() -> None:
    document = issue("jira:issue_created")
    keys = [hear(document, identifier).events[0].key for identifier in ("one", "one", "two", "", "")]
    assert (keys[0] == keys[1], keys[0] == keys[2], keys[3] == keys[4]) == (True, False, True)
    assert keys[3] != hear(document | {"timestamp": document["timestamp"] + 1}).events[0].key


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-hub-signature": None}, "signature_missing"),
        ({"x-hub-signature": "sha256=" + "0" * 64}, "signature_invalid"),
        (intercom_headers(b"{}", SECRETS["jira"], 0), "signature_invalid"),
    ],
    ids=["W1", "W2", "W4-sha1"],
)
async def test_what_is_not_shown_to_be_jiras_is_401(bench: Bench, headers: dict[str, str | None], code: str) -> None:
    jira = await sender(bench, "jira")
    answer = await jira.send(b"{}", headers=headers)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (401, code)


async def test_a_webhook_without_a_secret_comes_to_the_secret_address_and_nowhere_else(bench: Bench) -> None:
    jira = await sender(bench, "jira", signed=False)
    made = await bench.client.post(f"/connections/{jira.connection['id']}/rotate", json={})
    address = made.raise_for_status().json()["secret_webhook_url"]
    headers = {"content-type": "application/json"}
    body = json.dumps(sample("jira", SAMPLE)).encode()

    assert (await bench.client.post(address, content=body, headers=headers)).is_success
    for wrong in (jira.path, address[:-1], address + "x"):
        assert (await bench.client.post(wrong, content=body, headers=headers)).status_code == 404
    forged = headers | {"x-hub-signature": "sha256=" + "0" * 64}
    assert (await bench.client.post(address, content=body, headers=forged)).status_code == 401


async def test_an_identifier_of_many_characters_is_400(bench: Bench) -> None:
    jira = await sender(bench, "jira")
    answer = await jira.send(sample("jira", SAMPLE), headers={IDENTIFIER: "x" * 256})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (400, "bad_event_id")


@pytest.mark.parametrize("missing", ["webhookEvent", "timestamp"])
def test_what_cannot_be_understood_is_a_fault_that_says_why(missing: str) -> None:
    said = hear({key: value for key, value in sample("jira", SAMPLE).items() if key != missing})
    assert (said.events, [missing in fault.reason for fault in said.faults]) == ([], [True])


def test_our_own_test_delivery_is_signed_as_jira_signs() -> None:
    bare = Received("POST", "https://x/", [], {}, b"{}")
    assert JIRA.sign(bare, b"key", 0.0) == jira_headers(b"{}", "key", 0.0)
