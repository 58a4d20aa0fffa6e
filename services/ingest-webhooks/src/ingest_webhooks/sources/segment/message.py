"""One message of Segment's spec, read and checked, whoever relayed it; it says nothing about what it means to us."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ingest_webhooks.mapping.values import instant_of
from ingest_webhooks.words.domains import domain_reference
from ingest_webhooks.words.shapes import EPOCH, Broken, clean, fact_key

MESSAGE_ID_LENGTH = 100
_ID_LENGTH = 200
_KIND_LENGTH = 100
# What a program writes for a user or a company that it does not know; taken at its word it would join strangers.
_NOBODY = frozenset(("", "0", "null", "undefined", "none", "nil", "nan", "true", "false", "[object object]"))
_CAMEL = {
    "message_id": "messageId",
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "group_id": "groupId",
    "previous_id": "previousId",
    "original_timestamp": "originalTimestamp",
    "received_at": "receivedAt",
    "sent_at": "sentAt",
    # As the documentation of the webhook destination writes an alias.
    "Previous ID": "previousId",
    "User ID": "userId",
}
# What a repetition may say otherwise.
_CLOCKS = frozenset(("sentAt", "receivedAt", "timestamp", "originalTimestamp"))
_TOLD = ("type", "event", "name", "category", "userId", "anonymousId", "groupId", "previousId", "properties", "traits")
_UNPADDED = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?=\D|\Z)")
_HOST = re.compile(r"\s*(?:[a-z]+://)?([^\s/:?#]+)", re.IGNORECASE)
_UNSET: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Message:
    """A call: `user` and `group` are the ids that it names, `at` when it happened by the best clock, `raw` all of it.

    The keys of `raw` are in camel case. `domain` is a reference to the domain of the group's web site, in other calls
    to that of the user's e-mail address, if it is a company's.
    """

    kind: str
    raw: Mapping[str, Any]
    key: bytes
    content: bytes
    at: datetime
    user: str | None
    group: str | None
    domain: str | None

    def text(self, name: str) -> str:
        """Return a text, empty without one; raises Broken for anything else."""
        value = self.raw.get(name)
        if value is not None and not isinstance(value, str):
            raise Broken(f"{name} is no text")
        return clean(value or "").strip()

    @property
    def previous(self) -> str | None:
        """The user id that an alias leaves behind; raises Broken."""
        return identifier(self.raw, "previousId")


def read_message(element: Any, space: str, received_at: datetime, sent_at: Any = None) -> Message:
    """Return the message that an element holds; raises Broken.

    `sent_at` is when a library of the customer sent it, by its own clock: what it says about time is set right by that.
    """
    if not isinstance(element, dict):
        raise Broken("the element is no object")
    raw = with_plain_keys(element)
    kind = raw.get("type")
    if not isinstance(kind, str) or not 0 < len(kind) <= _KIND_LENGTH:
        raise Broken("type is missing")
    context = _object(raw, "context")
    message_id = read_message_id(raw)
    whole = _canonical({name: value for name, value in raw.items() if name not in _CLOCKS})
    when = [str(raw[name]) for name in ("timestamp", "originalTimestamp") if raw.get(name) is not None]
    return Message(
        kind=kind,
        raw=raw,
        key=fact_key("segment", space, message_id) if message_id else fact_key("segment body", space, whole, *when),
        content=hashlib.sha256(_canonical({name: raw[name] for name in _TOLD if name in raw}).encode()).digest(),
        at=_moment(raw, received_at, sent_at),
        user=identifier(raw, "userId"),
        group=_group(kind, raw, context),
        domain=_domain(kind, raw, context),
    )


def with_plain_keys(element: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message with the spec's own keys, also when a relay wrote them in snake case."""
    renamed = {_CAMEL[name]: value for name, value in element.items() if name in _CAMEL}
    return renamed | {name: value for name, value in element.items() if name not in _CAMEL}


def read_message_id(raw: Mapping[str, Any]) -> str:
    """Return the message's id, empty without one; raises Broken for what no library makes."""
    value = raw.get("messageId")
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or len(value) > MESSAGE_ID_LENGTH:
        raise Broken(f"messageId is no text of at most {MESSAGE_ID_LENGTH} characters")
    return value


def identifier(raw: Mapping[str, Any], name: str) -> str | None:
    """Return an id as text, None without one; raises Broken for a word that stands for nobody."""
    value = raw.get(name)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise Broken(f"{name} is neither a text nor a whole number")
    text = clean(value).strip()
    if text.lower() in _NOBODY:
        raise Broken(f"{name} names nobody")
    if len(text) > _ID_LENGTH or not text.isprintable():
        raise Broken(f"{name} is longer than {_ID_LENGTH} characters, or not in one line")
    return text


def _canonical(value: Mapping[str, Any]) -> str:
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError:
        raise Broken("a number is too large to be one") from None


def _object(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, dict) else _UNSET


def _group(kind: str, raw: Mapping[str, Any], context: Mapping[str, Any]) -> str | None:
    """Return the company's id: the call's own, the context's, or that of the user's `company` trait."""
    if kind == "group":
        group = identifier(raw, "groupId")
        if group is None:
            raise Broken("groupId is missing")
        return group
    for holder in (context, raw):
        found = with_plain_keys(holder)
        if found.get("groupId") not in (None, ""):
            return identifier(found, "groupId")
    for traits in (_object(raw, "traits"), _object(context, "traits")):
        company = _object(traits, "company")
        if company.get("id") not in (None, ""):
            return identifier(company, "id")
    return None


def _domain(kind: str, raw: Mapping[str, Any], context: Mapping[str, Any]) -> str | None:
    """Return the domain of a group's web site, of a user's address in any other call.

    An address among a group's traits may be a post box anywhere.
    """
    traits = _object(raw, "traits")
    if kind == "group":
        sites = [_HOST.match(one) for name in ("domain", "website") if isinstance(one := traits.get(name), str)]
        told = [site[1] for site in sites if site is not None]
    else:
        addresses = traits.get("email"), _object(context, "traits").get("email"), raw.get("userId")
        told = [one for one in addresses if isinstance(one, str) and "@" in one]
    return next((domain_reference(one) for one in told if len(one) <= _ID_LENGTH), None)


def _moment(raw: Mapping[str, Any], received_at: datetime, sent_at: Any) -> datetime:
    """Return when it happened: as the relay worked out, as the client said, when it was received, in this order."""
    claimed = next((at for name in ("timestamp", "originalTimestamp") if (at := _instant(raw.get(name)))), None)
    if claimed is None:
        return _instant(raw.get("receivedAt")) or received_at
    sent = _instant(sent_at)
    if sent is None:
        return claimed
    # A clock that is off is off by the same at the moment of sending; nothing is sent before it happened, and a
    # moment of sending that leads out of time is not used.
    age = max(sent - claimed, timedelta())
    return received_at - age if age < received_at - EPOCH else claimed


def _instant(value: Any) -> datetime | None:
    if isinstance(value, str):
        value = _UNPADDED.sub(lambda date: f"{date[1]}-{date[2]:0>2}-{date[3]:0>2}", value, count=1)
    try:
        return instant_of(value)
    except Broken:
        return None
