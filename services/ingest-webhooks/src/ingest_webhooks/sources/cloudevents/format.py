"""Reads one CloudEvent, strictly as version 1.0 has it; it takes nothing for granted that is not there."""

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote_to_bytes

from ingest_webhooks.mapping.values import instant_of
from ingest_webhooks.sources.documents import is_finite
from ingest_webhooks.sources.own_words import told_at
from ingest_webhooks.words.shapes import Broken
from milepost_contracts.events import NAME_LENGTH
from milepost_runtime.strict_json import BadBody, read_json

_NAME = re.compile(r"[a-z0-9]+")
_REQUIRED = ("id", "source", "type")
_OPTIONAL = ("datacontenttype", "dataschema", "subject")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_URI = re.compile(r"[!-~]+")
_JSON = re.compile(r"[^/;\s]+/(?:[^;\s]+\+)?json\s*(;.*)?", re.IGNORECASE | re.DOTALL)


def read_event(raw: Any, body: bytes | None, received_at: datetime) -> dict[str, Any]:
    """Return an event's attributes, `time` as a moment and its `data`.

    An event without a time happened when its data says (`occurred_at`), else when it was received.

    `body` is the data when `raw` holds the attributes alone. Data that is no JSON is None. Raises Broken.
    """
    if not isinstance(raw, Mapping):
        raise Broken("an event is a JSON object")
    if not is_finite(raw):
        raise Broken("a number is greater than any that can be kept")
    event = {name: value for name, value in raw.items() if value is not None and name not in ("data", "data_base64")}
    for name, value in event.items():
        _check(name, value)
    if event.get("specversion") != "1.0":
        raise Broken("specversion is not 1.0")
    for name in (*_REQUIRED, *(one for one in _OPTIONAL if one in event)):
        if not isinstance(event.get(name), str) or not event[name]:
            raise Broken(f"{name} is missing, empty or no text")
    for name in ("source", "dataschema"):
        if name in event and _URI.fullmatch(event[name]) is None:
            raise Broken(f"{name} is no URI")
    event["data"] = _data(raw, event.get("datacontenttype"), body)
    event["time"] = _moment(event, received_at)
    return event


def attributes_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes that the headers of a request in binary mode hold; raises BadBody."""
    attributes = {
        name.removeprefix("ce-"): unescaped(value.encode("latin-1"))
        for name, value in headers.items()
        if name.startswith("ce-")
    }
    media = headers.get("content-type")
    return attributes | {"datacontenttype": media} if media else attributes


def check_id(given: object) -> None:
    """Raise BadBody for an id that no healthy sender gives; one that is missing passes."""
    if given is not None and (not isinstance(given, str) or not 0 < len(given) <= NAME_LENGTH):
        raise BadBody("bad_event_id", f"id has to be a text of 1 to {NAME_LENGTH} characters")


def unescaped(value: bytes) -> str:
    """Return what a header's value says: without quotes, its escapes undone once; raises BadBody for no UTF-8."""
    value = value.strip()
    if len(value) >= 2 and value[:1] == value[-1:] == b'"':
        value = re.sub(rb"\\(.)", rb"\1", value[1:-1], flags=re.DOTALL)
    try:
        return unquote_to_bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        raise BadBody("bad_encoding", "a ce- header is no valid UTF-8 after its escapes are undone") from None


def _check(name: str, value: Any) -> None:
    if _NAME.fullmatch(name) is None:
        raise Broken("the name of an attribute has only letters a to z in lower case, and digits")
    if isinstance(value, bool | str):
        return
    if not isinstance(value, int) or not -(2**31) <= value < 2**31:
        raise Broken(f"{name[:50]} is no text, no truth value and no whole number of 32 bits")


def _moment(event: Mapping[str, Any], received_at: datetime) -> datetime:
    given = event.get("time")
    if given is None:
        return told_at(event["type"], event["data"]) or received_at
    if not isinstance(given, str) or _TIME.fullmatch(given) is None:
        raise Broken("time is not as RFC 3339 writes it")
    return instant_of(given.upper())


def _data(raw: Mapping[str, Any], content_type: str | None, body: bytes | None) -> Any:
    """Return the data if it is JSON: as it stands without a content type, out of bytes only if that says so."""
    is_json = content_type is not None and _JSON.fullmatch(content_type.strip()) is not None
    encoded = raw.get("data_base64")
    if encoded is not None:
        if raw.get("data") is not None:
            raise Broken("data and data_base64 exclude each other")
        body = _decoded(encoded)
    if body is None:
        return raw.get("data")
    if not body:
        return None
    if not is_json:
        return None
    try:
        data = read_json(body)
    except BadBody as error:
        raise Broken(f"data is no JSON as its content type says: {error}") from None
    if not is_finite(data):
        raise Broken("a number is greater than any that can be kept")
    return data


def _decoded(encoded: Any) -> bytes:
    if not isinstance(encoded, str):
        raise Broken("data_base64 is no text")
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        raise Broken("data_base64 is no base64") from None
