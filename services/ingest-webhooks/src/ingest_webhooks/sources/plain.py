"""The plain events of `POST /events`, in our own words already; what is no plain event never gets this far."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from ingest_webhooks.sources.source import Source
from ingest_webhooks.words.domains import OwnReference
from ingest_webhooks.words.references import names_an_account
from ingest_webhooks.words.shapes import (
    Context,
    Fault,
    NormalEvent,
    Normalised,
    Received,
    Refused,
    clean,
    fact_key,
    usable_instant,
)
from milepost_contracts.events import PlainEvent

# These name an account beyond doubt, so whoever posts them may open one; a domain only hints at one. Other sources'
# names of accounts wait for what their own source says of them.
OPENING = ("external:", "hubspot:", "salesforce:")


class PostedEvent(PlainEvent):
    """A plain event as a sender may tell it: a domain that is no one company's own names no account."""

    account: OwnReference


class Plain(Source):
    """The source `plain`: verified events, kept as the JSON list that `pack` writes."""

    name = "plain"
    title = "Plain events"
    connectable = False

    def verify(self, received: Received, secrets: Sequence[bytes], settings: BaseModel, now: float) -> None:
        """Plain events come with an API key to a route of their own, never to a webhook's."""
        raise Refused("signature_missing", "plain events are posted to /events")

    def normalise(self, body: bytes, context: Context) -> Normalised:
        """Say what a kept list means; what today's rules refuse, of what was accepted before, is a fault of its own."""
        said = Normalised()
        for position, raw in enumerate(json.loads(body)):
            said.begin(position)
            try:
                said.events.append(normal_event(raw, context))
            except ValidationError as error:
                names = {str(part) for item in error.errors(include_input=False) for part in item["loc"][:1]}
                said.faults.append(Fault(position, f"not valid any more: {', '.join(sorted(names))}"))
        return said


def plain_key(sender: str, event: PlainEvent) -> bytes:
    """Return the identity of a plain event: the sender's own id under the sender's name."""
    return fact_key("plain", sender, event.id)


def plain_content(event: PlainEvent) -> bytes:
    """Return a digest of what was said, so that the same id with other words is noticed."""
    said = event.model_dump(mode="json", exclude_defaults=True)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode("ascii")).digest()


def pack(events: Sequence[PlainEvent]) -> bytes:
    """Return the bytes to keep."""
    kept = [event.model_dump(mode="json", exclude_defaults=True) for event in events]
    return json.dumps(kept, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def normal_event(raw: Any, context: Context) -> NormalEvent:
    """Return what one plain event says; raises ValidationError when it is none."""
    event = PostedEvent.model_validate(raw)
    reference = clean(event.account)
    used = usable_instant(event.occurred_at, context.received_at)
    properties: dict[str, Any] = _cleaned(event.properties)
    if used != event.occurred_at:
        properties["original_occurred_at"] = event.occurred_at.isoformat()
    return NormalEvent(
        key=plain_key(context.sender, event),
        reference=reference,
        opens=reference.startswith(OPENING) and names_an_account(reference),
        type=event.type,
        occurred_at=used,
        actor=_text(event.actor),
        role=_text(event.role),
        item=_text(event.item),
        value=None if isinstance(event.value, str) else event.value,
        value_text=_text(event.value) if isinstance(event.value, str) else None,
        properties=properties,
        content=plain_content(event),
    )


def _text(text: str | None) -> str | None:
    return None if text is None else clean(text)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(name): _cleaned(one) for name, one in value.items()}
    return [_cleaned(one) for one in value] if isinstance(value, list) else value
