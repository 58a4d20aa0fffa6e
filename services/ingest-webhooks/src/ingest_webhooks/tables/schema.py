"""Where the tables of this service live; it defines none of them."""

from ingest_webhooks.settings import SCHEMA
from milepost_runtime.columns import metadata

METADATA = metadata(SCHEMA)
