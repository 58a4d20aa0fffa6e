"""Claims about Typeform: who signed, what an answered form means, and whose it is."""

import base64
import copy
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingest_webhooks.sources.typeform import Typeform, TypeformSettings
from ingest_webhooks.words.rules import MappingDocument
from ingest_webhooks.words.shapes import Context, NormalEvent, Normalised, Received, Refused
from milepost_runtime.strict_json import BadBody

from .conftest import Bench

SAMPLE = (Path(__file__).parent / "samples" / "typeform" / "form-response.json").read_bytes()
SECRET = "a-secret-of-typeform"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIELDS: list[dict[str, Any]] = [
    {"id": "q1", "type": "opinion_scale", "properties": {"steps": 11}},
    {"id": "q2", "type": "opinion_scale", "properties": {"steps": 5, "start_at_one": True}},
    {"id": "q3", "type": "rating", "properties": {"steps": 5}},
]


def number(value: Any, field_id: str, kind: str = "opinion_scale", ref: str = "") -> dict[str, Any]:
    """Return an answer on a scale."""
    return {"type": "number", "number": value, "field": {"id": field_id, "type": kind, "ref": ref or f"ref-{field_id}"}}


def response(*answers: dict[str, Any], hidden: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return the sample with other answers and hidden fields."""
    made: dict[str, Any] = copy.deepcopy(json.loads(SAMPLE))
    made["form_response"] |= {
        "answers": list(answers),
        "hidden": {"account_id": "acme-17"} if hidden is None else hidden,
    }
    made["form_response"]["definition"]["fields"] = FIELDS
    made["form_response"] |= more
    return made


def said(document: Any, rules: dict[str, Any] | None = None, **settings: Any) -> Normalised:
    mapping = MappingDocument.model_validate({"rules": rules or {}}).rules
    context = Context(NOW, TypeformSettings.model_validate(settings), mapping=mapping)
    return Typeform().normalise(json.dumps(document).encode(), context)


def only(document: Any, rules: dict[str, Any] | None = None, **settings: Any) -> NormalEvent:
    found = said(document, rules, **settings)
    assert found.faults == []
    (event,) = found.events
    return event


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """Return the headers under which Typeform sends a body."""
    mac = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    return {"content-type": "application/json", "typeform-signature": f"sha256={mac}"}


def verify(header: bytes | None, body: bytes = b"{}") -> None:
    headers = [] if header is None else [(b"typeform-signature", header)]
    received = Received("POST", "https://x", headers, dict(headers), body)
    Typeform().verify(received, [SECRET.encode()], TypeformSettings(), 0)


def test_the_base64_signature_of_the_body_lets_in() -> None:
    verify(signed(b"{}")["typeform-signature"].encode())
    received = Received("POST", "https://x", [], {}, b"{}")
    verify(Typeform().sign(received, SECRET.encode(), 0)["typeform-signature"].encode())


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "signature_missing"),
        (b"", "signature_invalid"),
        (b"sha256=", "signature_invalid"),
        (b"sha1=" + signed(b"{}")["typeform-signature"].encode()[7:], "signature_invalid"),
        (signed(b"{}")["typeform-signature"].encode()[7:], "signature_invalid"),
        (signed(b"{ }")["typeform-signature"].encode(), "signature_invalid"),
        (signed(b"{}", "other")["typeform-signature"].encode(), "signature_invalid"),
        (b"sha256=" + hmac.new(SECRET.encode(), b"{}", hashlib.sha256).hexdigest().encode(), "signature_invalid"),
        (b"sha256=\xff", "signature_invalid"),
    ],
)
def test_anything_else_is_refused(header: bytes | None, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        verify(header)
    assert refusal.value.code == code


def test_an_answered_form_is_a_survey_with_its_opinion_as_value() -> None:
    event = only(response(number(9, "q1"), hidden={"account_id": "acme-17", "user_id": "u1"}))
    assert (event.type, event.item, event.value, event.actor) == ("survey.answered", "lT4Z3j", 9.0, "u1")
    assert (event.reference, event.opens, event.properties) == ("external:acme-17", False, {"form": "Webhooks example"})
    assert event.occurred_at == datetime(2018, 1, 18, 18, 17, 2, tzinfo=UTC)


def test_a_scale_of_other_steps_is_stretched_to_ten_when_the_definition_tells_them() -> None:
    assert only(response(number(5, "q2"))).value == 10
    assert only(response(number(1, "q2"))).value == 0
    assert only(response(number(3, "q2"), definition={"id": "lT4Z3j"})).value == 3
    assert only(response(number(3, "q3", "rating")), score_in="q3").value == 5


def test_the_first_scale_is_the_score_unless_another_question_is_named() -> None:
    answers = number(8, "q3", "rating"), number(2, "q1", ref="nps"), number(4, "q2")
    assert only(response(*answers)).value == 2
    assert only(response(*answers), score_in="ref-q2").value == 7.5
    assert only(response(*answers), score_in="nobody").value is None


def test_a_form_without_a_scale_has_no_value_and_leaves_the_latest_score_standing() -> None:
    event = only(response({"type": "text", "text": "fine", "field": {"id": "t", "type": "long_text"}}))
    assert (event.type, event.value, event.value_text) == ("survey.answered", None, None)


@pytest.mark.parametrize(
    ("hidden", "reference"),
    [
        ({"account_id": "acme-17", "company_id": "x"}, "external:acme-17"),
        ({"company_id": 17}, "external:17"),
        ({"account_id": "xxxxx", "account": "acme-18"}, "external:acme-18"),
        ({"account": "hubspot:33:7"}, "hubspot:33:7"),
        ({"account": "hubspot:33:ticket:7"}, "external:hubspot:33:ticket:7"),
        ({"account": "jira:acme.atlassian.net:9"}, "jira:acme.atlassian.net:9"),
        ({"account": "01980F3A-7c1d-7abc-8def-0123456789ab"}, "01980f3a-7c1d-7abc-8def-0123456789ab"),
        ({"account": "Acme: EU"}, "external:Acme: EU"),
        ({"account": "domain:Acme.com"}, "domain:acme.com"),
        ({"account": "domain:gmail.com", "company_id": "c"}, "external:c"),
        ({"account": "domain:www.acme.com."}, "domain:acme.com"),
        ({"account": "salesforce:00D000000000062:001D000000IRFma"}, "salesforce:00D000000000062EAA:001D000000IRFmaIAH"),
        ({"account": "salesforce:00D000000000062:7", "company_id": "c"}, "external:c"),
        ({"email": "dana@acme.com"}, "domain:acme.com"),
        ({"email": "Dana@gmail.com"}, "email:dana@gmail.com"),
        ({"account_id": "undefined"}, "typeform:lT4Z3j:response:a3a12ec67a1365927098a606107fac15"),
    ],
)
def test_hidden_fields_say_whose_an_answer_is(hidden: dict[str, Any], reference: str) -> None:
    assert only(response(hidden=hidden)).reference == reference


def test_an_address_that_was_asked_for_stands_in() -> None:
    asked = {"type": "email", "email": "dana@acme.com", "field": {"id": "e", "type": "email"}}
    assert only(response(asked, hidden={})).reference == "domain:acme.com"
    assert only(response(asked)).fallbacks == ("domain:acme.com",)


def test_a_mapping_can_ask_for_answers_and_variables_by_their_names() -> None:
    rule = {"type": "milestone.completed", "item": "{answers.pick}", "value": "{variables.score}"}
    pick = {"type": "choice", "choice": {"label": "Kick-off"}, "field": {"id": "c", "ref": "pick", "type": "choice"}}
    event = only(response(pick), {"form_response.lT4Z3j": rule})
    assert (event.item, event.value) == ("Kick-off", 4)


def test_the_same_response_has_the_same_key_and_another_another() -> None:
    other = response(token="another")
    assert only(response()).key == only(response()).key != only(other).key


def test_other_events_are_of_no_interest() -> None:
    found = said({"event_id": "x", "event_type": "form_response_partial", "form_response": {"form_id": "f"}})
    assert (found.ignored, found.faults) == (1, [])


@pytest.mark.parametrize(
    "document",
    [
        None,
        7,
        [],
        {},
        {"event_type": 5},
        {"event_type": "form_response"},
        {"event_type": "form_response", "event_id": "x"},
    ],
)
def test_a_strange_body_is_one_fault(document: Any) -> None:
    assert len(said(document).faults) == 1


@pytest.mark.parametrize("event_id", [7, "", {"a": 1}, "x" * 256])
def test_an_event_id_that_is_none_is_no_body_of_typeforms(event_id: Any) -> None:
    body = json.dumps(response() | {"event_id": event_id}).encode()
    with pytest.raises(BadBody) as refusal:
        Typeform().examine(Received("POST", "https://x", [], {}, body), TypeformSettings())
    assert refusal.value.code == "bad_event_id"


async def test_the_captured_response_is_answered_200_and_counts_once(bench: Bench) -> None:
    door = await bench.connect(source="typeform", secret=SECRET, settings={"account_in": ["user_id"]})
    for _ in range(2):
        answer = await bench.client.post(door["webhook_url"], content=SAMPLE, headers=signed(SAMPLE))
        assert answer.status_code == 200
    wrong = await bench.client.post(door["webhook_url"], content=SAMPLE, headers=signed(SAMPLE, "other"))
    assert (wrong.status_code, wrong.json()["type"].rpartition("/")[2]) == (401, "signature_invalid")
    await bench.relay()

    waiting = await bench.pool.fetch("select * from ingest.waiting_event where connection_id = $1", door["id"])
    assert [(row["type"], row["reference"], row["item"]) for row in waiting] == [
        ("survey.answered", "external:abc123456", "lT4Z3j")
    ]
