"""Jira Cloud's webhooks: who sent them and what they say in our words; pure, it reads no clock and no store."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from ingest_webhooks.sources import hub_signature
from ingest_webhooks.sources.documents import read_document, tell
from ingest_webhooks.sources.jira.event import IDENTIFIER, JiraSettings, read_event
from ingest_webhooks.sources.jira.rules import DEFAULT_RULES
from ingest_webhooks.sources.manner import DIGITS, EXTERNAL, WORD, Manner, digits_of
from ingest_webhooks.sources.source import Source, require_address
from ingest_webhooks.words.shapes import Broken, Context, Fault, Normalised, Received
from milepost_runtime.strict_json import BadBody, read_json

IDENTIFIER_LENGTH = 255


class Jira(Source):
    """The source `jira`; one delivery is one webhook event, whose changelog may name several fields."""

    name = "jira"
    title = "Jira"
    settings = JiraSettings
    rules = DEFAULT_RULES
    kept_headers = frozenset({IDENTIFIER})
    companies = Manner(
        digits_of,
        DIGITS,
        EXTERNAL,
        tenant="milepost-test.atlassian.net",
        read_tenant=WORD,
        setting="site",
        bound=True,
    )

    def verify(self, received: Received, secrets: Sequence[bytes], settings: BaseModel, now: float) -> None:
        """Check the SHA-256 signature; a connection that is told `signed: false` is called at its secret address.

        A signature that is there has to be right either way. Raises Refused, AmbiguousHeader, NotHere.
        """
        signed = settings.signed if isinstance(settings, JiraSettings) else True
        if signed or received.header(hub_signature.HEADER.encode("ascii")) is not None:
            hub_signature.check(received, secrets, "sha256")
        else:
            require_address(received, secrets)

    def examine(self, received: Received, settings: BaseModel) -> int:
        """Return 1; raises BadBody for no strict JSON and for an identifier that is none."""
        read_json(received.body)
        if not len(self.identity(received)) <= IDENTIFIER_LENGTH:
            raise BadBody("bad_event_id", f"the identifier has more than {IDENTIFIER_LENGTH} characters")
        return 1

    def identity(self, received: Received) -> bytes:
        """Return the identifier, which stays the same over retries."""
        return received.header(IDENTIFIER.encode("ascii")) or b""

    def normalise(self, body: bytes, context: Context) -> Normalised:
        """Say what an event means; issues of projects and types that the settings leave out mean nothing."""
        said = Normalised()
        document = read_document(body, said)
        if document is None:
            return said
        settings = context.settings if isinstance(context.settings, JiraSettings) else JiraSettings()
        try:
            event = read_event(document, settings, context)
            if not event.is_wanted():
                return Normalised(ignored=1)
            return tell(event.facts(), event.links(), context, self.rules)
        except Broken as error:
            return Normalised(faults=[Fault(0, str(error))])

    def has_value(self, topic: str) -> bool:
        """Changed fields have one; that an issue was made or deleted, and what others say of it, has none."""
        return topic == "*" or (topic.startswith("issue.") and topic not in ("issue.created", "issue.deleted"))

    def sign(self, received: Received, secret: bytes, now: float) -> Mapping[str, str]:
        """Return the header under which Jira would send this body."""
        return {hub_signature.HEADER: hub_signature.signature(secret, received.body, "sha256").decode("ascii")}
