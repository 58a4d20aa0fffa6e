"""Statements that open, move and end tasks; it never decides who gets one or what it is worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection

OPEN = "('open', 'claimed', 'snoozed')"


@dataclass(frozen=True)
class NewTask:
    """A task before it is written down; clocks are instants, `effort_minutes` is what it is thought to take."""

    id: UUID
    account_id: UUID
    run_id: UUID | None
    step_id: UUID | None
    playbook_id: str
    reason: str
    title: str
    script: str
    owner: str
    role: str
    risk: float
    value: float
    effort_minutes: float
    accept_hours: float | None
    accept_by: datetime | None
    due_at: datetime
    accept_warn_at: datetime | None
    finish_warn_at: datetime
    escalate_to: str | None


_NEW = {
    "id": "uuid",
    "account_id": "uuid",
    "run_id": "uuid",
    "step_id": "uuid",
    "playbook_id": "text",
    "reason": "text",
    "title": "text",
    "script": "text",
    "owner": "text",
    "role": "text",
    "risk": "float8",
    "value": "float8",
    "effort_minutes": "float8",
    "accept_hours": "float8",
    "accept_by": "timestamptz",
    "due_at": "timestamptz",
    "accept_warn_at": "timestamptz",
    "finish_warn_at": "timestamptz",
    "escalate_to": "text",
}
_NAMES = ", ".join(_NEW)  # fmt: skip
_ASK = (
    f"insert into task ({_NAMES}, state, next_at) select {_NAMES}, 'open'"  # noqa: S608 - constants of the code
    ", least(accept_warn_at, finish_warn_at) from unnest("
    + ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(_NEW.values(), 1))
    + f") as n({_NAMES}) on conflict (account_id, reason) where state in {OPEN}"
    " do update set risk = excluded.risk, value = coalesce(nullif(excluded.value, 0), task.value)"
    " returning id, account_id, reason, owner, created_at, (xmax = 0) as fresh"
)


async def ask(connection: Connection, tasks: Sequence[NewTask]) -> list[asyncpg.Record]:
    """Open tasks, at most one of each account and reason among these; one that is open already learns today's figures.

    Those that are open already are locked in the order of their ids, those that are not in that of these.

    Returns every task in question, `fresh` where it was opened now.
    """
    await connection.execute(
        "select t.id from task t join unnest($1::uuid[], $2::text[]) as n(account_id, reason)"  # noqa: S608 - a constant of the code
        f" using (account_id, reason) where t.state in {OPEN} order by t.id for update of t",
        [task.account_id for task in tasks],
        [task.reason for task in tasks],
    )
    rows: list[asyncpg.Record] = await connection.fetch(
        _ASK, *([getattr(task, name) for task in tasks] for name in _NEW)
    )
    return rows


@dataclass(frozen=True)
class Word:
    """One thing said or done about a task."""

    account_id: UUID
    task_id: UUID
    kind: str
    author: str = ""
    text: str = ""
    detail: Mapping[str, Any] | None = None


async def say(connection: Connection, words: Sequence[Word]) -> None:
    """Add words to their tasks, in their order."""
    await connection.execute(
        "insert into task_word (account_id, task_id, kind, author, text, detail) select * from"
        " unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[])",
        [word.account_id for word in words],
        [word.task_id for word in words],
        [word.kind for word in words],
        [word.author for word in words],
        [word.text for word in words],
        [dict(word.detail or {}) for word in words],
    )


async def lock(connection: Connection, task_id: UUID) -> asyncpg.Record | None:
    """Return a task, locked until the transaction ends, with the server's clock."""
    return await connection.fetchrow("select *, clock_timestamp() as now from task where id = $1 for update", task_id)


async def again(connection: Connection, task_id: UUID) -> asyncpg.Record:
    """Return a task that is known to be there as it stands in this transaction."""
    return (await connection.fetch("select * from task where id = $1", task_id))[0]


async def due(connection: Connection, ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """Return tasks of a lane's batch, with the server's clock."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select *, clock_timestamp() as now from task where id = any($1::uuid[]) order by id", ids
    )
    return rows


# The next moment at which a task's clocks have something to say; what was told, a warning or a breach, is told once.
CLOCKS = (
    "case when state = 'snoozed' then snoozed_until when awaiting_since is null then least("
    "case when state = 'open' and accept_by > coalesce(breached_at, '-infinity') then"
    " case when accept_warn_at > coalesce(warned_at, '-infinity') then accept_warn_at else accept_by end end,"
    " case when due_at > coalesce(breached_at, '-infinity') then"
    " case when finish_warn_at > coalesce(warned_at, '-infinity') then finish_warn_at else due_at end end) end"
)


async def change(connection: Connection, task_id: UUID, columns: Mapping[str, Any]) -> None:
    """Set columns of a task, then its next moment; names are constants of the code."""
    sets = ", ".join(f"{name} = ${place}" for place, name in enumerate(columns, 2))
    await connection.execute(f"update task set {sets} where id = $1", task_id, *columns.values())  # noqa: S608
    await connection.execute(
        f"update task set next_at = case when state in {OPEN} then {CLOCKS} end where id = $1",  # noqa: S608 - constants of the code
        task_id,
    )


async def wake(connection: Connection, ids: Sequence[UUID]) -> None:
    """Open tasks again whose sleep is over."""
    await connection.execute(
        "update task set state = case when claimed_at is null then 'open' else 'claimed' end, snoozed_until = null"
        " where id = any($1::uuid[]) and state = 'snoozed'",
        ids,
    )


async def breach(connection: Connection, ids: Sequence[UUID], owners: Sequence[str], roles: Sequence[str]) -> None:
    """Note that tasks missed a clock, and whose they are now; who gets one anew has not claimed it."""
    await connection.execute(
        "update task t set breached_at = clock_timestamp(), owner = n.owner, role = n.role,"
        " state = case when t.owner = n.owner then t.state else 'open' end,"
        " claimed_at = case when t.owner = n.owner then t.claimed_at end"
        " from unnest($1::uuid[], $2::text[], $3::text[]) as n(id, owner, role) where t.id = n.id",
        ids,
        owners,
        roles,
    )


async def warn(connection: Connection, ids: Sequence[UUID]) -> None:
    """Note that tasks were said to be about to miss a clock."""
    await connection.execute("update task set warned_at = clock_timestamp() where id = any($1::uuid[])", ids)


async def charge(
    connection: Connection,
    ids: Sequence[UUID],
    ours: Sequence[float],
    theirs: Sequence[float],
    until: Sequence[datetime],
) -> None:
    """Add working hours of tasks to the side that had them, which are then counted up to a moment each."""
    await connection.execute(
        "update task t set our_hours = t.our_hours + n.ours, their_hours = t.their_hours + n.theirs,"
        " charged_until = n.until from unnest($1::uuid[], $2::float8[], $3::float8[], $4::timestamptz[])"
        " as n(id, ours, theirs, until) where t.id = n.id",
        ids,
        ours,
        theirs,
        until,
    )


async def awaiting(connection: Connection, accounts: Sequence[UUID]) -> list[asyncpg.Record]:
    """Return the open tasks of accounts that wait for the customer, locked, with the server's clock."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select *, clock_timestamp() as now from task where account_id = any($1::uuid[])"  # noqa: S608 - a constant of the code
        f" and awaiting_since is not null and state in {OPEN} order by id for update",
        accounts,
    )
    return rows


async def set_clocks(connection: Connection, ids: Sequence[UUID]) -> None:
    """Set the next moment of tasks that a lane has finished with."""
    await connection.execute(
        f"update task set next_at = case when state in {OPEN} then {CLOCKS} end where id = any($1::uuid[])",  # noqa: S608 - constants of the code
        ids,
    )


async def steps_of(connection: Connection, task_id: UUID) -> list[UUID]:
    """Return the steps that asked for a task, each once, in the order of their ids."""
    rows = await connection.fetch(
        "select distinct (detail ->> 'step_id')::uuid as id from task_word"
        " where task_id = $1 and kind = 'evidence' and detail ? 'step_id' order by 1",
        task_id,
    )
    return [row["id"] for row in rows]


async def open_of(connection: Connection, owners: Sequence[str]) -> list[asyncpg.Record]:
    """Return somebody's open tasks under all their names, locked, with the server's clock."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select *, clock_timestamp() as now from task"  # noqa: S608 - a constant of the code
        f" where owner = any($1::text[]) and state in {OPEN} order by id for update",
        owners,
    )
    return rows


class Given(NamedTuple):
    """A task that goes to somebody else, and by when they are to accept it."""

    id: UUID
    owner: str
    role: str
    accept_by: datetime | None
    accept_warn_at: datetime | None


async def give_all(connection: Connection, given: Sequence[Given]) -> None:
    """Give tasks to others; who gets one has not claimed it. Sleeping ones sleep on."""
    if not given:
        return
    await connection.execute(
        "update task t set owner = n.owner, role = n.role, claimed_at = null,"
        " accept_by = n.accept_by, accept_warn_at = n.accept_warn_at,"
        " state = case when t.state = 'claimed' then 'open' else t.state end"
        " from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])"
        " as n(id, owner, role, accept_by, accept_warn_at) where t.id = n.id",
        *zip(*given, strict=True),
    )
    await set_clocks(connection, [one.id for one in given])
