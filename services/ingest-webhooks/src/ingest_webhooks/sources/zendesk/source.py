"""Zendesk's webhooks: who sent them and what they say in our words; pure, it reads no clock and no store.

Two kinds come by one door: event subscriptions with a fixed shape, and what a trigger or automation was told to send.
"""

import base64
import codecs
import hmac
import re
from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from ingest_webhooks.mapping.values import instant_of
from ingest_webhooks.sources.documents import check_event_id, read_document, signature_of, tell, text_at
from ingest_webhooks.sources.manner import DIGITS, TEST_TENANT, Manner, digits_of
from ingest_webhooks.sources.source import Source
from ingest_webhooks.sources.zendesk.event import INVOCATION, SENT_AT, TENANT, ZendeskSettings, read_event, read_trigger
from ingest_webhooks.sources.zendesk.rules import DEFAULT_RULES
from ingest_webhooks.words.shapes import Broken, Context, Fault, Normalised, Received, Refused
from milepost_runtime.strict_json import read_json

WINDOW_S = 300
# A retry may carry the time of the first try: up to five of them, 12 s without an answer and less than a minute apart.
RETRIES_S = 5 * (12 + 60)
# The secret that test calls are signed with while a webhook is being made; it stands in the public documentation.
PUBLIC_SECRET = b"dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="
_SIGNATURE = b"x-zendesk-webhook-signature"
_MOMENT = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:?[0-9]{2})")


class Zendesk(Source):
    """The source `zendesk`; one delivery is one event or one trigger's body."""

    name = "zendesk"
    title = "Zendesk"
    settings = ZendeskSettings
    rules = DEFAULT_RULES
    kept_headers = frozenset({INVOCATION, SENT_AT, TENANT})
    companies = Manner(digits_of, DIGITS, tenant=TEST_TENANT, read_tenant=DIGITS, setting="account")

    def verify(self, received: Received, secrets: Sequence[bytes], settings: BaseModel, now: float) -> None:
        """Check the signature over time and body, in this order; raises Refused, AmbiguousHeader.

        The time may lie five minutes ahead, and as long back with all retries on top: repetitions are known by name.

        The secret is used as the text it is. An older page of the documentation puts the body first: that is refused,
        and so is the public test secret, even if a connection was made with it.
        """
        claimed = signature_of(received, _SIGNATURE, "X-Zendesk-Webhook-Signature")
        stamp = received.header(SENT_AT.encode("ascii")) or b""
        if _MOMENT.fullmatch(stamp) is None:
            raise Refused("timestamp_invalid", "X-Zendesk-Webhook-Signature-Timestamp must be an ISO 8601 time")
        live = [secret for secret in secrets if secret.strip() != PUBLIC_SECRET]
        if not any(hmac.compare_digest(signature(secret, stamp, received.body), claimed) for secret in live):
            raise Refused("signature_invalid", "the signature does not match")
        try:
            sent_at = instant_of(stamp.decode("ascii")).timestamp()
        except (Broken, ValueError, OverflowError):
            raise Refused("timestamp_invalid", "X-Zendesk-Webhook-Signature-Timestamp is no time") from None
        if not -WINDOW_S <= now - sent_at <= WINDOW_S + RETRIES_S:
            detail = "the timestamp is more than five minutes ahead, or eleven minutes old"
            raise Refused("timestamp_out_of_window", detail)

    def examine(self, received: Received, settings: BaseModel) -> int:
        """Return 1; raises BadBody for no strict JSON and for an event's id that is none."""
        body = without_mark(received.body)
        document = read_json(body)
        if isinstance(document, dict) and _is_event(document):
            check_event_id(body)
        return 1

    def identity(self, received: Received) -> bytes:
        """Return the name of the invocation: a trigger may well say the same twice, and each time counts."""
        return received.header(INVOCATION.encode("ascii")) or b""

    def normalise(self, body: bytes, context: Context) -> Normalised:
        """Say what an event or a trigger's body means."""
        said = Normalised()
        document = read_document(without_mark(body), said)
        if document is None:
            return said
        settings = context.settings if isinstance(context.settings, ZendeskSettings) else ZendeskSettings()
        try:
            read = read_event if _is_event(document) else read_trigger
            event = read(document, settings, context)
            return tell(event.facts(), event.links(), context, self.rules)
        except Broken as error:
            return Normalised(faults=[Fault(0, str(error))])

    def check_secret(self, secret: str) -> str | None:
        """Return why the test secret is none: everybody can read it up."""
        if secret.strip().encode() == PUBLIC_SECRET:
            return "this is Zendesk's public test secret; copy the signing secret of your webhook"
        return None

    def sign(self, received: Received, secret: bytes, now: float) -> Mapping[str, str]:
        """Return the headers under which Zendesk would send this body at `now`."""
        stamp = instant_of(now).strftime("%Y-%m-%dT%H:%M:%SZ")
        made = signature(secret, stamp.encode("ascii"), received.body)
        return {"x-zendesk-webhook-signature": made.decode("ascii"), SENT_AT: stamp}


def signature(secret: bytes, stamp: bytes, body: bytes) -> bytes:
    """Return the base64 HMAC-SHA256 over time and body."""
    return base64.b64encode(hmac.digest(secret, stamp + body, "sha256"))


def without_mark(body: bytes) -> bytes:
    """Return a body without a byte order mark.

    No other JSON door takes one; a trigger's body was recorded with it, and who writes the template may not see it.
    """
    return body.removeprefix(codecs.BOM_UTF8)


def _is_event(document: Mapping[str, object]) -> bool:
    return (text_at(document, "type") or "").startswith("zen:event-type:")
