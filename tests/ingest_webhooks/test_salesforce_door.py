"""Claims about Salesforce's door: who gets in, what is never kept, and what is answered; pure, without a store."""

import json
from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic import ValidationError
from support.salesforce import ACME, MESSAGES, ORG, SAMPLES, SECRET, message, received, record, said

from ingest_webhooks.sources.salesforce.rules import SalesforceSettings
from ingest_webhooks.sources.salesforce.source import Salesforce
from ingest_webhooks.sources.source import address_token
from ingest_webhooks.words.shapes import NotHere, WrongOrganisation
from milepost_runtime.strict_json import BadBody


def test_the_secret_address_lets_in_and_any_other_is_not_there() -> None:
    source, settings = Salesforce(), SalesforceSettings()
    source.verify(received(b""), [b"older", SECRET], settings, 0)
    for token in (b"", b"x", address_token(b"other").encode()):
        with pytest.raises(NotHere):
            source.verify(received(b"", token=token), [SECRET], settings, 0)


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_are_counted_by_their_notifications(name: str) -> None:
    body = (SAMPLES / f"{name}.xml").read_bytes()
    assert Salesforce().examine(received(body), SalesforceSettings()) == body.count(b"<Notification>")


def test_only_the_own_organisation_may_deliver_in_either_form_of_its_id() -> None:
    own = SalesforceSettings(organization_id=ORG[:15])
    for org in (ORG, ORG[:15]):
        assert Salesforce().examine(received(message(record("Account", ACME), org=org)), own) == 1
    for org in ("00Dxx0000001gPGEAY", ORG[:15].lower()):
        with pytest.raises(WrongOrganisation):
            Salesforce().examine(received(message(record("Account", ACME), org=org)), own)


def meaning(body: bytes) -> list[tuple[str, str]]:
    """Return what an XML document says: names with their namespaces, and texts."""
    root = ElementTree.fromstring(body.removeprefix(b"\xef\xbb\xbf"))
    return [(one.tag, (one.text or "").strip()) for one in root.iter()]


def test_the_acknowledgement_is_the_one_that_ends_retries() -> None:
    source = Salesforce()
    reply = source.reply(received(message(record("Account", ACME))))
    assert meaning(reply.body) == meaning((SAMPLES / "response-ack-true.xml").read_bytes())
    assert (reply.status, reply.media) == (200, b"text/xml; charset=utf-8")
    assert source.reply(received(b"[]", b"application/json")).body == b""
    refusal = source.refusal(b"text/xml", 403, "no")
    assert refusal is not None
    assert (refusal.status, meaning(refusal.body)[-1][1]) == (403, "false")
    assert source.refusal(b"application/json", 403, "no") is None


LIVE = b"00Dxx0000001gPF!AQEAQLiveSessionOfSomebody"


@pytest.mark.parametrize(
    "element",
    [
        b"<SessionId>%s</SessionId>",
        b"<SessionId >\n %s\n</SessionId\n>",
        b"<SessionId><![CDATA[%s]]></SessionId>",
        b"<SessionId a='>'><!-- </SessionId> -->%s<SessionId>%s</SessionId></SessionId>",
        b"<p:SessionId xmlns:p='urn:x'>%s</p:SessionId>",
        b"<SessionId>%s</SessionId><SessionId/><SessionId>%s</SessionId>",
        b"<SessionId/><SessionId>%s<x/></SessionId>",
        b"<SessionIdOf><SessionId/></SessionIdOf><SessionId><!-- %s --></SessionId>",
    ],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_session_id_is_never_kept_however_it_is_written(element: bytes, mark: bytes) -> None:
    whole = message(record("Account", ACME, created=True, Name="Zoë"))
    body = mark + whole.replace(b'<SessionId xsi:nil="true"/>', element.replace(b"%s", LIVE))
    kept = Salesforce().redact(received(body))
    assert LIVE not in kept
    assert kept.startswith(mark)
    assert [event.properties for event in said(kept).events] == [event.properties for event in said(whole).events]
    bare = kept.replace(b"<SessionId/>", b"").replace(b"<SessionIdOf></SessionIdOf>", b"")
    assert bare == mark + whole.replace(b'<SessionId xsi:nil="true"/>', b"")


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_without_a_session_is_kept_as_it_came(name: str) -> None:
    body = (SAMPLES / f"{name}.xml").read_bytes()
    kept = Salesforce().redact(received(body))
    assert kept == body.replace(b"<SessionId>REDACTED</SessionId>", b"<SessionId/>")
    assert b"REDACTED" not in kept


@pytest.mark.parametrize("given", [5, "", "x" * 256, {"a": 1}])
def test_a_flows_id_is_a_text_of_up_to_255_characters(given: Any) -> None:
    body = json.dumps([{"object": "Account", "id": ACME, "event_id": given}]).encode()
    with pytest.raises(BadBody) as refused:
        Salesforce().examine(received(body, b"application/json"), SalesforceSettings())
    assert refused.value.code == "bad_event_id"


@pytest.mark.parametrize("given", [{"organization_id": "acme"}, {"integration_user": ""}, {"unknown": 1}])
def test_settings_that_mean_nothing_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SalesforceSettings.model_validate(given)
