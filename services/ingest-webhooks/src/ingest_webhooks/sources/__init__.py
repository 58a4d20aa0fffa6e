"""The providers that Milepost understands, by the word in the URL; each is a pair of pure functions."""

from collections.abc import Mapping
from types import MappingProxyType

from ingest_webhooks.sources.hubspot import Hubspot
from ingest_webhooks.sources.plain import Plain
from ingest_webhooks.sources.source import Source

_ALL: tuple[type[Source], ...] = (
    Hubspot,
    Plain,
)

SOURCES: Mapping[str, Source] = MappingProxyType({kind.name: kind() for kind in _ALL})

# The sources that a connection can be made for; plain events come by API key.
CONNECTABLE = tuple(name for name in SOURCES if name != "plain")
