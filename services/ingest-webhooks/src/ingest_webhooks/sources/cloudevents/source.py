"""CloudEvents 1.0 over HTTP, structured, in batches and in headers; it never makes up an id or a time."""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel

from ingest_webhooks.sources.cloudevents.format import attributes_of, check_id, read_event, unescaped
from ingest_webhooks.sources.documents import digest
from ingest_webhooks.sources.own_words import OwnWordsSettings, tell
from ingest_webhooks.sources.source import Source, require_address
from ingest_webhooks.words.shapes import (
    Broken,
    Context,
    Fact,
    Fault,
    MediaUnsupported,
    Normalised,
    Received,
    Refused,
    fact_key,
)
from milepost_runtime.strict_json import BadBody, read_json

_BATCH = b"application/cloudevents-batch"
_STRUCTURED = b"application/cloudevents"
_PREFIX = b"ce-"
_BEARER = b"bearer "


class CloudEvents(Source):
    """The source `cloudevents`; in binary mode the body is the data and may be of any media type."""

    name = "cloudevents"
    title = "CloudEvents"
    settings = OwnWordsSettings
    media = frozenset()
    kept_headers = frozenset({"content-type"})
    kept_prefixes = ("ce-",)
    secret_address = True
    asks_first = True

    def verify(self, received: Received, secrets: Sequence[bytes], settings: BaseModel, now: float) -> None:
        """Let pass who knows the secret address, or has the secret as a bearer token or as `access_token`."""
        if received.token:
            require_address(received, secrets)
            return
        given = _token(received)
        if given is None:
            raise Refused("signature_missing", "send the secret as a bearer token, or deliver to the secret address")
        if not any(hmac.compare_digest(secret, given) for secret in secrets):
            raise Refused("signature_invalid", "the token is not the connection's secret")

    def examine(self, received: Received, settings: BaseModel) -> int:
        """Return the number of events; raises BadBody, MediaUnsupported."""
        headers = {name: received.header(name) or b"" for name in received.named if name.startswith(_PREFIX)}
        mode = _mode(received.header(b"content-type") or b"", b"ce-specversion" in headers)
        if mode == "binary":
            attributes = {name.removeprefix(_PREFIX): unescaped(value) for name, value in headers.items()}
            if b"datacontenttype" in attributes:
                raise BadBody("bad_header", "ce-datacontenttype is no header; Content-Type says it")
            check_id(attributes.get(b"id"))
            return 1
        document = read_json(received.body)
        if isinstance(document, list):
            return len(document)
        check_id(document.get("id") if isinstance(document, dict) else None)
        return 1

    def identity(self, received: Received) -> bytes:
        """Return what names an event whose body is no more than its data."""
        if b"ce-specversion" not in received.named:
            return b""
        return fact_key(*(received.named.get(name, b"").hex() for name in (b"ce-source", b"ce-id")))

    def normalise(self, body: bytes, context: Context) -> Normalised:
        """Say what the events of a body mean; one that is broken is a fault of its own."""
        said = Normalised()
        headers = context.headers
        try:
            mode = _mode(headers.get("content-type", "").encode("latin-1", "replace"), "ce-specversion" in headers)
            data = body if mode == "binary" else None
            elements = [attributes_of(headers)] if mode == "binary" else _elements(read_json(body), mode)
        except (BadBody, Broken, MediaUnsupported) as error:
            said.faults.append(Fault(None, str(error)))
            return said
        for position, element in enumerate(elements):
            said.begin(position)
            try:
                _take(read_event(element, data, context.received_at), context, said)
            except Broken as error:
                said.faults.append(Fault(position, str(error)))
        return said

    def sign(self, received: Received, secret: bytes, now: float) -> Mapping[str, str]:
        """Return the header that shows the secret."""
        media = _BATCH if received.body.lstrip()[:1] == b"[" else _STRUCTURED
        return {
            "content-type": f"{media.decode('ascii')}+json",
            "authorization": f"Bearer {secret.decode('latin-1')}",
        }


def _token(received: Received) -> bytes | None:
    header = received.header(b"authorization")
    if header is not None:
        return header[len(_BEARER) :].strip() if header[: len(_BEARER)].lower() == _BEARER else b""
    given = [value for name, value in parse_qsl(urlsplit(received.uri).query) if name == "access_token"]
    return given[0].encode("utf-8", "surrogateescape") if len(given) == 1 else None


def _mode(media: bytes, has_version: bool) -> str:
    """Return structured, batch, binary or json (either of the first two); raises MediaUnsupported."""
    kind = media.partition(b";")[0].strip().lower()
    for prefix, mode in ((_BATCH, "batch"), (_STRUCTURED, "structured")):
        if kind in (prefix, prefix + b"+json"):
            return mode
        if kind.startswith(prefix + b"+"):
            raise MediaUnsupported("send CloudEvents in their JSON format")
    if has_version:
        return "binary"
    # Not of the standard, but what many send who write the request by hand.
    if kind == b"application/json":
        return "json"
    raise MediaUnsupported("send application/cloudevents+json, or the event's attributes as ce- headers")


def _elements(document: Any, mode: str) -> Sequence[Any]:
    if isinstance(document, list) != (mode == "batch") and mode != "json":
        raise Broken("a batch is a list of events, and nothing else is")
    return document if isinstance(document, list) else [document]


def _take(event: Mapping[str, Any], context: Context, said: Normalised) -> None:
    settings = context.settings if isinstance(context.settings, OwnWordsSettings) else OwnWordsSettings()
    at: datetime = event["time"]
    # Sources may be relative, so an id counts within the connection.
    key = fact_key("cloudevents", context.connection, event["source"], event["id"])
    fields = {**event, "time": at.isoformat()}
    fact = Fact(key, event["type"], at, (), fields=fields, content=digest(event["type"], event["data"]))
    tell(fact, settings, context, said)
