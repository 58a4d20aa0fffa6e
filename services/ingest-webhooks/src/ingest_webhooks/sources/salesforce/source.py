"""Salesforce's outbound messages, change events and Flow calls at one door; it keeps no session id and asks nobody.

Nothing of it is signed: who knows the secret address may deliver, for the organisation of the settings.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from ingest_webhooks.mapping.values import instant_of
from ingest_webhooks.sources.salesforce import changes
from ingest_webhooks.sources.salesforce.changes import Change
from ingest_webhooks.sources.salesforce.companies import COMPANIES
from ingest_webhooks.sources.salesforce.ids import id18
from ingest_webhooks.sources.salesforce.messages import (
    Message,
    Notification,
    acknowledgement,
    read_message,
    read_record,
    without_sessions,
)
from ingest_webhooks.sources.salesforce.record import Record, is_echo, say
from ingest_webhooks.sources.salesforce.rules import RULES, SalesforceSettings
from ingest_webhooks.sources.source import ACCEPTED, Reply, Source, require_address
from ingest_webhooks.words.shapes import Broken, Context, Fault, Normalised, Received, WrongOrganisation
from milepost_runtime.strict_json import BadBody, read_json

_XML_ANSWER = b"text/xml; charset=utf-8"


class Salesforce(Source):
    """The source `salesforce`; SOAP 1.2 and attachments are let in only to be refused in words of SOAP."""

    name = "salesforce"
    title = "Salesforce"
    settings = SalesforceSettings
    rules = RULES
    media = frozenset(
        {b"application/json", b"text/xml", b"application/xml", b"application/soap+xml", b"multipart/related"}
    )
    kept_headers = frozenset({"content-type"})
    companies = COMPANIES
    # A hundred notifications of wide objects, with tags around every field.
    limit = 5 * 2**20
    secret_address = True

    def verify(self, received: Received, secrets: Sequence[bytes], settings: BaseModel, now: float) -> None:
        """Let pass who knows the secret address; raises NotHere."""
        require_address(received, secrets)

    def examine(self, received: Received, settings: BaseModel) -> int:
        """Return the number of notifications, change events or calls; raises BadBody, WrongOrganisation."""
        if not _is_xml(received.header(b"content-type") or b"", received.body):
            elements = _elements(read_json(received.body))
            changes.check_event_ids(elements)
            return len(elements)
        _check_charset(received.header(b"content-type") or b"")
        message = read_message(received.body)
        assert isinstance(settings, SalesforceSettings)
        if settings.organization_id not in (None, message.organisation):
            raise WrongOrganisation
        return len(message.notifications)

    def redact(self, received: Received) -> bytes:
        """Take out session ids, with which anybody could act in the name of whoever they were made for."""
        is_xml = _is_xml(received.header(b"content-type") or b"", received.body)
        return without_sessions(received.body) if is_xml else received.body

    def reply(self, received: Received) -> Reply:
        """Acknowledge a message in SOAP; what is JSON needs no words."""
        if not _is_xml(received.header(b"content-type") or b"", received.body):
            return ACCEPTED
        return Reply(200, acknowledgement(accepted=True), _XML_ANSWER)

    def refusal(self, media: bytes, status: int, detail: str) -> Reply | None:
        """Tell SOAP's senders in SOAP that the message was not taken."""
        del detail  # Salesforce shows its administrators the status alone
        if not _is_xml(media, b""):
            return None
        return Reply(status, acknowledgement(accepted=False), _XML_ANSWER)

    def normalise(self, body: bytes, context: Context) -> Normalised:
        """Say what a body means; what is broken is a fault of its own, the rest counts."""
        said = Normalised()
        settings = context.settings if isinstance(context.settings, SalesforceSettings) else SalesforceSettings()
        try:
            if _is_xml(context.headers.get("content-type", "").encode("latin-1", "replace"), body):
                _take_message(read_message(body), settings, context, said)
            else:
                _take_elements(_elements(read_json(body)), settings, context, said)
        except BadBody as error:
            said.faults.append(Fault(None, f"{error.code}: {error}"))
        return said

    def has_value(self, topic: str) -> bool:
        """Every fact is about one field, or about the moment when something happened to the record."""
        return True

    def sign(self, received: Received, secret: bytes, now: float) -> Mapping[str, str]:
        """Return the headers that Salesforce sends; what vouches for it is the address."""
        if not _is_xml(b"", received.body):
            return {"content-type": "application/json"}
        return {"content-type": "text/xml; charset=utf-8", "soapaction": '""'}


def _check_charset(media: bytes) -> None:
    parameters = (part.strip().lower() for part in media.split(b";")[1:])
    for name, _, value in (part.partition(b"=") for part in parameters):
        if name.strip() == b"charset" and value.strip(b' "') not in (b"utf-8", b"us-ascii"):
            raise BadBody("bad_encoding", "send XML in plain UTF-8")


def _is_xml(media: bytes, body: bytes) -> bool:
    """Tell by the media type, and without one by how the body begins."""
    kind = media.partition(b";")[0].strip().lower()
    if kind:
        return b"json" not in kind
    return body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"


def _elements(document: Any) -> list[Any]:
    return document if isinstance(document, list) else [document]


def _take_message(message: Message, settings: SalesforceSettings, context: Context, said: Normalised) -> None:
    for position, notification in enumerate(message.notifications):
        try:
            record = _notified(notification, message, settings, context.received_at)
            records = [] if is_echo(record, settings, "", None) else [record]
            _take(records, settings, context, said, position)
        except Broken as error:
            said.faults.append(Fault(position, str(error)))


def _notified(one: Notification, message: Message, settings: SalesforceSettings, received_at: datetime) -> Record:
    kind, fields = read_record(one.record)
    record_id = id18(fields.get("Id"))
    if not kind or record_id is None:
        raise Broken("the record names no object or no Id")
    selected = settings.selected_fields.get(message.action) or settings.selected_fields.get(kind) or ()
    # Of a record that is gone by the time of sending, nothing is left but its id: nothing of it was emptied.
    missing = tuple(name for name in selected if name not in fields) if len(fields) > 1 else ()
    moment = fields.get("LastModifiedDate") or fields.get("SystemModstamp") or fields.get("CreatedDate")
    return Record(
        organisation=message.organisation,
        kind=kind,
        id=record_id,
        verb=changes.verb_of(fields),
        at=received_at if moment is None else instant_of(moment),
        key=("notification", one.id),
        fields=fields,
        emptied=missing,
    )


def _take_elements(elements: list[Any], settings: SalesforceSettings, context: Context, said: Normalised) -> None:
    organisation = settings.organization_id
    if organisation is None:
        said.faults.append(Fault(None, "set organization_id in the connection's settings: JSON does not name it"))
        return
    for position, change, element in _in_order(elements, said):
        try:
            if change is None:
                records = [changes.call_of(element, organisation, context.received_at)]
            else:
                records = changes.records_of(change, organisation)
            client, user = ("", None) if change is None else (change.client, change.user)
            records = [one for one in records if not is_echo(one, settings, client, user)]
            _take(records, settings, context, said, position)
        except Broken as error:
            said.faults.append(Fault(position, str(error)))


def _in_order(elements: list[Any], said: Normalised) -> Iterator[tuple[int, Change | None, Any]]:
    """Yield elements with their positions: change events in the order of their commits, then the others."""
    placed = []
    for position, element in enumerate(elements):
        change = changes.find_change(element)
        try:
            placed.append(((change is None, change.place if change else (0, 0)), position, change, element))
        except Broken as error:
            said.faults.append(Fault(position, str(error)))
    for _place, position, change, element in sorted(placed, key=lambda one: (one[0], one[1])):
        yield position, change, element


def _take(
    records: Sequence[Record], settings: SalesforceSettings, context: Context, said: Normalised, position: int
) -> None:
    """Say what the records of one element mean; an element is ignored when none of them meant anything."""
    own = Normalised()
    troubles = [trouble for record in records for trouble in say(record, settings, context, own)]
    said.begin(position)
    said.events += own.events
    said.links += own.links
    said.merges += own.merges
    if troubles:
        said.faults.append(Fault(position, "; ".join(troubles[:5])[:500]))
    elif not own.events:
        linked = bool(own.links or own.merges)
        said.linked += linked
        said.ignored += not linked
