"""Claims that hold for every source alike: one word, one page, rules that are rules, a door that stays shut."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest_webhooks.sources import CONNECTABLE, SOURCES
from ingest_webhooks.words.rules import MappingDocument
from ingest_webhooks.words.shapes import AmbiguousHeader, Context, NotHere, Received, Refused

PAGES = Path(__file__).parents[2] / "services" / "ingest-webhooks" / "docs" / "sources"
PROMISED = {
    *("hubspot", "salesforce", "segment", "cloudevents", "standard", "stripe"),
    *("zendesk", "intercom", "calendly", "typeform", "jira"),
}
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_every_promised_source_can_be_connected() -> None:
    assert set(CONNECTABLE) == PROMISED


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_every_source_has_a_page_that_says_how_to_connect_it(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text()
    assert page.startswith("# ")
    for word in ("POST /connections", "webhook_url", "mapping", SOURCES[name].title):
        assert word in page, word
    assert len(re.findall(r"^\d+\. ", page, flags=re.MULTILINE)) >= 3, "steps are numbered"


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_the_default_rules_are_a_mapping_that_anyone_could_send(name: str) -> None:
    rules = {topic: rule.model_dump(mode="json", exclude_defaults=True) for topic, rule in SOURCES[name].rules.items()}
    assert MappingDocument.model_validate({"rules": rules}).rules == dict(SOURCES[name].rules)


HEADERS = [
    *(b"x-signature", b"x-hub-signature", b"x-hubspot-signature", b"x-hubspot-signature-v3", b"stripe-signature"),
    *(b"x-hubspot-request-timestamp", b"x-zendesk-webhook-signature", b"x-zendesk-webhook-signature-timestamp"),
    *(b"webhook-id", b"webhook-timestamp", b"webhook-signature", b"calendly-webhook-signature", b"typeform-signature"),
    *(b"authorization", b"content-type", b"ce-id", b"ce-source", b"ce-specversion", b"ce-type"),
]
_values = st.one_of(
    st.binary(max_size=40), st.sampled_from([b"t=1,v1=00", b"v1,AAAA", b"sha1=00", b"Bearer x", b"1" * 20])
)


@pytest.mark.parametrize("name", sorted(PROMISED))
@settings(max_examples=60, deadline=None)
@given(
    headers=st.lists(st.tuples(st.sampled_from(HEADERS), _values), max_size=8),
    body=st.binary(max_size=60),
    token=st.binary(max_size=12),
)
def test_a_request_that_nobody_signed_is_refused_whatever_it_says(
    name: str, headers: list[tuple[bytes, bytes]], body: bytes, token: bytes
) -> None:
    source = SOURCES[name]
    received = Received("POST", f"https://milepost.example/webhooks/{name}/x", headers, dict(headers), body, token)
    with pytest.raises((Refused, AmbiguousHeader, NotHere)):
        source.verify(received, [SECRET], source.settings.model_validate(_needed(name)), NOW.timestamp())


_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)),
    max_leaves=20,
)


@pytest.mark.parametrize("name", sorted(PROMISED))
@settings(max_examples=80, deadline=None)
@given(document=_json)
def test_no_document_makes_reading_fail(name: str, document: object) -> None:
    source = SOURCES[name]
    context = Context(NOW, source.settings.model_validate(_needed(name)))
    said = source.normalise(json.dumps(document).encode(), context)
    assert len(said.faults) + said.ignored + len(said.events) + said.linked >= (0 if document == [] else 1)


def _needed(name: str) -> dict[str, object]:
    return {"organization_id": "00D000000000001AAA"} if name == "salesforce" else {}
