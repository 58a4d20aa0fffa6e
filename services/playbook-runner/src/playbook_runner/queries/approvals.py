"""Statements about gates before steps; it never decides whether one opens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool


@dataclass(frozen=True)
class NewApproval:
    """A gate before it is written down; `expires_hours` from now on, `otherwise` is what nobody's word means then.

    `recipient` is the mailbox that its mail would go to as it is asked for.
    """

    id: UUID
    account_id: UUID
    run_id: UUID
    step_id: UUID
    about: str
    owner: str
    otherwise: str
    draft: Mapping[str, Any]
    recipient: str
    expires_hours: float


async def ask(connection: Connection, gates: Sequence[NewApproval]) -> None:
    """Open gates; one step has one, however often it asks."""
    await connection.execute(
        "insert into approval (id, account_id, run_id, step_id, about, owner, state, otherwise, draft, recipient,"
        " expires_at, next_at) select id, account_id, run_id, step_id, about, owner, 'open', otherwise, draft,"
        " recipient, at, at"
        " from (select *, clock_timestamp() + make_interval(secs => hours * 3600) as at"
        " from unnest($1::uuid[], $2::uuid[], $3::uuid[],"
        " $4::uuid[], $5::text[], $6::text[], $7::text[], $8::jsonb[], $9::text[], $10::float8[])"
        " as n(id, account_id, run_id, step_id, about, owner, otherwise, draft, recipient, hours)) n"
        " where not exists (select from approval a where a.step_id = n.step_id and a.state = 'open')",
        [one.id for one in gates],
        [one.account_id for one in gates],
        [one.run_id for one in gates],
        [one.step_id for one in gates],
        [one.about for one in gates],
        [one.owner for one in gates],
        [one.otherwise for one in gates],
        [dict(one.draft) for one in gates],
        [one.recipient for one in gates],
        [one.expires_hours for one in gates],
    )


async def lock(connection: Connection, ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """Return gates in the order of their ids, locked until the transaction ends, with playbook, version and clock."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select a.*, r.playbook_id, r.version, clock_timestamp() as now from approval a"
        " join run r on r.id = a.run_id and r.account_id = a.account_id"
        " where a.id = any($1::uuid[]) order by a.id for update of a",
        ids,
    )
    return rows


@dataclass(frozen=True)
class Word:
    """What became of a gate, and by whom."""

    id: UUID
    state: str
    by: str
    reason: str = ""
    edited: Mapping[str, Any] | None = None


async def end(connection: Connection, words: Sequence[Word]) -> None:
    """Write down what became of gates."""
    await connection.execute(
        "update approval a set state = n.state, ended_by = n.by, reason = n.reason, edited = n.edited,"
        " ended_at = clock_timestamp(), next_at = null, lease_until = null"
        " from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::jsonb[])"
        " as n(id, state, by, reason, edited) where a.id = n.id",
        [one.id for one in words],
        [one.state for one in words],
        [one.by for one in words],
        [one.reason for one in words],
        [None if one.edited is None else dict(one.edited) for one in words],
    )


async def page(
    pool: Pool, owners: Sequence[str] | None, state: str | None, before: UUID | None, limit: int
) -> list[asyncpg.Record]:
    """Return gates, newest first, below an id."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "select a.*, r.playbook_id from approval a"
        " join run r on r.id = a.run_id and r.account_id = a.account_id"
        " where ($1::text[] is null or a.owner = any($1)) and ($2::text is null or a.state = $2)"
        " and ($3::uuid is null or a.id < $3) order by a.id desc limit $4",
        owners,
        state,
        before,
        limit,
    )
    return rows


async def one(pool: Pool, approval_id: UUID) -> asyncpg.Record | None:
    """Return one gate."""
    return await pool.fetchrow(
        "select a.*, r.playbook_id from approval a"
        " join run r on r.id = a.run_id and r.account_id = a.account_id where a.id = $1",
        approval_id,
    )
