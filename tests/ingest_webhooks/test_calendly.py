"""Claims about Calendly: who signed, what a booking, a move and a missed meeting mean, and what is never kept."""

import copy
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ingest_webhooks.sources.calendly import Calendly, CalendlySettings
from ingest_webhooks.words.shapes import Context, NormalEvent, Normalised, Received, Refused
from milepost_runtime.strict_json import BadBody

from .conftest import Bench

SAMPLES = Path(__file__).parent / "samples" / "calendly"
SECRET = "a-signing-key-of-calendly"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CREATED: dict[str, Any] = json.loads((SAMPLES / "invitee.created.json").read_bytes())
CANCELED: dict[str, Any] = json.loads((SAMPLES / "invitee.canceled.json").read_bytes())


def changed(document: dict[str, Any], event: str | None = None, **payload: Any) -> dict[str, Any]:
    """Return a sample with other words in its payload, and an address that leads somewhere."""
    made = copy.deepcopy(document)
    made["event"] = event or made["event"]
    made["payload"] |= {"email": "dana@acme.com"} | payload
    return made


def said(document: Any, **settings: Any) -> Normalised:
    context = Context(NOW, CalendlySettings.model_validate(settings))
    return Calendly().normalise(json.dumps(document).encode(), context)


def only(document: Any, **settings: Any) -> NormalEvent:
    found = said(document, **settings)
    assert found.faults == []
    (event,) = found.events
    return event


def signed(body: bytes, secret: str = SECRET, *, offset_s: float = 0) -> dict[str, str]:
    """Return the headers under which Calendly sends a body."""
    stamp = str(int(time.time() + offset_s))
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"content-type": "application/json", "calendly-webhook-signature": f"t={stamp},v1={mac}"}


def verify(header: bytes, body: bytes = b"{}", now: float = 1_000_000_000) -> None:
    headers = [(b"calendly-webhook-signature", header)]
    received = Received("POST", "https://x", headers, dict(headers), body)
    Calendly().verify(received, [SECRET.encode()], CalendlySettings(), now)


def mac_of(stamp: bytes, body: bytes = b"{}") -> bytes:
    return hmac.new(SECRET.encode(), stamp + b"." + body, hashlib.sha256).hexdigest().encode()


@pytest.mark.parametrize("header", [b"t=%b,v1=%b", b"t=%b, v1=%b", b"t=%b,v1=00,v1=%b", b"v0=x,t=%b,v1=%b"])
def test_a_right_v1_lets_in_wherever_it_stands(header: bytes) -> None:
    verify(header % (b"1000000000", mac_of(b"1000000000")))


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (b"", "timestamp_invalid"),
        (b"v1=" + mac_of(b""), "timestamp_invalid"),
        (b"t=1000000000", "signature_invalid"),
        (b"t=1000000000,v1=" + mac_of(b"1000000000")[:-1], "signature_invalid"),
        (b"t=1000000000,v0=" + mac_of(b"1000000000"), "signature_invalid"),
        (b"t=1000000000,v1=\xff\xfe", "signature_invalid"),
        (b"t=1000000000,t=1000000000,v1=" + mac_of(b"1000000000"), "timestamp_invalid"),
        (b"t=1000000000000,v1=" + mac_of(b"1000000000000"), "timestamp_invalid"),
        (b"t=-1,v1=" + mac_of(b"-1"), "timestamp_invalid"),
        (b"t=1e9,v1=" + mac_of(b"1e9"), "timestamp_invalid"),
        (b"t=999999819,v1=" + mac_of(b"999999819"), "timestamp_out_of_window"),
        (b"t=1000000181,v1=" + mac_of(b"1000000181"), "timestamp_out_of_window"),
    ],
)
def test_anything_else_is_refused_with_its_own_code(header: bytes, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        verify(header)
    assert refusal.value.code == code


def test_what_we_sign_for_a_test_is_what_we_verify() -> None:
    received = Received("POST", "https://x", [], {}, b'{"a": 1}')
    header = Calendly().sign(received, SECRET.encode(), 1_000_000_000)["calendly-webhook-signature"]
    verify(header.encode(), b'{"a": 1}')


def test_a_booking_is_a_scheduled_meeting() -> None:
    event = only(changed(CREATED))
    assert (event.type, event.reference, event.opens) == ("meeting.scheduled", "domain:acme.com", False)
    assert event.item == "calendly:meeting:00000000-0000-0000-0000-000000000002"
    assert event.occurred_at == datetime(2026, 6, 9, 21, 37, 17, 731525, tzinfo=UTC)
    assert event.properties == {"starts_at": "2026-06-10T06:30:00+00:00", "meeting": "Acme - Intro"}


def test_a_cancellation_says_of_whom() -> None:
    event = only(changed(CANCELED))
    assert (event.type, event.properties["by"]) == ("meeting.cancelled", "invitee")
    assert event.occurred_at == datetime(2026, 6, 17, 1, 40, 57, 223808, tzinfo=UTC)


def test_a_meeting_that_is_moved_is_not_cancelled() -> None:
    gone = said(changed(CANCELED, rescheduled=True, new_invitee="https://api.calendly.com/x"))
    come = only(changed(CREATED, old_invitee=CANCELED["payload"]["uri"]))
    assert (gone.events, gone.ignored) == ([], 1)
    assert (come.type, come.properties["rescheduled"]) == ("meeting.scheduled", True)


def test_a_no_show_missed_the_meeting_when_it_was_and_taking_that_back_says_nothing() -> None:
    marked = changed(
        CREATED, "invitee_no_show.created", no_show={"uri": "https://x", "created_at": "2026-06-12T09:00:00Z"}
    )
    event = only(marked)
    assert (event.type, event.occurred_at) == ("meeting.missed", datetime(2026, 6, 10, 6, 30, tzinfo=UTC))
    assert event.item == only(changed(CREATED)).item
    assert said(changed(CREATED, "invitee_no_show.deleted")).ignored == 1


def test_nothing_ever_says_that_somebody_attended() -> None:
    assert "meeting.attended" not in {rule.type for rule in Calendly().rules.values()}


def test_the_booking_link_says_whose_it_is_then_salesforce_then_the_address() -> None:
    tracking = {"utm_content": "acme-17", "salesforce_uuid": "001D000000IRFma"}
    settings = {"account_in": "utm_content", "salesforce_organisation": "00D000000000062EAA"}
    event = only(changed(CREATED, tracking=tracking), **settings)
    assert (event.reference, event.fallbacks) == (
        "external:acme-17",
        ("salesforce:00D000000000062EAA:001D000000IRFmaIAH", "domain:acme.com"),
    )
    contact = changed(CREATED, tracking={"salesforce_uuid": "003D000000QYVzA"})
    assert only(contact, **settings).reference.startswith("salesforce:00D000000000062EAA:contact:003D000000QYVzA")
    assert only(changed(CREATED, tracking=tracking)).reference == "domain:acme.com"


def test_an_invitee_with_a_private_address_waits_under_it() -> None:
    assert only(changed(CREATED, email="Dana@gmail.com")).reference == "email:dana@gmail.com"


def test_a_booking_without_any_name_of_its_invitee_is_a_fault() -> None:
    assert len(said(changed(CREATED, email=None)).faults) == 1
    assert len(said(changed(CREATED, uri=None)).faults) == 1


def test_the_same_event_has_the_same_key_and_another_of_the_same_invitee_another() -> None:
    first, again = only(changed(CREATED)), only(changed(CREATED))
    later = changed(CREATED)
    later["created_at"] = "2026-06-25T00:00:00.000000Z"
    assert first.key == again.key != only(later).key
    assert first.key != only(changed(CREATED, "invitee.canceled")).key


@pytest.mark.parametrize("event", ["routing_form_submission.created", "event_type.created"])
def test_other_events_are_of_no_interest(event: str) -> None:
    found = said({"event": event, "created_at": NOW.isoformat(), "payload": {"uri": "https://x"}})
    assert (found.ignored, found.faults) == (1, [])


@pytest.mark.parametrize("document", [None, 7, [], {}, {"event": 5}, {"event": "invitee.created", "payload": []}])
def test_a_strange_body_is_one_fault(document: Any) -> None:
    assert len(said(document).faults) == 1


@pytest.mark.parametrize("uri", [7, "", {"a": 1}, "x" * 256])
def test_an_invitee_whose_name_is_no_address_is_no_body_of_calendlys(uri: Any) -> None:
    body = json.dumps(changed(CREATED, uri=uri)).encode()
    with pytest.raises(BadBody) as refusal:
        Calendly().examine(Received("POST", "https://x", [], {}, body), CalendlySettings())
    assert refusal.value.code == "bad_event_id"


@pytest.mark.parametrize("settings", [{"salesforce_organisation": "x"}, {"account_in": "utm_age"}, {"x": 1}])
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CalendlySettings.model_validate(settings)


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.iterdir()))
async def test_a_captured_body_is_kept_without_its_links_and_words_and_counts_once(bench: Bench, name: str) -> None:
    door = await bench.connect(source="calendly", secret=SECRET)
    body = (SAMPLES / name).read_bytes()
    for headers in (signed(body), signed(body, offset_s=-30)):
        assert (await bench.client.post(door["webhook_url"], content=body, headers=headers)).status_code == 200
    assert (
        await bench.client.post(door["webhook_url"], content=body, headers=signed(body, "other"))
    ).status_code == 401
    await bench.relay()

    rows = await bench.pool.fetch(
        "select body, state, relayed from ingest.delivery where connection_id = $1", door["id"]
    )
    assert [(row["state"], row["relayed"]) for row in rows] == [("done", 1)]
    kept = rows[0]["body"].decode()
    for private in ("cancellations/", "reschedulings/", "zoom.us", "Test event create", "questions_and_answers"):
        assert private not in kept
    waiting = await bench.pool.fetch("select reference from ingest.waiting_event where connection_id = $1", door["id"])
    assert [row["reference"] for row in waiting] == ["domain:example.com"]


async def test_a_booking_waits_for_the_domain_and_joins_the_account_with_its_own_time(bench: Bench) -> None:
    door = await bench.connect(source="calendly", secret=SECRET)
    body = json.dumps(changed(CREATED, email="sam@waits-for-calendly.com", uri="https://x/waits")).encode()
    await bench.client.post(door["webhook_url"], content=body, headers=signed(body))
    await bench.relay()
    when = (datetime.now(UTC) - timedelta(days=400)).isoformat()
    told = {"id": "cal-1", "type": "session.started", "account": "external:cal-1", "occurred_at": when}
    await bench.client.post("/events", json=told)
    await bench.relay()
    (event,) = await bench.events("external:cal-1")
    path = f"/accounts/{event['account_id']}/references"
    answer = await bench.client.post(path, json={"reference": "domain:waits-for-calendly.com"})
    assert answer.status_code == 201
    await bench.relay()

    booked = [row for row in await bench.events("external:cal-1") if row["type"] == "meeting.scheduled"]
    assert [row["occurred_at"].date().isoformat() for row in booked] == ["2026-06-09"]
