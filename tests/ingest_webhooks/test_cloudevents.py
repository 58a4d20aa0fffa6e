"""Claims about CloudEvents: which requests are events, what they mean, and who may send them; pure, without a store."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingest_webhooks.sources.cloudevents.source import CloudEvents
from ingest_webhooks.sources.own_words import OwnWordsSettings
from ingest_webhooks.words.rules import Rule
from ingest_webhooks.words.shapes import (
    Context,
    NormalEvent,
    Normalised,
)

SAMPLES = Path(__file__).parent / "samples/cloudevents"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AT = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
SECRET = b"a secret, with a comma"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
ANY = {
    "mock.test": {"type": "mock.told", "account": "external:all"},
    "com.example.*": {"type": "some.told", "account": "external:all"},
}
HEADERS: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/crm",
    "type": "ticket.opened",
    "time": "2026-11-01T09:30:00Z",
}
DATA = b'{"account": "acme", "item": "t-7"}'


def event(**more: Any) -> dict[str, Any]:
    base = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/crm",
        "type": "ticket.opened",
        "time": "2026-11-01T09:30:00Z",
    }
    return base | {"data": {"account": "acme", "item": "t-7"}} | more


def said(
    body: Any,
    media: str | None = STRUCTURED,
    *,
    mapping: dict[str, Any] | None = None,
    connection: str = "c",
    **headers: str,
) -> Normalised:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    kept = {f"ce-{name}": value for name, value in headers.items()} | ({"content-type": media} if media else {})
    rules = {topic: Rule.model_validate(rule) for topic, rule in (mapping or {}).items()}
    return CloudEvents().normalise(raw, Context(NOW, OwnWordsSettings(), "", kept, rules, connection))


def only(body: Any, *, account_from: str | None = None, **more: Any) -> NormalEvent:
    raw = json.dumps(body).encode()
    rules = {topic: Rule.model_validate(rule) for topic, rule in more.get("mapping", {}).items()}
    settings = OwnWordsSettings(account_from=account_from)
    (found,) = CloudEvents().normalise(raw, Context(NOW, settings, "", {"content-type": STRUCTURED}, rules)).events
    return found


@pytest.mark.parametrize("name", ["v1-base64_json_data", "v1-json_data", "v1-json_data_with_ext", "v1-min"])
def test_every_valid_sample_is_an_event_of_its_type(name: str) -> None:
    body = (SAMPLES / f"{name}.json").read_bytes()
    assert said(body).ignored == 1
    (found,) = said(body, mapping=ANY).events
    assert found.type == "mock.told"
    assert found.occurred_at == (NOW if name == "v1-min" else datetime(2018, 4, 26, 12, 48, 9, tzinfo=UTC))


def test_the_sample_with_a_decimal_is_a_fault() -> None:
    found = said((SAMPLES / "v1-fail_numeric_decimal.json").read_bytes(), mapping=ANY)
    assert ([fault.position for fault in found.faults], found.events) == ([0], [])
    assert "decimal" in found.faults[0].reason


def test_of_the_sample_batch_the_event_whose_data_is_no_base64_is_a_fault_of_its_own() -> None:
    found = said((SAMPLES / "batch-two-events.json").read_bytes(), BATCH, mapping=ANY)
    assert [fault.position for fault in found.faults] == [0]
    assert [(one.type, one.occurred_at.year) for one in found.events] == [("some.told", 2018)]


def test_an_empty_batch_is_valid() -> None:
    found = said([], BATCH)
    assert (found.events, found.faults, found.ignored) == ([], [], 0)


@pytest.mark.parametrize(
    "media", ["Application/CloudEvents+JSON; charset=UTF-8", "application/cloudevents", "application/json"]
)
def test_the_mode_is_told_by_the_media_type_in_any_case(media: str) -> None:
    assert [one.type for one in said(event(), media).events] == ["ticket.opened"]


def test_a_list_is_no_event_and_an_event_is_no_batch() -> None:
    for body, media in (([event()], STRUCTURED), (event(), BATCH)):
        assert [fault.position for fault in said(body, media).faults] == [None]


BROKEN: list[dict[str, Any]] = [
    {"specversion": "0.3"},
    {"specversion": 1.0},
    {"specversion": None},
    {"id": None},
    {"id": ""},
    {"id": 7},
    {"source": None},
    {"source": ""},
    {"source": "not a uri"},
    {"type": None},
    {"type": ""},
    {"subject": ""},
    {"dataschema": ""},
    {"datacontenttype": 5},
    {"time": "2026-11-01"},
    {"time": "2026-11-01T09:30:00"},
    {"time": 1_793_491_200},
    {"time": "2026-13-01T09:30:00Z"},
    {"Extension": "x"},
    {"with_underscore": "x"},
    {"ext": 2**31},
    {"ext": {"a": 1}},
    {"ext": [1]},
    {"ext": 1.5},
    {"data_base64": "e30="},
    {"data": None, "data_base64": "not base64"},
    {"data": None, "data_base64": 7},
    {"data": None, "data_base64": "eyc=", "datacontenttype": "application/json"},
]


@pytest.mark.parametrize("more", BROKEN, ids=repr)
def test_what_the_standard_forbids_is_a_fault_and_its_neighbours_count(more: dict[str, Any]) -> None:
    found = said([event(id="a"), event() | more, event(id="b")], BATCH)
    assert [fault.position for fault in found.faults] == [1]
    assert [one.type for one in found.events] == ["ticket.opened"] * 2


@pytest.mark.parametrize(
    "more", [{"ext": None, "subject": None, "time": None}, {"ext": -(2**31)}, {"ext": True}, {"a1": "x"}]
)
def test_null_is_absent_and_extensions_are_texts_truth_values_and_small_numbers(more: dict[str, Any]) -> None:
    assert said(event() | more).faults == []


@pytest.mark.parametrize("media", ["application/json", "application/vnd.acme+json; charset=utf-8", "text/json"])
def test_headers_around_json_say_the_same_as_an_envelope(media: str) -> None:
    (bare,), (whole,) = said(DATA, media, **HEADERS).events, said(event()).events
    assert (bare.key, bare.type, bare.item, bare.reference) == (whole.key, whole.type, whole.item, whole.reference)
    assert bare.content == whole.content


@pytest.mark.parametrize(
    ("body", "media"), [(b"", None), (b"<x/>", "application/xml"), (b"\xff", "application/octet-stream")]
)
def test_data_that_is_no_json_still_is_an_event(body: bytes, media: str | None) -> None:
    found = said(body, media, mapping={"*": {"type": "a.b", "account": "{ext}"}}, **HEADERS, ext="external:acme")
    assert [one.reference for one in found.events] == ["external:acme"]


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (b"plain", "plain"),
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro \u20ac \U0001f600"),
        (b'"quoted \\"text\\" and \\\\"', 'quoted "text" and \\'),
        (b'"with%20both"', "with both"),
        (b"once%2520only", "once%20only"),
        (b"no%zzescape", "no%zzescape"),
    ],
)
def test_a_headers_value_is_unquoted_and_its_escapes_are_undone_once(value: bytes, meant: str) -> None:
    rule = {"*": {"type": "a.b", "account": "external:all", "item": "{subject}"}}
    (found,) = said(DATA, "application/json", mapping=rule, **HEADERS, subject=value.decode("latin-1")).events
    assert found.item == meant


@pytest.mark.parametrize(
    ("more", "reference"),
    [
        ({}, "external:acme"),
        ({"account": "domain:acme.com"}, "domain:acme.com"),
        ({"accountid": "c-9"}, "external:c-9"),
        ({"data": {"account_id": 17}}, "external:17"),
        ({"data": {"account": "hubspot:33:7"}}, "hubspot:33:7"),
        ({"data": {"account": "0B7E2E4C-0000-4000-8000-000000000001"}}, "0b7e2e4c-0000-4000-8000-000000000001"),
    ],
)
def test_the_account_is_found_where_senders_usually_put_it(more: dict[str, Any], reference: str) -> None:
    assert only(event(**more)).reference == reference


@pytest.mark.parametrize(
    ("path", "reference"),
    [
        ("subject", "external:c-5"),
        ("data.customer.id", "external:8"),
        ("hubspot:33:{data.customer.id}", "hubspot:33:8"),
        ("domain:{data.customer.site}", "domain:acme.com"),
    ],
)
def test_the_setting_says_where_else_the_account_is(path: str, reference: str) -> None:
    body = event(subject="c-5", data={"account": "wrong", "customer": {"id": 8, "site": "Acme.com"}})
    found = only(body, account_from=path)
    assert (found.reference, found.opens) == (reference, not reference.startswith("domain:"))


def test_a_type_of_ours_counts_as_it_stands_with_all_that_the_data_says() -> None:
    data = {
        "account": "acme",
        "item": "t-7",
        "actor": "ann",
        "role": "admin",
        "value": 4,
        "severity": "high",
        "deep": {"a": 1},
    }
    found = only(event(data=data))
    assert (found.type, found.item, found.actor, found.role, found.value) == (
        "ticket.opened",
        "t-7",
        "ann",
        "admin",
        4.0,
    )
    assert (found.properties, found.occurred_at, found.opens) == ({"severity": "high"}, AT, True)


def test_data_that_is_a_plain_event_is_understood_whatever_the_envelope_calls_it() -> None:
    data = {
        "type": "feature.used",
        "account": "external:acme",
        "occurred_at": "2026-10-01T00:00:00Z",
        "properties": {"a": [1]},
    }
    found = only(event(type="com.acme.wrapped", data=data))
    assert (found.type, found.occurred_at, found.properties) == (
        "feature.used",
        datetime(2026, 10, 1, tzinfo=UTC),
        {"a": [1]},
    )
    assert only(event(type="com.acme.wrapped", data={"type": "a.b", "account": "external:acme"})).occurred_at == AT


def test_other_words_mean_what_the_mapping_says_and_nothing_without_one() -> None:
    body = event(type="com.acme.invoice.late", data={"account": "acme", "days": 3})
    assert said(body).ignored == 1
    found = only(body, mapping={"com.acme.invoice.*": {"type": "invoice.overdue", "value": "{data.days}"}})
    assert (found.type, found.value, found.reference) == ("invoice.overdue", 3.0, "external:acme")


@pytest.mark.parametrize("data", [{}, {"account": ""}, {"account": {"id": 1}}, "text", [1]])
def test_an_event_of_ours_that_names_no_account_is_a_fault(data: Any) -> None:
    found = said(event(data=data))
    assert ([fault.position for fault in found.faults], found.events) == ([0], [])


@pytest.mark.parametrize(
    "data", [{"account": "acme", "item": ""}, {"account": "acme", "value": True}, {"account": "x" * 300}]
)
def test_an_event_of_ours_with_values_that_are_none_is_a_fault(data: dict[str, Any]) -> None:
    assert [fault.position for fault in said(event(data=data)).faults] == [0]


def test_an_id_counts_within_its_source_and_its_connection() -> None:
    base = said(event()).events[0]
    assert said(event(data={"account": "acme", "item": "other"})).events[0].key == base.key
    others = [said(event(id="e-2")), said(event(source="/shop")), said(event(), connection="d")]
    assert len({base.key, *(one.events[0].key for one in others)}) == 4
    assert said(event(data={"account": "acme", "item": "other"})).events[0].content != base.content
