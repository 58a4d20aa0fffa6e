"""Words that columns are limited to, and the pieces that every table here is made of; it defines no table."""

import sqlalchemy as sa

from milepost_runtime.columns import metadata
from playbook_runner.settings import SCHEMA

METADATA = metadata(SCHEMA)

PLAYBOOK_STATES = ("draft", "active", "paused", "retired")
RUN_STATES = ("running", "done", "cancelled")
STEP_STATES = ("due", "waiting", "performing", "done", "skipped", "failed", "cancelled")
TRIGGER_KINDS = ("band_changed", "watch", "milestone", "event", "date", "by_hand")
TASK_STATES = ("open", "claimed", "snoozed", "done", "skipped", "closed")
TASK_OUTCOMES = ("helped", "no_effect", "false_alarm", "root_cause")
APPROVAL_STATES = ("open", "approved", "rejected", "expired", "cancelled")
SUPPRESSION_KINDS = ("opt_out", "legal_hold", "hands_off", "bounced", "complained")
MATTER_KINDS = ("escalation", "call")
CONNECTION_KINDS = ("hubspot", "salesforce", "slack", "webhook")
# `leased` is not stored: it is `ready` under a lease that has not run out.
EFFECT_STATES = (
    "ready", "started", "in_doubt", "done", "failed_permanent", "parked", "cancelled", "suppressed",
)  # fmt: skip
LEDGER_OUTCOMES = (
    "sent", "deferred", "capped", "suppressed", "skipped", "in_doubt", "parked", "failed", "cancelled",
)  # fmt: skip


def one_of(column: str, words: tuple[str, ...]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


def waiting(table: str, key: str = "id") -> sa.Index:
    """The index of a lane: only rows that wait for something are in it, in the order in which they are claimed."""
    return sa.Index(f"ix_{table}waiting", "next_at", key, postgresql_where=sa.text("next_at IS NOT NULL"))
