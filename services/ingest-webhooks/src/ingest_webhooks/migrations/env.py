"""Alembic's entry for the schema `ingest`; it holds no revision itself."""

from ingest_webhooks.settings import SCHEMA
from ingest_webhooks.tables import METADATA
from milepost_runtime.migrations import run_env

run_env(METADATA, SCHEMA)
