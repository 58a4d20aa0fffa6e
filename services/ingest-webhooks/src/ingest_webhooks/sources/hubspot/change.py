"""One element of a HubSpot batch, read and checked; it says nothing about what the change means to us."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingest_webhooks.words.shapes import Broken, clean, fact_key, instant_of_milliseconds, short_name
from milepost_contracts.events import NAME_LENGTH

# Project apps send `object.*` with a type id in place of the classic names.
_OBJECT_TYPES = {"0-1": "contact", "0-2": "company", "0-3": "deal", "0-5": "ticket"}
_MAX_ID = 2**63


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one object: `kind` is contact, company, deal, ticket or HubSpot's own word; `verb` what happened."""

    portal: int
    kind: str
    verb: str
    object_id: int
    occurred_at: datetime
    key: bytes
    raw: dict[str, Any]

    def reference(self, kind: str, object_id: int) -> str:
        """Return our name of an object of this portal. Raises Broken."""
        return reference_of(self.portal, kind, object_id)

    @property
    def subject(self) -> str:
        """Our name of the changed object."""
        return self.reference(self.kind, self.object_id)

    @property
    def property_name(self) -> str:
        """The changed property; raises Broken without one, and for a name that is too long to be one."""
        name = text_of(self.raw, "propertyName")
        if not name:
            raise Broken("propertyName is missing")
        return short_name(name, "propertyName")

    @property
    def property_value(self) -> str:
        """The new value as HubSpot wrote it, empty when it was cleared."""
        return text_of(self.raw, "propertyValue")


def reference_of(portal: int, kind: str, object_id: int) -> str:
    """Return our name of an object; a company's is the name of an account. Raises Broken."""
    if kind == "company":
        return f"hubspot:{portal}:{object_id}"
    return short_name(f"hubspot:{portal}:{kind}:{object_id}", "the object's kind")


def read_change(raw: Any) -> Change:
    """Return the change that an element tells of; raises Broken."""
    if not isinstance(raw, dict):
        raise Broken("the element is no object")
    # Live deliveries say subscriptionType, the documentation says eventType.
    name = raw.get("subscriptionType") or raw.get("eventType")
    if not isinstance(name, str) or not 3 <= len(name) <= 100 or "." not in name:
        raise Broken("subscriptionType is missing or no name of a subscription")
    kind, verb = name.split(".", 1)
    if kind == "object":
        kind = kind_of(raw, "objectTypeId")
    _check_event_id(raw)
    portal = number_of(raw, "portalId")
    object_id = first_id_of(raw) if raw.get("objectId") is None else number_of(raw, "objectId")
    milliseconds = number_of(raw, "occurredAt", low=-_MAX_ID)
    return Change(
        portal=portal,
        kind=kind,
        verb=verb,
        object_id=object_id,
        occurred_at=instant_of_milliseconds(milliseconds),
        key=_key(name, portal, object_id, milliseconds, raw),
        raw=raw,
    )


def _key(name: str, portal: int, object_id: int, milliseconds: int, raw: dict[str, Any]) -> bytes:
    """Equal for every repetition: attemptNumber and subscriptionId stay out; eventId alone is not unique."""
    value = raw.get("propertyValue")
    return fact_key(
        "hubspot",
        portal,
        name,
        object_id,
        str(raw.get("fromObjectId", "")),
        str(raw.get("toObjectId", "")),
        str(raw.get("propertyName", "")),
        hashlib.sha256(str(value).encode("utf-8", "surrogatepass")).hexdigest() if value is not None else "",
        milliseconds,
        str(raw.get("eventId", "")),
    )


def _check_event_id(raw: dict[str, Any]) -> None:
    found = raw.get("eventId")
    if isinstance(found, bool) or not isinstance(found, int | str) or not 0 < len(str(found)) <= NAME_LENGTH:
        raise Broken("eventId is missing or no id")


def first_id_of(raw: dict[str, Any]) -> int:
    """Associations and merges may name no objectId: the object they start from stands in."""
    for name in ("fromObjectId", "primaryObjectId"):
        if raw.get(name) is not None:
            return number_of(raw, name)
    raise Broken("objectId is missing")


def number_of(raw: Mapping[str, Any], name: str, low: int = 0) -> int:
    """Return a whole number of up to 63 bits, also when it came as text; raises Broken."""
    value = raw.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value < _MAX_ID:
        raise Broken(f"{name} is missing or no whole number")
    return value


def text_of(raw: dict[str, Any], name: str) -> str:
    """Return a text, empty without one; raises Broken for anything else."""
    value = raw.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Broken(f"{name} is no text")
    if len(value) > 65_536:
        raise Broken(f"{name} is longer than 65536 characters")
    return clean(value)


def object_kind(word: str) -> str:
    """Return our word for an object type's id or name (`0-2`, `COMPANY`). Raises Broken."""
    return _OBJECT_TYPES.get(word) or short_name(clean(word).lower(), "the object's type")


def kind_of(raw: dict[str, Any], name: str) -> str:
    """Return our word for an object type id; custom objects keep their id. Raises Broken."""
    value = raw.get(name)
    if not isinstance(value, str):
        raise Broken(f"{name} is missing")
    return object_kind(value)
