"""Calendly's webhooks: who sent them and what a booking means in our words; pure, it reads no clock and no store."""

import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from ingest_webhooks.sources.documents import (
    ID_LENGTH,
    Document,
    at,
    digest,
    domain_of,
    moment_at,
    present,
    read_document,
    reference,
    signature_of,
    tell,
    text_at,
)
from ingest_webhooks.sources.manner import EXTERNAL, Manner
from ingest_webhooks.sources.salesforce.ids import ACCOUNT_PREFIX, KINDS, id18
from ingest_webhooks.sources.salesforce.ids import reference as salesforce_reference
from ingest_webhooks.sources.source import Source
from ingest_webhooks.words.rules import Rule
from ingest_webhooks.words.shapes import Broken, Context, Fact, Fault, Normalised, Received, Refused, fact_key
from milepost_runtime.strict_json import BadBody, read_json

# Calendly's own sample code refuses what is older.
WINDOW_S = 180
_HEADER = b"calendly-webhook-signature"
# Seconds have ten digits until the year 2286; int() alone would take other alphabets' digits and underscores.
_SECONDS = re.compile(rb"[0-9]{1,10}")
# Who holds one of these links can enter, move or cancel the meeting; the others are words of people.
_NOT_KEPT = ("cancel_url", "reschedule_url", "questions_and_answers", "text_reminder_number")
_NOT_KEPT_OF_MEETING = ("location", "meeting_notes_html", "meeting_notes_plain")

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "invitee.created": Rule(
            type="meeting.scheduled",
            item="{object}",
            properties={"starts_at": "{starts_at}", "meeting": "{meeting}", "rescheduled": "{rescheduled}"},
        ),
        "invitee.canceled": Rule(
            type="meeting.cancelled", item="{object}", properties={"meeting": "{meeting}", "by": "{cancelled_by}"}
        ),
        # The old half of a meeting that was moved; the new half comes as a booking.
        "invitee.rescheduled": Rule(ignore=True),
        "invitee_no_show.created": Rule(
            type="meeting.missed", item="{object}", at="{starts_at}", properties={"meeting": "{meeting}"}
        ),
        "invitee_no_show.deleted": Rule(ignore=True),
    }
)


def _organisation(text: str) -> str:
    found = id18(text)
    if found is None:
        raise ValueError("an id of 15 or 18 letters and digits")
    return found


class CalendlySettings(BaseModel):
    """How a company's booking links say whose the invitee is.

    `account_in` names the tracking parameter that carries the company's own id of the customer.
    `salesforce_organisation` is the id of the organisation to which `salesforce_uuid` belongs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    account_in: Literal["utm_campaign", "utm_source", "utm_medium", "utm_content", "utm_term"] | None = None
    salesforce_organisation: Annotated[str, AfterValidator(_organisation)] | None = None


class Calendly(Source):
    """The source `calendly`; one delivery is one event of one invitee."""

    name = "calendly"
    title = "Calendly"
    settings = CalendlySettings
    rules = RULES
    companies = Manner(kinds=EXTERNAL | {"domain"})

    def verify(self, received: Received, secrets: Sequence[bytes], settings: BaseModel, now: float) -> None:
        """Check that a `v1` signs time and body within three minutes; raises Refused, AmbiguousHeader."""
        header = signature_of(received, _HEADER, "Calendly-Webhook-Signature")
        pairs = [part.strip().partition(b"=") for part in header.split(b",")]
        stamps = [value for name, _, value in pairs if name == b"t"]
        claimed = [value for name, _, value in pairs if name == b"v1"]
        if len(stamps) != 1 or _SECONDS.fullmatch(stamps[0]) is None:
            raise Refused("timestamp_invalid", "t in Calendly-Webhook-Signature must be epoch seconds")
        expected = [signature(secret, stamps[0], received.body) for secret in secrets]
        if not any(hmac.compare_digest(one, other) for one in expected for other in claimed):
            raise Refused("signature_invalid", "no v1 in Calendly-Webhook-Signature matches")
        if abs(int(stamps[0]) - now) > WINDOW_S:
            raise Refused("timestamp_out_of_window", "the timestamp is more than three minutes away from now")

    def examine(self, received: Received, settings: BaseModel) -> int:
        """Return 1; raises BadBody for no strict JSON and for an invitee whose name is no address of one."""
        name = at(read_json(received.body), "payload", "uri")
        if name is not None and not (isinstance(name, str) and 0 < len(name) <= ID_LENGTH):
            raise BadBody("bad_event_id", f"`payload.uri` has to be a text of 1 to {ID_LENGTH} characters")
        return 1

    def redact(self, received: Received) -> bytes:
        """Return the body without links into the meeting and without what the invitee wrote."""
        document = read_json(received.body)
        payload = at(document, "payload")
        if not isinstance(payload, dict):
            return received.body
        _drop(payload, _NOT_KEPT)
        _drop(payload.get("scheduled_event"), _NOT_KEPT_OF_MEETING)
        try:
            return json.dumps(document, ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode("ascii")
        except ValueError:
            return received.body

    def normalise(self, body: bytes, context: Context) -> Normalised:
        """Say what a booking, a cancellation or a missed meeting means; other events are of no interest."""
        said = Normalised()
        document = read_document(body, said)
        if document is None:
            return said
        settings = context.settings if isinstance(context.settings, CalendlySettings) else CalendlySettings()
        try:
            return tell([_fact(document, settings)], (), context, self.rules)
        except Broken as error:
            return Normalised(faults=[Fault(0, str(error))])

    def sign(self, received: Received, secret: bytes, now: float) -> Mapping[str, str]:
        """Return the header under which Calendly would send this body at `now`."""
        stamp = str(int(now)).encode()
        return {_HEADER.decode(): f"t={stamp.decode()},v1={signature(secret, stamp, received.body).decode()}"}


def signature(secret: bytes, stamp: bytes, body: bytes) -> bytes:
    """Return the hex HMAC-SHA256 over time, a dot and the body."""
    return hmac.digest(secret, stamp + b"." + body, "sha256").hex().encode("ascii")


def _drop(holder: Any, names: Sequence[str]) -> None:
    if isinstance(holder, dict):
        for name in names:
            holder.pop(name, None)


def _fact(document: Document, settings: CalendlySettings) -> Fact:
    kind, invitee = text_at(document, "event"), text_at(document, "payload", "uri")
    if kind is None:
        raise Broken("event is missing")
    if kind in RULES and invitee is None:
        raise Broken("payload.uri is missing")
    payload = at(document, "payload")
    meeting = _last_part(text_at(payload, "scheduled_event", "uri") or text_at(payload, "event"))
    moved = kind == "invitee.canceled" and at(payload, "rescheduled") is True
    return Fact(
        key=fact_key("calendly", kind, invitee or digest(document).hex(), text_at(document, "created_at")),
        topic="invitee.rescheduled" if moved else kind,
        at=_moment(kind, document),
        accounts=present(*_accounts(payload, settings)),
        subject=reference("calendly", "meeting", meeting) or "",
        fields={**document, **_derived(payload)},
        content=digest(payload),
    )


def _moment(kind: str, document: Document) -> datetime:
    """Return when it happened: the word of the thing itself, else of the delivery."""
    paths = {
        "invitee.created": ("payload", "created_at"),
        "invitee.canceled": ("payload", "cancellation", "created_at"),
        "invitee_no_show.created": ("payload", "no_show", "created_at"),
    }
    moment = moment_at(document, *paths.get(kind, ("created_at",))) or moment_at(document, "created_at")
    if moment is None:
        raise Broken("created_at is missing or no moment")
    return moment


def _derived(payload: Any) -> dict[str, Any]:
    """Return what rules ask for, by plain names."""
    starts = moment_at(payload, "scheduled_event", "start_time")
    return {
        "starts_at": None if starts is None else starts.isoformat(),
        "meeting": text_at(payload, "scheduled_event", "name"),
        "rescheduled": True if at(payload, "old_invitee") else None,
        "cancelled_by": text_at(payload, "cancellation", "canceler_type"),
    }


def _accounts(payload: Any, settings: CalendlySettings) -> Iterator[str | None]:
    """Tell whose the invitee is: by the booking link, by Salesforce, by the e-mail address; the best first."""
    if settings.account_in is not None:
        yield reference("external", text_at(payload, "tracking", settings.account_in))
    record = id18(text_at(payload, "tracking", "salesforce_uuid"))
    if settings.salesforce_organisation is not None and record is not None:
        kind = "Account" if record.startswith(ACCOUNT_PREFIX) else KINDS.get(record[:3])
        yield None if kind is None else salesforce_reference(settings.salesforce_organisation, kind, record)
    email = (text_at(payload, "email") or "").lower()
    # Somebody with a private address is known by it, so that a person can say once whose it is.
    yield domain_of(email) or (reference("email", email) if "@" in email else None)


def _last_part(address: str | None) -> str | None:
    return None if address is None else address.rstrip("/").rpartition("/")[2]
