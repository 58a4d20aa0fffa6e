"""Alembic's entry for the schema `scoring`; it holds no revision itself."""

from milepost_runtime.migrations import run_env
from scoring_api.settings import SCHEMA
from scoring_api.tables import METADATA

run_env(METADATA, SCHEMA)
