"""Takes what analytics libraries of Segment's shape send, by their write key; it never says what a message means.

What is kept is the batch as a library sends it, without the write key: that is a secret of a connection.
"""

import json
import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ingest_webhooks.entrance.doors import ConnectionUnknown, Door, Doors
from ingest_webhooks.entrance.intake import Intake
from ingest_webhooks.queries.deliveries import Kept
from ingest_webhooks.sources.segment import source as segment
from ingest_webhooks.sources.segment.signature import basic_user
from ingest_webhooks.words.shapes import Refused, delivery_key
from milepost_runtime.ids import new_id
from milepost_runtime.strict_json import BadBody, read_json

BODY_LIMIT = 500 * 1024
EVENT_LIMIT = 32 * 1024
# What libraries call: by the spec's word, and by its first letter as the one for browsers does.
CALLS: Mapping[str, str] = MappingProxyType(
    {
        name: call
        for call in ("identify", "track", "page", "screen", "group", "alias", "batch")
        for name in (call, call[0])
    }
)
_KEYS = frozenset(("writeKey", "write_key"))
_GZIP = 16 + zlib.MAX_WBITS


class Collecting:
    """The door for analytics libraries."""

    def __init__(self, doors: Doors, intake: Intake) -> None:
        self._doors = doors
        self._intake = intake

    async def collect(self, call: str, body: bytes, authorization: bytes | None, correlation_id: str) -> int:
        """Keep a call (a value of CALLS) and return its number of messages, after the commit.

        Raises Refused (no live write key), BadBody (no strict JSON, too large), TooFast, NotKept.
        """
        shown = _basic(authorization)
        # A key in the header is checked before anything is read; one in the body can only be found by reading it.
        door = None if shown is None else await self._door(shown)
        document = read_json(body, segment.MAX_VALUES)
        if not isinstance(document, dict):
            raise BadBody("bad_json", "send an object")
        if door is None:
            door = await self._door(_written_key(document))
        if door.pace is not None:
            door.pace.take()
        batch = _batch(call, document)
        if not batch["batch"]:
            return 0
        await self._intake.accept(_delivery(door, batch, correlation_id))
        return len(batch["batch"])

    async def _door(self, key: bytes) -> Door:
        try:
            return await self._doors.find_by_secret(segment.NAME, key)
        except ConnectionUnknown:
            raise Refused("write_key_invalid", "the write key is the live secret of no Segment connection") from None


def unpack(body: bytes) -> bytes:
    """Return what a gzip body holds, never more than the limit of a plain one; raises BadBody.

    Unpacking stops at the limit, whatever the body claims to hold.
    """
    reader = zlib.decompressobj(_GZIP)
    try:
        plain = reader.decompress(body, BODY_LIMIT + 1)
    except zlib.error:
        raise BadBody("bad_encoding", "the body is no gzip") from None
    if len(plain) > BODY_LIMIT:
        raise BadBody("body_too_large", f"the body is larger than {BODY_LIMIT} bytes")
    if not reader.eof or reader.unused_data:
        raise BadBody("bad_encoding", "the gzip body is cut short or goes on after its end")
    return plain


def _basic(authorization: bytes | None) -> bytes | None:
    """Return the user of Basic credentials, None without them; a header of another kind is not for us."""
    scheme, _, rest = (authorization or b"").partition(b" ")
    return basic_user(rest) if scheme.lower() == b"basic" else None


def _written_key(document: Mapping[str, Any]) -> bytes:
    key = document.get("writeKey")
    if not isinstance(key, str) or not key:
        raise Refused("write_key_missing", "send the write key as the user of Basic authentication, or as writeKey")
    return key.encode("utf-8", "surrogatepass")


def _batch(call: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call in the one shape that is kept; raises BadBody."""
    if call == "batch":
        messages = document.get("batch")
        if not isinstance(messages, list):
            raise BadBody("bad_json", "batch is no list")
        shared = {name: _keyless(document[name]) for name in ("context", "sentAt") if name in document}
    else:
        messages, shared = [{**document, "type": call}], {}
    return {**shared, "batch": [_message(position, one) for position, one in enumerate(messages)]}


def _message(position: int, message: Any) -> Any:
    kept = _keyless(message)
    try:
        size = len(_written(kept, allow_nan=False))
    except ValueError:
        # A number that JSON cannot hold: kept as the text that it came as nearly was, which is no message.
        return _written(kept, allow_nan=True)[:EVENT_LIMIT]
    if size > EVENT_LIMIT:
        raise BadBody("event_too_large", f"message {position} has more than {EVENT_LIMIT} bytes")
    return kept


def _keyless(value: Any) -> Any:
    """Return a document without write keys, wherever a library put one; it is as deep as strict JSON may be."""
    if isinstance(value, dict):
        return {name: _keyless(one) for name, one in value.items() if name not in _KEYS}
    return [_keyless(one) for one in value] if isinstance(value, list) else value


def _written(value: Any, *, allow_nan: bool = False) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=allow_nan)


def _delivery(door: Door, batch: Mapping[str, Any], correlation_id: str) -> Kept:
    body = _written(batch).encode("ascii")
    return Kept(
        id=new_id(),
        source=segment.NAME,
        connection_id=door.id,
        sender="",
        key=delivery_key(segment.NAME, door.id, body),
        body=body,
        headers="{}",
        correlation_id=correlation_id,
        elements=len(batch["batch"]),
    )
