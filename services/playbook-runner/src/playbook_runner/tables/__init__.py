"""The tables of the schema `playbooks`, as they stand at head; it never reads or writes a row.

Every unique key of a table that speaks of an account contains `account_id`: it is the distribution key. Where rows
are looked up by their own id, the id comes first in that key.
"""

from playbook_runner.tables.control import ApiKey, Chore, Control, Cursor, Idempotency, WakeCursor
from playbook_runner.tables.documents import Armed, Assignment, Holiday, Playbook, Policy, Watch
from playbook_runner.tables.outlets import Destination, Outlet, Writeback
from playbook_runner.tables.people import (
    Absence,
    Approval,
    InAppMessage,
    Matter,
    MergedAccount,
    Person,
    Suppression,
    Task,
    TaskWord,
)
from playbook_runner.tables.runs import Attempt, Effect, Ledger, Run, Step, Touch
from playbook_runner.tables.telling import Told
from playbook_runner.tables.vocabulary import METADATA

__all__ = [
    "METADATA",
    "Absence",
    "ApiKey",
    "Approval",
    "Armed",
    "Assignment",
    "Attempt",
    "Chore",
    "Control",
    "Cursor",
    "Destination",
    "Effect",
    "Holiday",
    "Idempotency",
    "InAppMessage",
    "Ledger",
    "Matter",
    "MergedAccount",
    "Outlet",
    "Person",
    "Playbook",
    "Policy",
    "Run",
    "Step",
    "Suppression",
    "Task",
    "TaskWord",
    "Told",
    "Touch",
    "WakeCursor",
    "Watch",
    "Writeback",
]
