"""Stripe's billing webhooks: who sent them and what they say in our words; pure, it reads no clock and no store."""

import hmac
import re
from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from ingest_webhooks.sources.documents import Document, check_event_id, read_document, signature_of, tell
from ingest_webhooks.sources.manner import EXTERNAL, WORD, Manner, digest_of, matching
from ingest_webhooks.sources.source import Source
from ingest_webhooks.sources.stripe.event import StripeSettings, read_event
from ingest_webhooks.sources.stripe.rules import DEFAULT_RULES
from ingest_webhooks.words.shapes import Broken, Context, Fault, Normalised, Received, Refused

WINDOW_S = 300
# Seconds have ten digits until the year 2286; int() alone would take other alphabets' digits and underscores.
_SECONDS = re.compile(rb"[0-9]{1,10}")
_HEADER = b"stripe-signature"


class Stripe(Source):
    """The source `stripe`; one delivery is one event."""

    name = "stripe"
    title = "Stripe"
    settings = StripeSettings
    rules = DEFAULT_RULES
    companies = Manner(
        lambda word: f"cus_{digest_of(word).hex()[:14]}",
        matching(r"cus_[A-Za-z0-9]{1,60}"),
        EXTERNAL,
        tenant="main",
        read_tenant=WORD,
        setting="account",
    )

    def verify(self, received: Received, secrets: Sequence[bytes], settings: BaseModel, now: float) -> None:
        """Check that a `v1` of the header signs time and body within five minutes; raises Refused, AmbiguousHeader.

        The secret is used as the text it is, with its `whsec_`. While Stripe rolls a secret the header holds several
        `v1`; any of them will do. `v0` is for Stripe's own tests and proves nothing.
        """
        stamp, claimed = _parts(signature_of(received, _HEADER, "Stripe-Signature"))
        if _SECONDS.fullmatch(stamp) is None:
            raise Refused("timestamp_invalid", "t in Stripe-Signature must be epoch seconds")
        expected = [signature(secret, stamp, received.body) for secret in secrets]
        if not any(hmac.compare_digest(one, other) for one in expected for other in claimed):
            raise Refused("signature_invalid", "no v1 in Stripe-Signature matches")
        if abs(int(stamp) - now) > WINDOW_S:
            raise Refused("timestamp_out_of_window", "the timestamp is more than five minutes away from now")

    def examine(self, received: Received, settings: BaseModel) -> int:
        """Return 1; raises BadBody for no strict JSON and for an id that is no event's."""
        check_event_id(received.body)
        return 1

    def normalise(self, body: bytes, context: Context) -> Normalised:
        """Say what an event means; a test event on a live connection is of no interest."""
        said = Normalised()
        document = read_document(body, said)
        if document is None:
            return said
        settings = context.settings if isinstance(context.settings, StripeSettings) else StripeSettings()
        if _is_not_for_us(document, settings):
            return Normalised(ignored=1)
        try:
            event = read_event(document, settings)
            return tell([event.fact()], event.links(), context, self.rules)
        except Broken as error:
            return Normalised(faults=[Fault(0, str(error))])

    def check_secret(self, secret: str) -> str | None:
        """Return why an API key or an endpoint's id is no signing secret."""
        if secret.startswith(("sk_", "rk_", "pk_", "we_")):
            return "this is no signing secret; it begins with whsec_ and stands on the page of the endpoint"
        return None

    def sign(self, received: Received, secret: bytes, now: float) -> Mapping[str, str]:
        """Return the header under which Stripe would send this body at `now`."""
        stamp = str(int(now))
        return {"stripe-signature": f"t={stamp},v1={signature(secret, stamp.encode(), received.body).decode()}"}


def signature(secret: bytes, stamp: bytes, body: bytes) -> bytes:
    """Return the hex HMAC-SHA256 over time, a dot and the body."""
    return hmac.digest(secret, stamp + b"." + body, "sha256").hex().encode("ascii")


def _parts(header: bytes) -> tuple[bytes, list[bytes]]:
    """Return the time and every v1 of a header; two times are none."""
    pairs = [part.strip().partition(b"=") for part in header.split(b",")]
    stamps = [value for name, _, value in pairs if name == b"t"]
    return stamps[0] if len(stamps) == 1 else b"", [value for name, _, value in pairs if name == b"v1"]


def _is_not_for_us(document: Document, settings: StripeSettings) -> bool:
    """Test mode belongs to test connections; a thin event names an object and does not hold it."""
    return (document.get("livemode") is False and not settings.test_mode) or document.get("object") == "v2.core.event"
