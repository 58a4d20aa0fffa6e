"""The three rooms in the database, in the order in which they are migrated (a reader's grants need the feed first)."""

from ingest_webhooks.settings import SCHEMA as INGEST
from playbook_runner.settings import SCHEMA as PLAYBOOKS
from scoring_api.settings import SCHEMA as SCORING

SCHEMAS = (INGEST, SCORING, PLAYBOOKS)
