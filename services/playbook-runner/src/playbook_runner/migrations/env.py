"""Alembic's entry for the schema `playbooks`; it holds no revision itself."""

from milepost_runtime.migrations import run_env
from playbook_runner.settings import SCHEMA
from playbook_runner.tables import METADATA

run_env(METADATA, SCHEMA)
