"""Claims about CRM steps: one task, note or set of properties for a step, whatever becomes of the answer."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from support.hubspot_portal import PORTAL, Portal
from support.outreach import Outreach
from support.salesforce_org import ORGANISATION, Organisation, salesforce_org

from milepost_contracts.references import salesforce_id
from milepost_core.playbooks.document import CRM_FIELDS
from milepost_core.playbooks.parsing import PlaybookInvalid, parse_playbook
from playbook_runner.actions.crm.channel import NoRecord, order_of
from playbook_runner.connections.connecting import NewOutlet

COMPANY = f"hubspot:{PORTAL}:90210"
NUMBER = salesforce_id("001ak0000000077")
TASK = {
    "kind": "crm",
    "connection": "our-crm",
    "writes": "task",
    "fields": {
        "subject": "Call {{ account.name }}",
        "body": "It stands at {{ score }}.\nMostly for: <{{ reasons[0].label }}>",
        "due_days": "3",
        "priority": "high",
        "type": "call",
        "owner": "71",
    },
}
NOTE = TASK | {"writes": "note", "fields": {"body": "{{ account.name }} is {{ band }}"}}
PROPERTIES = TASK | {"writes": "properties", "fields": {"renewal_note": "at {{ score }}"}}


@pytest.fixture
def portal(portal: Portal) -> Portal:
    portal.companies["90210"] = {"name": "Aurora Logistics"}
    return portal


@pytest.fixture(scope="module")
async def organisation() -> AsyncIterator[Organisation]:
    async with salesforce_org() as served:
        yield served


def playbook(step: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": "playbook/1",
        "id": f"into-the-crm-{'-'.join(step['fields']).replace('_', '-')}",
        "version": 1,
        "name": "Into the CRM",
        "purpose": "Writes to the CRM when health drops.",
        "trigger": {"kind": "band_changed", "to": ["red"], "direction": "down"},
        "steps": [{"id": "write", **step}],
    }


async def intended(outreach: Outreach, step: dict[str, Any], reference: str = COMPANY) -> UUID:
    """Let an account drop under a playbook of this one step, up to an effect that is ready."""
    await outreach.pool.execute("truncate playbook, outlet")
    await outreach.runner.keeping.stock([playbook(step)])
    account = await outreach.drop(references=(reference,))
    await outreach.start()
    await outreach.advance()
    return account


async def with_hubspot(outreach: Outreach, portal: Portal) -> None:
    new = NewOutlet("our-crm", "hubspot", portal.settings, {"token": "pat-eu1-first-token"}, rate_per_s=1000.0)
    row, _ = await outreach.runner.outlets.create(new)
    await outreach.runner.setting_up.set_up(row["id"])
    portal.calls.clear()


async def with_salesforce(outreach: Outreach, organisation: Organisation) -> None:
    new = NewOutlet("our-crm", "salesforce", organisation.settings, {"private_key": organisation.pem})
    row, _ = await outreach.runner.outlets.create(new)
    await outreach.runner.setting_up.set_up(row["id"])
    organisation.calls.clear()
    organisation.tasks.clear()
    organisation.accounts[str(NUMBER)] = {"Name": "Aurora Logistics"}


async def twice(outreach: Outreach, account: UUID) -> tuple[str, Any]:
    """Let an effect be tried, and once more; return its state between, and it."""
    await outreach.perform()
    between = (await outreach.one("effect", account))["state"]
    await outreach.later("effect")
    await outreach.perform()
    return between, await outreach.one("effect", account)


async def test_a_task_stands_at_its_company_due_and_worded_as_the_step_says(outreach: Outreach, portal: Portal) -> None:
    account = await intended(outreach, TASK)
    await with_hubspot(outreach, portal)

    await outreach.perform()

    ((number, task),) = portal.things["tasks"].items()
    effect = await outreach.one("effect", account)
    due = datetime.fromisoformat(task["properties"].pop("hs_timestamp"))
    assert task["properties"] == {
        "hs_task_subject": "Call Aurora Logistics",
        "hs_task_body": "It stands at 47.3.<br>Mostly for: &lt;Milestones&gt;",
        "hs_task_status": "NOT_STARTED",
        "hs_task_priority": "HIGH",
        "hs_task_type": "CALL",
        "hubspot_owner_id": "71",
        "milepost_key": effect["key"].hex(),
    }
    kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 192}
    assert task["associations"] == [{"to": {"id": "90210"}, "types": [kind]}]
    assert due == effect["created_at"] + timedelta(days=3)
    assert (effect["state"], effect["remote_id"]) == ("done", number)


async def test_a_note_stands_at_its_company(outreach: Outreach, portal: Portal) -> None:
    account = await intended(outreach, NOTE)
    await with_hubspot(outreach, portal)

    await outreach.perform()

    (note,) = portal.things["notes"].values()
    assert note["properties"]["hs_note_body"] == "Aurora Logistics is red"
    assert note["associations"][0]["types"][0]["associationTypeId"] == 190
    assert (await outreach.one("effect", account))["state"] == "done"


async def test_a_task_whose_answer_was_lost_is_found_and_not_made_again(outreach: Outreach, portal: Portal) -> None:
    account = await intended(outreach, TASK)
    await with_hubspot(outreach, portal)
    portal.lost = 1

    doubtful, effect = await twice(outreach, account)

    assert (doubtful, effect["state"]) == ("in_doubt", "done")
    assert [method for method, _ in portal.calls] == ["POST", "GET"]
    assert len(portal.things["tasks"]) == 1


async def test_a_task_that_was_surely_not_made_is_made_after_asking(outreach: Outreach, portal: Portal) -> None:
    account = await intended(outreach, TASK)
    await with_hubspot(outreach, portal)
    portal.lost = 1
    await outreach.perform()
    portal.things["tasks"].clear()

    await outreach.later("effect")
    await outreach.perform()
    await outreach.later("effect")
    await outreach.perform()

    assert (await outreach.one("effect", account))["state"] == "done"
    assert [method for method, _ in portal.calls] == ["POST", "GET", "POST"]
    assert len(portal.things["tasks"]) == 1


async def test_a_second_task_of_the_same_key_is_the_first_one(outreach: Outreach, portal: Portal) -> None:
    account = await intended(outreach, TASK)
    await with_hubspot(outreach, portal)
    portal.things["tasks"]["1"] = {"properties": {"milepost_key": (await outreach.one("effect", account))["key"].hex()}}

    await outreach.perform()

    effect = await outreach.one("effect", account)
    assert (effect["state"], effect["remote_id"], list(portal.things["tasks"])) == ("done", "1", ["1"])


async def test_a_limit_spends_no_doubt_and_is_waited_for(outreach: Outreach, portal: Portal) -> None:
    account = await intended(outreach, TASK)
    await with_hubspot(outreach, portal)
    portal.limited = 1

    await outreach.perform()
    effect = await outreach.one("effect", account)
    await outreach.later("effect")
    await outreach.pool.execute("truncate destination")
    await outreach.perform()

    assert effect["state"] == "ready"
    assert "429" in effect["reason"]
    assert effect["next_at"] > datetime.now(UTC) + timedelta(seconds=8)
    assert len(portal.things["tasks"]) == 1


async def test_properties_are_set_and_one_that_is_not_there_ends_the_step_with_its_name(
    outreach: Outreach, portal: Portal
) -> None:
    right = await intended(outreach, PROPERTIES)
    await with_hubspot(outreach, portal)
    await outreach.perform()
    wrong = await intended(outreach, PROPERTIES | {"fields": {"renewal_nite": "at {{ score }}"}})
    await with_hubspot(outreach, portal)
    await outreach.perform()

    assert portal.companies["90210"]["renewal_note"] == "at 47.3"
    assert (await outreach.one("effect", right))["state"] == "done"
    effect = await outreach.one("effect", wrong)
    assert effect["state"] == "failed_permanent"
    assert "renewal_nite" in effect["reason"]


async def test_an_account_that_the_crm_does_not_know_is_told_so_and_nobody_is_called(
    outreach: Outreach, portal: Portal
) -> None:
    account = await intended(outreach, TASK, "domain:aurora.example")
    await with_hubspot(outreach, portal)

    await outreach.perform()

    effect = await outreach.one("effect", account)
    assert effect["state"] == "failed_permanent"
    assert "no name of the account" in effect["reason"]
    assert portal.calls == []


async def test_a_task_of_salesforce_is_made_once_though_its_answer_was_lost(
    outreach: Outreach, organisation: Organisation
) -> None:
    account = await intended(outreach, TASK, f"salesforce:{ORGANISATION}:{NUMBER}")
    await with_salesforce(outreach, organisation)
    organisation.lost = 1

    doubtful, effect = await twice(outreach, account)

    (task,) = organisation.tasks.values()
    due = effect["created_at"].astimezone(UTC) + timedelta(days=3)
    assert (doubtful, effect["state"]) == ("in_doubt", "done")
    assert task == {
        "Subject": "Call Aurora Logistics",
        "Description": "It stands at 47.3.\nMostly for: <Milestones>",
        "Status": "Not Started",
        "Priority": "High",
        "ActivityDate": due.date().isoformat(),
        "WhatId": NUMBER,
        "OwnerId": "71",
        "Milepost_Key__c": effect["key"].hex(),
    }
    assert [method for method, _ in organisation.calls] == ["POST", "GET"]


async def test_a_second_task_of_the_same_key_is_the_first_one_in_salesforce_too(
    outreach: Outreach, organisation: Organisation
) -> None:
    account = await intended(outreach, TASK, f"salesforce:{ORGANISATION}:{NUMBER}")
    await with_salesforce(outreach, organisation)
    organisation.tasks["00T1"] = {"Milepost_Key__c": (await outreach.one("effect", account))["key"].hex()}

    await outreach.perform()

    effect = await outreach.one("effect", account)
    assert (effect["state"], effect["remote_id"], list(organisation.tasks)) == ("done", "00T1", ["00T1"])


@pytest.mark.parametrize(
    ("code", "status", "made"),
    [("INSUFFICIENT_ACCESS_OR_READONLY", 403, 1), ("UNABLE_TO_LOCK_ROW", 400, 1), ("REQUEST_LIMIT_EXCEEDED", 403, 0)],
)
async def test_what_one_record_does_not_take_keeps_no_other_waiting(
    outreach: Outreach, organisation: Organisation, code: str, status: int, made: int
) -> None:
    other = str(salesforce_id("001ak0000000088"))
    account = await intended(outreach, TASK, f"salesforce:{ORGANISATION}:{NUMBER}")
    await with_salesforce(outreach, organisation)
    organisation.accounts[other] = {"Name": "Other"}
    before = len(organisation.tasks)
    organisation.refusals[str(NUMBER)] = (status, code)
    try:
        await outreach.perform()
        second = await outreach.drop(references=(f"salesforce:{ORGANISATION}:{other}",))
        await outreach.start()
        await outreach.advance()
        await outreach.perform()
    finally:
        organisation.refusals.clear()

    first = await outreach.one("effect", account)
    assert (first["state"], first["attempts"], code in first["reason"]) == ("ready", 1, True)
    assert len(organisation.tasks) - before == made
    assert (await outreach.one("effect", second))["state"] == ("done" if made else "ready")


async def test_where_salesforce_cannot_be_asked_a_person_decides(
    outreach: Outreach, organisation: Organisation
) -> None:
    account = await intended(outreach, NOTE, f"salesforce:{ORGANISATION}:{NUMBER}")
    await with_salesforce(outreach, organisation)
    organisation.lost = 1
    await outreach.perform()
    organisation.tasks.clear()
    granted = set(organisation.granted)
    organisation.granted.discard("Task.Milepost_Key__c")

    await outreach.later("effect")
    await outreach.perform()
    organisation.granted |= granted

    assert (await outreach.one("effect", account))["state"] == "parked"


@pytest.mark.parametrize(
    ("writes", "fields", "said"),
    [
        ("task", {"subject": " "}, "needs a subject"),
        ("note", {"body": ""}, "needs a body"),
        ("task", {"subject": "x", "due_days": "soon"}, "due_days"),
        ("task", {"subject": "x", "due_days": "-1"}, "due_days"),
        ("task", {"subject": "x", "priority": "urgent"}, "priority"),
        ("task", {"subject": "x", "type": "visit"}, "type"),
    ],
)
def test_a_field_that_says_nothing_useful_makes_no_order(writes: str, fields: dict[str, str], said: str) -> None:
    with pytest.raises(NoRecord, match=said):
        order_of({"writes": writes, "fields": fields}, "1", "00", datetime.now(UTC))


@pytest.mark.parametrize("writes", CRM_FIELDS)
def test_a_step_with_a_field_that_its_kind_has_not_is_refused_with_its_place(writes: str) -> None:
    step = TASK | {"writes": writes, "fields": {"boddy": "x"}}

    with pytest.raises(PlaybookInvalid) as refused:
        parse_playbook(playbook(step))

    assert "/steps/0/fields/boddy" in str(refused.value.problems)
    assert f"needs {CRM_FIELDS[writes][0]}" in str(refused.value.problems)
