"""Standing: what our own rows tell of accounts as a rehearsal begins: runs, work, words to leave alone, touches.

It reads, decides nothing and writes nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from milepost_core.arbiter import Objection, Policy, Rival, Touched
from milepost_core.playbooks.assigning import Assignment
from milepost_core.playbooks.watching import Stand
from milepost_core.rehearsal import Before, Matter, Underway, Waiting, Word, Work
from milepost_runtime.database import Connection
from playbook_runner.documents.keeping import Keeping
from playbook_runner.queries import rehearsing as queries
from playbook_runner.queries.rehearsing import Of

_GIVEN = ("task", "approval")


@dataclass
class _Rows:
    """Rows by account while they are read."""

    found: defaultdict[UUID, defaultdict[str, list[Any]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )

    def add(self, account: UUID, name: str, value: Any) -> None:
        self.found[account][name].append(value)


async def stands(connection: Connection, of: Of) -> dict[UUID, Stand]:
    """Return how the playbook's watch stood to accounts when a span began, as far as rows tell."""
    return {
        row["account_id"]: Stand(row["armed"], row["episode"], row["held_since"])
        for row in await queries.stands(connection, of)
    }


async def stood(
    connection: Connection, keeping: Keeping, of: Of, policy: Policy, person: Callable[[str, str, UUID], str]
) -> dict[UUID, Before]:
    """Return what there was around accounts when a span began, and what is known to end or to come within it.

    `person`: what stands for the recipient of a channel's message to an account.
    """
    rows = _Rows()
    for run in await queries.runs(connection, of):
        await _add_run(rows, connection, keeping, run, of)
    for row in await queries.assignments(connection, of):
        found = Assignment(row["arm"], row["bucket"], row["stratum"], row["version"], excluded=row["excluded"])
        rows.add(row["account_id"], "kept", found)
    for task in await queries.tasks(connection, of):
        rows.add(task["account_id"], "tasks", Work(task["reason"], task["due_at"] or of.until, task["ended_at"]))
    for one in await queries.matters(connection, of.accounts):
        matter = Matter(one["kind"], one["opened_at"], one["closed_at"], one["starts_at"])
        rows.add(one["account_id"], "matters", matter)
    for one in await queries.waiting(connection, of):
        who = person(one["channel"], one["recipient"], one["account_id"])
        rival = Rival(who, one["channel"], one["priority"], one["colleague"])
        rows.add(one["account_id"], "waiting", Waiting(rival, one["created_at"], one["next_at"]))
    await _add_words(rows, connection, of)
    persons = await _add_touches(rows, connection, of, policy)
    return {account: _before(rows.found[account], persons) for account in of.accounts}


async def _add_run(rows: _Rows, connection: Connection, keeping: Keeping, run: asyncpg.Record, of: Of) -> None:
    account = run["account_id"]
    rows.add(account, "began", run["started_at"])
    if run["ended_at"] is not None:
        rows.add(account, "open_until", (run["ended_at"], run["tier"], run["begun"]))
    elif run["path"] is not None:
        playbook = await keeping.version(connection, of.playbook_id, run["version"])
        performing = run["state"] == "performing"
        given = performing and run["kind"] in _GIVEN
        waits = [run["due_at"]] if performing and not given and run["due_at"] is not None else []
        rows.add(account, "underway", Underway(
            playbook, run["path"], run["created_at"], max(of.since, run["created_at"], *waits), run["trigger_kind"],
            run["band"], run["tier"], run["outcome"], given=given, due=run["due_at"] if given else None,
            outcomes=run["outcomes"] or {}, begun=run["begun"],
        ))  # fmt: skip


async def _add_words(rows: _Rows, connection: Connection, of: Of) -> None:
    for row in await queries.words(connection, of):
        said = Objection(row["kind"], row["person"] is not None, row["reason"], row["until"])
        word = Word(said, row["person"].hex() if row["person"] else "", row["since"], row["ended_at"])
        # What is said of a person and of no account holds at every one of them.
        for account in of.accounts if row["account_id"] is None else [row["account_id"]]:
            rows.add(account, "words", word)


async def _add_touches(rows: _Rows, connection: Connection, of: Of, policy: Policy) -> dict[str, list[Touched]]:
    """Add what was sent to each account; return what was sent to each person, at whichever account."""
    persons: dict[str, list[Touched]] = {}
    longest = max((cap.days for cap in policy.caps), default=0.0)
    for row in await queries.touches(connection, of, longest):
        touched = Touched(row["person"], row["at"], row["channel"], row["colleague"])
        rows.add(row["account_id"], "touches", touched)
        persons.setdefault(row["person"], []).append(touched)
    return persons


def _before(found: Mapping[str, list[Any]], persons: Mapping[str, list[Touched]]) -> Before:
    nothing = (None, None, None)
    open_until, open_tier, open_begun = max(found.get("open_until", ()), key=lambda one: one[0], default=nothing)
    return Before(
        began=tuple(found.get("began", ())),
        open_until=open_until,
        open_tier=open_tier,
        open_begun=open_begun,
        underway=next(iter(found.get("underway", ())), None),
        kept=next(iter(found.get("kept", ())), None),
        tasks=tuple(found.get("tasks", ())),
        words=tuple(found.get("words", ())),
        touches=tuple(found.get("touches", ())),
        matters=tuple(found.get("matters", ())),
        persons=persons,
        waiting=tuple(found.get("waiting", ())),
    )
