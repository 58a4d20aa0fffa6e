"""The providers that Milepost understands, by the word in the URL; each is a pair of pure functions."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ingest_webhooks.sources.calendly import Calendly
from ingest_webhooks.sources.cloudevents.source import CloudEvents
from ingest_webhooks.sources.hubspot.source import Hubspot
from ingest_webhooks.sources.intercom.source import Intercom
from ingest_webhooks.sources.jira.source import Jira
from ingest_webhooks.sources.plain import Plain
from ingest_webhooks.sources.salesforce.source import Salesforce
from ingest_webhooks.sources.segment.source import Segment
from ingest_webhooks.sources.source import Source
from ingest_webhooks.sources.standard import Standard
from ingest_webhooks.sources.stripe.source import Stripe
from ingest_webhooks.sources.typeform import Typeform
from ingest_webhooks.sources.zendesk.source import Zendesk

_ALL: tuple[type[Source], ...] = (
    Calendly,
    CloudEvents,
    Hubspot,
    Plain,
    Salesforce,
    Segment,
    Standard,
    Intercom,
    Jira,
    Stripe,
    Typeform,
    Zendesk,
)


def registry(kinds: Iterable[type[Source]]) -> Mapping[str, Source]:
    """Return sources by their word in the URL."""
    return MappingProxyType({kind.name: kind() for kind in kinds})


SOURCES = registry(_ALL)
# The sources that a connection can be made for.
CONNECTABLE = tuple(name for name, source in SOURCES.items() if source.connectable)
