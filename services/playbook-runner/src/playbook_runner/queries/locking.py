"""Statements that lock runs before anything under them; they change nothing, and never lock in two goes."""

from collections.abc import Sequence
from uuid import UUID

from milepost_runtime.database import Connection

_RUNS = "select r.id from run r where {} order by r.id for update"
_OF_STEPS = "(r.id, r.account_id) in (select run_id, account_id from step where id = any($1::uuid[]))"
_OF_EFFECTS = "(r.id, r.account_id) in (select run_id, account_id from effect where key = any($1::bytea[]))"
_OF_GATES = "(r.id, r.account_id) in (select run_id, account_id from approval where id = any($1::uuid[]))"
_HELD = (
    " exists (select from {0} t where t.run_id = r.id and t.account_id = r.account_id and t.reason = 'paused'"
    " and t.state in ('due', 'waiting', 'ready') and t.next_at is not null and t.lease_until is null)"
)
_FOR_RELEASE = (
    "r.state = 'running' and ($1::text is null or r.playbook_id = $1)"
    f" and (r.version <> $2::int or {_HELD.format('step')} or {_HELD.format('effect')})"
)
_TOLD = (
    "r.id = any($1::uuid[]) or (r.id, r.account_id) in (select s.run_id, s.account_id"
    " from unnest($2::uuid[], $3::text[], $4::timestamptz[]) as h(account_id, word, at)"
    " join step s on s.account_id = h.account_id and s.wakes_on is not null and s.wakes_on @> array[h.word]"
    " and s.created_at <= h.at and s.state = 'waiting')"
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
    await connection.execute(_RUNS.format(_FOR_RELEASE), playbook_id, other_than)


async def runs_told(
    connection: Connection,
    run_ids: Sequence[UUID],
    accounts: Sequence[UUID],
    words: Sequence[str],
    moments: Sequence[object],
) -> None:
    """Lock these runs, and those that wait for something that happened at their accounts."""
    await connection.execute(_RUNS.format(_TOLD), run_ids, accounts, words, moments)
