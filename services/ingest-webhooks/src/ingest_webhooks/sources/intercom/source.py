"""Intercom's webhooks: who sent them and what they say in our words; pure, it reads no clock and no store."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from ingest_webhooks.sources import hub_signature
from ingest_webhooks.sources.documents import check_event_id, read_document, tell
from ingest_webhooks.sources.intercom.event import IntercomSettings, read_event
from ingest_webhooks.sources.intercom.rules import DEFAULT_RULES
from ingest_webhooks.sources.manner import EXTERNAL, WORD, Manner, digest_of, matching
from ingest_webhooks.sources.source import Source
from ingest_webhooks.words.shapes import Broken, Context, Fault, Normalised, Received


class Intercom(Source):
    """The source `intercom`; one delivery is one notification."""

    name = "intercom"
    title = "Intercom"
    settings = IntercomSettings
    rules = DEFAULT_RULES
    companies = Manner(
        lambda word: digest_of(word).hex()[:24],
        matching(r"[0-9a-f]{24}"),
        EXTERNAL,
        tenant="mptest01",
        read_tenant=WORD,
    )
    looks_first = True

    def verify(self, received: Received, secrets: Sequence[bytes], settings: BaseModel, now: float) -> None:
        """Check the SHA-1 signature by the app's client secret; raises Refused, AmbiguousHeader."""
        hub_signature.check(received, secrets, "sha1")

    def examine(self, received: Received, settings: BaseModel) -> int:
        """Return 1; raises BadBody for no strict JSON and for an id that is none (a ping has null)."""
        check_event_id(received.body)
        return 1

    def normalise(self, body: bytes, context: Context) -> Normalised:
        """Say what a notification means; the ping that Intercom sends at set-up means nothing."""
        said = Normalised()
        document = read_document(body, said)
        if document is None:
            return said
        if document.get("topic") == "ping":
            return Normalised(ignored=1)
        settings = context.settings if isinstance(context.settings, IntercomSettings) else IntercomSettings()
        try:
            event = read_event(document, settings)
            return tell([event.fact()], event.links(), context, self.rules)
        except Broken as error:
            return Normalised(faults=[Fault(0, str(error))])

    def sign(self, received: Received, secret: bytes, now: float) -> Mapping[str, str]:
        """Return the header under which Intercom would send this body."""
        return {hub_signature.HEADER: hub_signature.signature(secret, received.body, "sha1").decode("ascii")}
