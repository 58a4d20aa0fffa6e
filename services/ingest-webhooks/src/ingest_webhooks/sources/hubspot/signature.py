"""Shows that a request comes from HubSpot, by whichever signature it carries; it never parses a body."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from ingest_webhooks.sources.source import require_address
from ingest_webhooks.words.shapes import Received, Refused

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
    """Return if one of the secrets vouches for the request; raises Refused, AmbiguousHeader, NotHere.

    The newest signature that is there decides, and a wrong one is never excused: version 3 within five minutes of
    `now` (seconds), version 2 (of workflows, which covers the address), version 1 where it is allowed. A request
    without any has to come to the secret address.
    """
    claimed = received.header(b"x-hubspot-signature-v3")
    if claimed is not None:
        _verify_v3(received, claimed, secrets, now)
        return
    older = received.header(b"x-hubspot-signature")
    if older is not None:
        _verify_older(received, older, secrets, allow_v1)
    elif received.token:
        require_address(received, secrets)
    else:
        raise Refused("signature_missing", "the header X-HubSpot-Signature-v3 is missing")


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


def _verify_older(received: Received, claimed: bytes, secrets: Sequence[bytes], allow_v1: bool) -> None:
    version = received.header(b"x-hubspot-signature-version") or b"v1"
    if version == b"v2":
        expected = [signature_v2(secret, received.method, received.uri, received.body) for secret in secrets]
    elif version == b"v1" and allow_v1:
        expected = [signature_v1(secret, received.body) for secret in secrets]
    else:
        raise Refused("signature_invalid", "this connection takes signatures of version 3")
    if not any(hmac.compare_digest(one, claimed) for one in expected):
        raise Refused("signature_invalid", "the signature does not match")


def signature_v1(secret: bytes, body: bytes) -> bytes:
    """Return the oldest signature: hex SHA-256 of secret and body."""
    return hashlib.sha256(secret + body).hexdigest().encode("ascii")


def signature_v2(secret: bytes, method: str, uri: str, body: bytes) -> bytes:
    """Return the signature of workflows: hex SHA-256 of secret, method, URI as configured, and body."""
    return hashlib.sha256(secret + method.encode("ascii") + uri.encode("utf-8") + body).hexdigest().encode("ascii")


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
