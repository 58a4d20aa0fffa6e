"""Claims about messages other than mail: one object a channel can carry, values that call nobody, keys that stay."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from support.outreach import health_of

from milepost_contracts.health import HealthDocument
from milepost_core.cadence import Leave
from milepost_core.playbooks.document import CrmStep, EmailStep, InAppStep, SlackStep, TaskStep, WebhookStep
from milepost_runtime.secrets import Vault
from playbook_runner.documents.checking import shipped
from playbook_runner.runs.deciding import drafted as decided
from playbook_runner.wording.addressing import Directory
from playbook_runner.wording.briefing import SPECIMEN
from playbook_runner.wording.drafting import (
    Around,
    Desk,
    Draft,
    Occasion,
    Outward,
    approved,
    draft,
    leads_to_a_page,
    words,
)
from playbook_runner.wording.ways_out import WaysOut

ACCOUNT = UUID(int=7)
AROUND = Around(Directory("desk@vendor.example"))
WAYS_OUT = WaysOut(Vault("a secret of at least 32 characters, for tests"), "https://out.vendor.example")
DESK = Desk("milepost@vendor.example", "Milepost", "https://health.vendor.example", WAYS_OUT)
OCCASION = Occasion(UUID(int=1), "s", 0, "corr-1", datetime(2026, 3, 2, 9, 0, tzinfo=UTC))


def drafted(step: Outward, health: HealthDocument | None = None, occasion: Occasion = OCCASION) -> tuple[Draft, Any]:
    found = draft(step, shipped()[0].parsed, health or health_of(ACCOUNT), AROUND, DESK, occasion)
    return found, json.loads(found.payload)


def named(name: str) -> HealthDocument:
    return health_of(ACCOUNT, name=name)


@pytest.mark.parametrize("name", ["<!channel>", "<@U0123>", "<https://evil.example|click>", "A & B <x>"])
def test_no_value_calls_anybody_in_slack(name: str) -> None:
    step = SlackStep(id="s", connection="team", channel="C0123456789", text='*{{ account.name }}* isn\'t "well"')

    found, said = drafted(step, named(name))

    escaped = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert said == {"channel": "C0123456789", "text": f'*{escaped}* isn\'t "well"'}
    assert (found.destination, found.recipient) == ("team", "C0123456789")


def test_a_webhook_says_what_happened_to_whom_and_why() -> None:
    step = WebhookStep(id="s", connection="hook", fields=(("note", "{{ account.name }} needs help"),))

    found, said = drafted(step)

    assert found.destination == "hook"
    assert (said["type"], said["timestamp"]) == ("playbook.step", "2026-03-02T09:00:00+00:00")
    data = said["data"]
    assert (data["account"]["id"], data["run_id"], data["step"]) == (str(ACCOUNT), str(OCCASION.run_id), "s")
    assert data["fields"] == {"note": "Aurora Logistics needs help"}
    assert [reason["label"] for reason in data["health"]["reasons"]] == ["Milestones", "Active seats"]


def test_a_crm_step_names_the_account_by_its_references() -> None:
    step = CrmStep(id="s", connection="crm", writes="task", fields=(("subject", "Call {{ account.name }}"),))

    _, said = drafted(step, health_of(ACCOUNT, references=["hubspot:1:2"]))

    assert (said["writes"], said["account_id"], said["references"]) == ("task", str(ACCOUNT), ["hubspot:1:2"])
    assert said["fields"] == {"subject": "Call Aurora Logistics"}


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("{{ link }}", f"https://health.vendor.example/app/accounts/{ACCOUNT}"),
        ("/import", "/import"),
        (" https://vendor.example/a b\n", "https://vendor.example/a b"),
        ("{% if score == 'none' %}/never{% endif %}", ""),
    ],
)
def test_a_link_in_the_product_leads_to_a_page_or_is_none(written: str, kept: str) -> None:
    step = InAppStep(id="s", title="T", text="x", link=written)

    assert drafted(step)[1]["link"] == kept


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)", "data:text/html,x", "//evil.example", "/\\evil.example", "/\t/evil.example", "tour",
        "www.vendor.example/tour", "https://", "https:evil.example", "https://[", "/" + "x" * 500,
    ],
)  # fmt: skip
def test_a_message_whose_link_leads_to_no_page_is_not_sent(link: str) -> None:
    step = InAppStep(id="s", title="T", text="x", link=link)

    found = decided(step, shipped()[0].parsed, health_of(ACCOUNT), AROUND, DESK, OCCASION)

    assert isinstance(found, Leave)
    assert (found.code, "leads to no page" in found.sentence) == ("not_sendable", True)


def test_a_key_depends_on_run_step_and_recipient_and_stays_once_it_is_there() -> None:
    step = SlackStep(id="s", connection="team", channel="C0000000001", text="{{ score }}")
    key = drafted(step)[0].key

    assert drafted(step, named("Other"))[0].key == key
    assert drafted(replace(step, channel="C0000000002"))[0].key != key
    assert drafted(step, occasion=replace(OCCASION, run_id=uuid4()))[0].key != key
    assert drafted(replace(step, channel="C0000000002"), occasion=replace(OCCASION, key=key))[0].key == key


def test_a_task_says_its_title_in_one_line_and_its_script_whole() -> None:
    step = TaskStep(id="s", title="Call\n{{ account.name }}", script="1. {{ reasons[0].label }}\n2. Listen\n")

    assert words(step, SPECIMEN) == {"title": "Call Aurora Logistics", "script": "1. Overdue tasks\n2. Listen"}


@pytest.mark.parametrize("field", ["subject", "text"])
def test_a_mail_that_says_nothing_today_is_not_sent(field: str) -> None:
    step = EmailStep(**{"id": "a", "subject": "x", "text": "x", field: "{% if band == 'blue' %}x{% endif %}"})

    found = decided(step, shipped()[0].parsed, health_of(ACCOUNT), AROUND, DESK, OCCASION)

    assert found == Leave("not_sendable", f"TemplateFailed: the {field} says nothing")


@pytest.mark.parametrize(
    ("edited", "sent"),
    [
        ({"text": "new"}, {"subject": "s", "text": "new", "html": ""}),
        ({"text": "new", "html": "<b>new</b>"}, {"subject": "s", "text": "new", "html": "<b>new</b>"}),
        ({"subject": "new"}, {"subject": "new", "text": "t", "html": "h"}),
    ],
)
def test_a_changed_text_is_never_sent_beside_the_old_html(edited: dict[str, str], sent: dict[str, str]) -> None:
    assert approved({"subject": "s", "text": "t", "html": "h"}, edited) == sent


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ("https://v.example/?q=می\u200cروم", True), ("/tour?of=Aurora Logistics", True), ("/a\u2028b", False),
        ("https://v.example/\x1b", False),
    ],
)  # fmt: skip
def test_a_link_may_hold_whatever_is_for_writing(link: str, leads: bool) -> None:
    assert leads_to_a_page(link) is leads
