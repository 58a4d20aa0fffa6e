"""Statements that lock runs before anything under them; they change nothing, and never lock in two goes."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection

_RUNS = "select r.id from run r where {} order by r.id for update"
_OF_STEPS = "(r.id, r.account_id) in (select run_id, account_id from step where id = any($1::uuid[]))"
_OF_EFFECTS = "(r.id, r.account_id) in (select run_id, account_id from effect where key = any($1::bytea[]))"
_OF_GATES = "(r.id, r.account_id) in (select run_id, account_id from approval where id = any($1::uuid[]))"
_NAMED = "r.id = any($1::uuid[])"
# Looked up apart from the locking: beside an `or` every run that there ever was would be read.
_WAITING = (
    "select distinct s.run_id from unnest($1::uuid[], $2::text[], $3::timestamptz[]) as h(account_id, word, at)"
    " join step s on s.account_id = h.account_id and s.wakes_on is not null and s.wakes_on @> array[h.word]"
    " and s.created_at <= h.at and s.state in ('due', 'waiting')"
)
_OPEN = "r.state = 'running' and ($1::text is null or r.playbook_id = $1)"
_HELD = (
    "select r.id from {0} t join run r on r.id = t.run_id and r.account_id = t.account_id"  # noqa: S608 - constants of the code
    f" where {_OPEN} and t.reason = 'paused'"
    " and t.state in ('due', 'waiting', 'ready') and t.next_at is not null and t.lease_until is null"
)
_FOR_RELEASE = (
    f"select r.id from run r where {_OPEN} and r.version <> $2::int"  # noqa: S608 - constants of the code
    f" union {_HELD.format('step')} union {_HELD.format('effect')}"
)


async def runs_of_steps(connection: Connection, step_ids: Sequence[UUID]) -> None:
    """Lock the runs of steps."""
    await connection.execute(_RUNS.format(_OF_STEPS), step_ids)


async def runs_of_effects(connection: Connection, keys: Sequence[bytes]) -> None:
    """Lock the runs of effects."""
    await connection.execute(_RUNS.format(_OF_EFFECTS), keys)


async def runs_of_gates(connection: Connection, ids: Sequence[UUID]) -> None:
    """Lock the runs of gates."""
    await connection.execute(_RUNS.format(_OF_GATES), ids)


async def runs_held(connection: Connection, playbook_id: str | None, other_than: int | None = None) -> None:
    """Lock the open runs of a playbook (None: of all) that a pause holds, or that go by another version than this."""
    await _named(connection, await connection.fetch(_FOR_RELEASE, playbook_id, other_than))


async def runs_told(
    connection: Connection,
    run_ids: Sequence[UUID],
    accounts: Sequence[UUID],
    words: Sequence[str],
    moments: Sequence[object],
) -> None:
    """Lock these runs, and those that wait for something that happened at their accounts."""
    await _named(connection, await connection.fetch(_WAITING, accounts, words, moments), run_ids)


async def _named(connection: Connection, rows: Sequence[asyncpg.Record], more: Sequence[UUID] = ()) -> None:
    ids = {*more, *(row[0] for row in rows)}
    if ids:
        await connection.execute(_RUNS.format(_NAMED), list(ids))
