"""Standard Webhooks, with a shared secret or with the sender's key pair; it never reads a body before that holds."""

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel

from ingest_webhooks.mapping.values import instant_of
from ingest_webhooks.sources.documents import digest, read_document, signature_of
from ingest_webhooks.sources.own_words import OwnWordsSettings, tell, told_at
from ingest_webhooks.sources.source import Source
from ingest_webhooks.words.shapes import (
    Broken,
    Context,
    Fact,
    Fault,
    Normalised,
    Received,
    Refused,
    fact_key,
)
from milepost_contracts.events import NAME_LENGTH
from milepost_runtime.strict_json import BadBody, read_json

WINDOW_S = 300
_SHARED, _PUBLIC, _PRIVATE = "whsec_", "whpk_", "whsk_"
_KEY_BYTES = range(24, 65)
# A sender that rotates has two; more are not worth the arithmetic.
_SIGNATURES = 10


class Standard(Source):
    """The source `standard`."""

    name = "standard"
    title = "Standard Webhooks"
    settings = OwnWordsSettings
    kept_headers = frozenset({"webhook-id", "webhook-timestamp"})

    def verify(self, received: Received, secrets: Sequence[bytes], settings: BaseModel, now: float) -> None:
        """Check the signatures over id, time and raw body, then that the time is within five minutes of `now`."""
        claimed = signature_of(received, b"webhook-signature", "webhook-signature")
        name = signature_of(received, b"webhook-id", "webhook-id")
        stamp = _stamp_of(received)
        signed = name + b"." + stamp + b"." + received.body
        given = [part.partition(b",")[::2] for part in claimed.split(b" ")[:_SIGNATURES]]
        if not any(_matches(secret, signed, version, value) for version, value in given for secret in secrets):
            raise Refused("signature_invalid", "no signature matches")
        if abs(int(stamp) - now) > WINDOW_S:
            raise Refused("timestamp_out_of_window", "the timestamp is more than five minutes away from now")

    def examine(self, received: Received, settings: BaseModel) -> int:
        """Return one; raises BadBody, also for an id that is none."""
        name = received.header(b"webhook-id") or b""
        if not 0 < len(name) <= NAME_LENGTH:
            raise BadBody("bad_event_id", f"webhook-id has to have 1 to {NAME_LENGTH} characters")
        read_json(received.body)
        return 1

    def identity(self, received: Received) -> bytes:
        """Return the id, which stays the same however often the event is sent."""
        return received.header(b"webhook-id") or b""

    def normalise(self, body: bytes, context: Context) -> Normalised:
        """Say what the one event of a body means."""
        said = Normalised()
        document = read_document(body, said)
        if document is not None:
            try:
                _take(document, context, said)
            except Broken as error:
                said.faults.append(Fault(0, str(error)))
        return said

    def check_secret(self, secret: str) -> str | None:
        """Return why a text is neither `whsec_` and 24 to 64 bytes in base64, nor the key of a sender."""
        return _unfit(secret)

    def dress_secret(self, made: str) -> str:
        """Return a secret of our own as senders take it."""
        return _SHARED + base64.b64encode(made.encode("utf-8")[:64]).decode("ascii")

    def sign(self, received: Received, secret: bytes, now: float) -> Mapping[str, str]:
        """Return the headers of this delivery; a public key signs nothing. Raises ValueError then."""
        given = received.header(b"webhook-id")
        name = given.decode("ascii") if given else f"msg_{digest(received.body.hex()).hex()[:27]}"
        stamp = str(int(now))
        signature = _signature(secret.decode("utf-8"), f"{name}.{stamp}.".encode() + received.body)
        return {
            "content-type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": stamp,
            "webhook-signature": signature,
        }


def _stamp_of(received: Received) -> bytes:
    """Return the digits of webhook-timestamp; raises Refused for anything else."""
    stamp = received.header(b"webhook-timestamp")
    # isdigit on bytes knows ASCII only; ten digits are seconds until the year 2286.
    if stamp is None or not stamp.isdigit() or len(stamp) > 10:
        raise Refused("timestamp_invalid", "webhook-timestamp has to be whole seconds since 1970")
    return stamp


def _take(document: Mapping[str, Any], context: Context, said: Normalised) -> None:
    kind = document.get("type")
    if not isinstance(kind, str) or not kind.strip():
        raise Broken("type is missing or no text")
    name = context.headers.get("webhook-id", "")
    if not name:
        raise Broken("webhook-id was not kept")
    settings = context.settings if isinstance(context.settings, OwnWordsSettings) else OwnWordsSettings()
    at = _moment(document, kind.strip(), context)
    key = fact_key("standard", context.connection, name)
    tell(Fact(key, kind.strip(), at, (), fields=document, content=digest(document)), settings, context, said)


def _moment(document: Mapping[str, Any], kind: str, context: Context) -> datetime:
    """Return when it happened: as the payload says, else its data, else when it was sent. Raises Broken."""
    given = document.get("timestamp")
    told = instant_of(given) if given else told_at(kind, document.get("data"))
    sent = context.headers.get("webhook-timestamp")
    return told or (context.received_at if sent is None else instant_of(sent))


def _matches(secret: bytes, signed: bytes, version: bytes, value: bytes) -> bool:
    text = secret.decode("utf-8", "replace")
    if _unfit(text) is not None:
        return False  # what is no key must never become an empty one
    if version == b"v1" and not text.startswith((_PUBLIC, _PRIVATE)):
        return hmac.compare_digest(_signature(text, signed).encode("ascii"), b"v1," + value)
    if version == b"v1a" and text.startswith((_PUBLIC, _PRIVATE)):
        return _verifies(text, signed, value)
    return False


def _unfit(secret: str) -> str | None:
    if secret.startswith((_PUBLIC, _PRIVATE)):
        return None if len(_bytes_of(secret)) == 32 else "after whpk_ there have to be 32 bytes in base64"
    return None if len(_bytes_of(secret)) in _KEY_BYTES else "after whsec_ there have to be 24 to 64 bytes in base64"


def _signature(secret: str, signed: bytes) -> str:
    key = _bytes_of(secret)
    if secret.startswith(_PUBLIC):
        raise ValueError("a public key signs nothing")
    if secret.startswith(_PRIVATE):
        return "v1a," + base64.b64encode(Ed25519PrivateKey.from_private_bytes(key).sign(signed)).decode("ascii")
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode("ascii")


def _verifies(secret: str, signed: bytes, value: bytes) -> bool:
    key = _bytes_of(secret)
    try:
        if secret.startswith(_PRIVATE):
            public = Ed25519PrivateKey.from_private_bytes(key).public_key()
        else:
            public = Ed25519PublicKey.from_public_bytes(key)
        public.verify(base64.b64decode(value, validate=True), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _bytes_of(secret: str) -> bytes:
    """Return a secret's bytes; none for what is no base64."""
    text = secret.strip()
    for prefix in (_SHARED, _PUBLIC, _PRIVATE):
        text = text.removeprefix(prefix)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
