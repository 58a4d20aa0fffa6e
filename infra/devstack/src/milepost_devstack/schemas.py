"""The three rooms in the database, in the order in which they are migrated (a reader's grants need the feed first)."""

from milepost_runtime.database import Schema

INGEST = Schema(name="ingest", role="milepost_ingest", package="ingest_webhooks")
SCORING = Schema(name="scoring", role="milepost_scoring", package="scoring_api")
PLAYBOOKS = Schema(name="playbooks", role="milepost_playbooks", package="playbook_runner")
SCHEMAS = (INGEST, SCORING, PLAYBOOKS)
