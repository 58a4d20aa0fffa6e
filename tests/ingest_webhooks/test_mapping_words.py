"""Claims about what a mapping's words may say: numbers as they are written, and attributes of what has a value."""

import json
import re
from pathlib import Path

import pytest

from ingest_webhooks.mapping import lint
from ingest_webhooks.sources import CONNECTABLE, SOURCES
from ingest_webhooks.words.shapes import Broken

from .test_mapping import one, told


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("25", 25),
        ("-0.5", -0.5),
        (" 1250000.50 ", 1250000.5),
        ("1e3", 1000),
        ("9007199254740993", 9007199254740993),
        ("12345678901234567890123", 12345678901234567890123),
    ],
)
def test_a_number_is_read_exactly(text: str, number: float) -> None:
    (event,) = told({"value": text}, {"deal.stage": {"attribute": "seats", "reads": "number"}})
    assert event.properties == {"seats": number}
    assert type(event.properties["seats"]) is type(number)


@pytest.mark.parametrize(
    "text",
    ["1_000", "\uff11\uff12", "\u0661", "1e308", "1e300", "9" * 5_000, "0x10", "nan", "inf", "1,5", "1 0", "--1", "."],
)
def test_what_only_a_programming_language_calls_a_number_is_none(text: str) -> None:
    with pytest.raises(Broken, match="no number"):
        one({"value": text}, {"attribute": "seats", "reads": "number"})


@pytest.mark.parametrize("number", [1e300, -1e305, 10**305])
def test_a_value_beyond_the_range_of_plain_events_is_left_out(number: float) -> None:
    event = one({"fields": {"n": number}}, {"type": "renewed", "value": "{n}"})
    assert (event.value, event.value_text) == (None, None)


@pytest.mark.parametrize(
    ("source", "without", "with_value"),
    [
        ("stripe", ["invoice.paid", "customer.*"], []),
        ("hubspot", ["company.creation", "ticket.merge", "workflow.action"], ["company.seats", "company.*", "*"]),
        ("segment", ["identify", "track.Report Opened"], ["group.plan"]),
        ("jira", ["issue.created", "comment.created"], ["issue.status"]),
        ("salesforce", [], ["Account.Plan__c", "Account.created"]),
        ("typeform", ["form_response.*"], []),
    ],
)
def test_one_attribute_of_what_has_no_value_is_remarked(source: str, without: list[str], with_value: list[str]) -> None:
    rules = {topic: {"attribute": "seats"} for topic in (*without, *with_value)}
    remarks = lint(rules, {}, SOURCES[source].has_value)
    told_of = {one.pointer for one in remarks if (one.severity, one.code) == ("warning", "no_value")}
    assert told_of == {f"/rules/{topic}/attribute" for topic in without}


def test_the_examples_of_every_page_are_mappings_without_a_slip() -> None:
    pages = Path(__file__).parents[2] / "services" / "ingest-webhooks" / "docs" / "sources"
    for name in CONNECTABLE:
        for written in re.findall(r"```json\n(\{\s*\"rules\".*?)```", (pages / f"{name}.md").read_text(), re.DOTALL):
            source = SOURCES[name]
            found = lint(json.loads(written)["rules"], source.rules, source.has_value)
            # A choice may leave other values alone, and topics be meant that have no rule or rules of their own.
            assert {remark.code for remark in found} <= {"no_other", "shadowed", "unknown_topic"}, name
