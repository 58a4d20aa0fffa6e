"""The signature `X-Hub-Signature: <algorithm>=<hex>` over the body alone, as Intercom and Jira send it."""

import hmac
from collections.abc import Sequence

from ingest_webhooks.sources.documents import signature_of
from ingest_webhooks.words.shapes import Received, Refused

HEADER = "x-hub-signature"


def check(received: Received, secrets: Sequence[bytes], algorithm: str) -> None:
    """Return if one of the secrets signed the body by this algorithm; raises Refused, AmbiguousHeader.

    Nothing here tells when it was sent: a copy sent again is known by its id, and changes nothing.
    """
    claimed = signature_of(received, HEADER.encode("ascii"), "X-Hub-Signature")
    if not any(hmac.compare_digest(signature(secret, received.body, algorithm), claimed) for secret in secrets):
        raise Refused("signature_invalid", f"X-Hub-Signature must be {algorithm}= and the body's HMAC in hex")


def signature(secret: bytes, body: bytes, algorithm: str) -> bytes:
    """Return the value of the header."""
    return f"{algorithm}={hmac.digest(secret, body, algorithm).hex()}".encode("ascii")
