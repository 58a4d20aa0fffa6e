"""Shows that a request comes from Segment, or from a relay that knows our secret address; it never parses a body."""

import base64
import binascii
import hmac
import re
from collections.abc import Sequence

from ingest_webhooks.sources.source import address_token, require_address
from ingest_webhooks.words.shapes import Received, Refused

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_BLANK = b" \t\r\n"
# Segment's own limit for one event is 32 KB; looking further for its end would be work for nothing.
_FIRST_AT_MOST = 128 * 1024
_DEPTH = 64


def verify(received: Received, secrets: Sequence[bytes]) -> None:
    """Return if the secret address, a credential in `Authorization`, or `X-Signature` vouches for the whole body.

    Of a list the provider signs the first event alone, so a list of several needs the address or the credential too.
    A signature that is there has to be right in any case. Raises Refused, AmbiguousHeader, NotHere.
    """
    known = _is_known(received, secrets)
    claimed = received.header(b"x-signature")
    if claimed is None:
        if not known:
            raise Refused("signature_missing", "the header X-Signature is missing")
        return
    signed, whole = signed_part(received.body)
    if not any(hmac.compare_digest(signature(secret, signed), claimed) for secret in secrets):
        raise Refused("signature_invalid", "the signature does not match")
    if not whole and not known:
        detail = "only the first event of a batch is signed; post batches to the connection's secret address"
        raise Refused("batch_not_authenticated", detail)


def signature(secret: bytes, signed: bytes) -> bytes:
    """Return what Segment writes into `X-Signature`: hex HMAC-SHA1."""
    return hmac.digest(secret, signed, "sha1").hex().encode("ascii")


def signed_part(body: bytes) -> tuple[bytes, bool]:
    """Return the bytes that the signature covers, and whether that is all there is.

    Those of one event are the body as it stands, those of a list its first element as it stands.
    """
    start = _past_blanks(body, 0)
    if body[start : start + 1] != b"[":
        return body, True
    first = _past_blanks(body, start + 1)
    end = _end_of_element(body, first)
    last = _past_blanks(body, end)
    return body[first:end], body[last:].strip(_BLANK) == b"]"


def _past_blanks(body: bytes, at: int) -> int:
    while at < len(body) and body[at] in _BLANK:
        at += 1
    return at


def _end_of_element(body: bytes, start: int) -> int:
    """Return where the object that starts here ends; the start itself when it is none or has no end within reach."""
    depth = 0
    for token in _TOKEN.finditer(body, start, min(len(body), start + _FIRST_AT_MOST)):
        mark = token[0]
        if mark in (b"{", b"["):
            depth += 1
        elif mark in (b"}", b"]"):
            depth -= 1
        if depth == 0:
            return token.end()
        if depth > _DEPTH:
            break
    return start


def _is_known(received: Received, secrets: Sequence[bytes]) -> bool:
    if received.token:
        require_address(received, secrets)
        return True
    shown = _credential(received.header(b"authorization"))
    expected = [one for secret in secrets for one in (secret, address_token(secret).encode("ascii"))]
    return shown is not None and any(hmac.compare_digest(one, shown) for one in expected)


def _credential(header: bytes | None) -> bytes | None:
    """Return what an `Authorization` header shows: a bearer's token, or the user of Basic; None for neither."""
    scheme, _, rest = (header or b"").partition(b" ")
    match scheme.lower():
        case b"bearer":
            return rest.strip()
        case b"basic":
            return basic_user(rest)
        case _:
            return None


def basic_user(text: bytes) -> bytes | None:
    """Return the user of Basic credentials; None when they are none."""
    try:
        return base64.b64decode(text.strip(), validate=True).partition(b":")[0] or None
    except (binascii.Error, ValueError):
        return None
