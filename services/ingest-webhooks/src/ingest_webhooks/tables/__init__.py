"""The tables of the schema `ingest`, as they stand at head; it never reads or writes a row."""

from ingest_webhooks.tables import doors, feed, inbox, names
from ingest_webhooks.tables.schema import METADATA

__all__ = ["METADATA", "doors", "feed", "inbox", "names"]
