"""Shows that a request comes from HubSpot (signature v3, and v1 where a connection allows it); never parses a body."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from ingest_webhooks.shapes import Received, Refused

WINDOW_MS = 300_000
# HubSpot signs the URI after undoing exactly these escapes; a general unquote gives another text.
_ESCAPES = (
    ("%3A", ":"),
    ("%2F", "/"),
    ("%3F", "?"),
    ("%40", "@"),
    ("%21", "!"),
    ("%24", "$"),
    ("%27", "'"),
    ("%28", "("),
    ("%29", ")"),
    ("%2A", "*"),
    ("%2C", ","),
    ("%3B", ";"),
)


def verify(received: Received, secrets: Sequence[bytes], *, allow_v1: bool, now: float) -> None:
    """Return if one of the secrets signed the request within five minutes of `now` (seconds); raises Refused.

    A v3 signature that is there and wrong is never excused by an older one.
    """
    claimed = received.header(b"x-hubspot-signature-v3")
    if claimed is not None:
        _verify_v3(received, claimed, secrets, now)
        return
    older = received.header(b"x-hubspot-signature")
    if older is None:
        raise Refused("signature_missing", "the header X-HubSpot-Signature-v3 is missing")
    version = received.header(b"x-hubspot-signature-version") or b"v1"
    if not allow_v1 or version != b"v1":
        raise Refused("signature_invalid", "this connection takes signatures of version 3")
    if not any(hmac.compare_digest(signature_v1(secret, received.body), older) for secret in secrets):
        raise Refused("signature_invalid", "the signature does not match")


def _verify_v3(received: Received, claimed: bytes, secrets: Sequence[bytes], now: float) -> None:
    stamp = received.header(b"x-hubspot-request-timestamp")
    # isdigit on bytes knows ASCII only; 13 digits are milliseconds until the year 2286.
    if stamp is None or len(stamp) != 13 or not stamp.isdigit():
        raise Refused("timestamp_invalid", "X-HubSpot-Request-Timestamp must be epoch milliseconds")
    signed = received.method.encode("ascii") + decode_uri(received.uri).encode("utf-8") + received.body + stamp
    for secret in secrets:
        if hmac.compare_digest(base64.b64encode(hmac.digest(secret, signed, "sha256")), claimed):
            break
    else:
        raise Refused("signature_invalid", "the signature does not match")
    if abs(int(stamp) - now * 1000) > WINDOW_MS:
        raise Refused("timestamp_out_of_window", "the timestamp is more than five minutes away from now")


def signature_v1(secret: bytes, body: bytes) -> bytes:
    """Return the old signature: hex SHA-256 of secret and body."""
    return hashlib.sha256(secret + body).hexdigest().encode("ascii")


def signature_v3(secret: bytes, method: str, uri: str, body: bytes, timestamp_ms: int) -> bytes:
    """Return the signature of version 3: base64 HMAC-SHA256 over method, decoded URI, body and timestamp."""
    signed = method.encode("ascii") + decode_uri(uri).encode("utf-8") + body + str(timestamp_ms).encode("ascii")
    return base64.b64encode(hmac.digest(secret, signed, "sha256"))


def decode_uri(uri: str) -> str:
    """Undo exactly the escapes that HubSpot undoes before it signs."""
    if "%" not in uri:
        return uri
    for escape, character in _ESCAPES:
        uri = uri.replace(escape, character)
    return uri
