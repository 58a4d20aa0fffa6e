"""Statements that make due what was put off for something that may have ended; whether it has is asked anew then."""

from collections.abc import Collection, Sequence
from uuid import UUID

import asyncpg

from milepost_core.arbiter import Policy
from milepost_runtime.database import Connection

# A run's newest line of the ledger says for what its message waits: what waits on for the same is told once.
_PUT_OFF = (
    "select e.key, e.account_id, e.channel, e.recipient from effect e cross join lateral"
    " (select l.outcome, l.code from ledger l where l.account_id = e.account_id and l.run_id = e.run_id"
    " order by l.id desc limit 1) l where e.state = 'ready' and e.lease_until is null"
    " and e.next_at > clock_timestamp() and l.outcome = 'deferred' and l.code = any($1::text[])"
    " and ($2::uuid[] is null or e.account_id = any($2)) and ($3::text[] is null or lower(e.recipient) = any($3))"
)
# What is being started at this moment is passed over: it waits for what its start has locked, and decides after that.
_MAKE_DUE = (
    "with mine as (select key from effect where key = any($1::bytea[]) and state = 'ready' and lease_until is null"
    " order by key for update skip locked)"
    " update effect e set next_at = least(e.next_at, clock_timestamp() + make_interval(secs => $2::float8"
    " + case when $3 then 60 * coalesce((select (document ->> 'spread_minutes')::float8 from policy"
    " order by version desc limit 1), $4::float8)"
    " * (get_byte(e.key, 0) * 65536 + get_byte(e.key, 1) * 256 + get_byte(e.key, 2)) / 16777216 else 0 end))"
    " from mine where e.key = mine.key returning e.key"
)


async def put_off(
    connection: Connection,
    codes: Collection[str],
    accounts: Sequence[UUID] | None = None,
    addresses: Sequence[str] | None = None,
) -> list[asyncpg.Record]:
    """Return the messages that were put off by one of these words: key, account, channel, recipient; None: of any."""
    lower = None if addresses is None else [address.lower() for address in addresses]
    rows: list[asyncpg.Record] = await connection.fetch(_PUT_OFF, sorted(codes), accounts, lower)
    return rows


async def make_due(connection: Connection, keys: Sequence[bytes], after_s: float = 0.0, *, spread: bool = False) -> int:
    """Let messages ask again in so many seconds, if they would later; return how many.

    `spread`: each at its own moment of the policy's `spread_minutes`, so that what went for many makes no heap.
    """
    rows = await connection.fetch(_MAKE_DUE, keys, after_s, spread, Policy().spread_minutes)
    return len(rows)


async def lift_for_accounts(
    connection: Connection, codes: Collection[str], accounts: Sequence[UUID], after_s: float = 0.0
) -> int:
    """Let what was put off at these accounts by one of these words ask again; return how many messages."""
    if not accounts:
        return 0
    rows = await put_off(connection, codes, accounts)
    return await make_due(connection, [row["key"] for row in rows], after_s) if rows else 0


async def lift_spread(connection: Connection, codes: Collection[str], addresses: Sequence[str] | None = None) -> int:
    """Let what was put off by one of these words (to these addresses) ask again, spread; return how many messages."""
    rows = await put_off(connection, codes, None, addresses)
    return await make_due(connection, [row["key"] for row in rows], spread=True) if rows else 0
