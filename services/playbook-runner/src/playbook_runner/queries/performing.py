"""Statements that move effects through their states; which moves there are is the law's, not this file's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg

from milepost_core.effects import MOVES, EffectState, Move
from milepost_runtime.database import Connection


@dataclass(frozen=True)
class Moving:
    """One move of one effect. `fence` None: a person moves it. `wait_s` None: nothing is left for the lane to do.

    `keeps`: its bytes stay, as they may have arrived.
    """

    key: bytes
    move: Move
    fence: int | None
    reason: str = ""
    wait_s: float | None = None
    tries: int = 0
    remote_id: str | None = None
    keeps: bool = False


def stored_sources(move: Move) -> list[str]:
    """Return the states as they are stored from which a move begins: `leased` is stored as `ready`."""
    return sorted({_stored(state) for state in MOVES[move].sources})


def _stored(state: EffectState) -> str:
    return EffectState.READY.value if state is EffectState.LEASED else state.value


# What is in doubt is due when its quiet time ends; what is parked waits for nothing.
QUIET = "coalesce(e.next_at <= clock_timestamp(), true)"


class Start(NamedTuple):
    """What T2 is asked for: an effect of ours is to start, under its fence; from then on these bytes or none."""

    key: bytes
    fence: int
    recipient: str
    payload: bytes


async def read_before_start(connection: Connection, starts: Sequence[Start]) -> dict[bytes, asyncpg.Record]:
    """Lock the effects that are ours and ready, of locked runs; return by key what may forbid the start."""
    rows = await connection.fetch(
        "select e.key, e.asked_at, clock_timestamp() as now, r.playbook_id, r.state as run_state, r.end_reason,"
        " c.paused, coalesce(p.state = 'paused', false) as playbook_paused"
        " from unnest($1::bytea[], $2::bigint[]) as s(key, fence) join effect e on e.key = s.key and e.fence = s.fence"
        " join run r on r.id = e.run_id and r.account_id = e.account_id cross join control c"
        " left join playbook p on p.id = r.playbook_id and p.state in ('active', 'paused')"
        " where e.state = any($3::text[]) and e.lease_until > clock_timestamp()"
        " order by e.key for update of e",
        [start.key for start in starts],
        [start.fence for start in starts],
        stored_sources(Move.START),
    )
    return {row["key"]: row for row in rows}


async def start(connection: Connection, starts: Sequence[Start], lease_s: float) -> None:
    """Mark locked effects as started under a fresh lease, keep what they send, open their attempts with the hash."""
    await connection.execute(
        "with started as (update effect e set state = $5, attempts = attempts + 1, reason = '',"
        " recipient = s.recipient, payload = s.payload, lease_until = clock_timestamp() + make_interval(secs => $6)"
        " from unnest($1::bytea[], $2::bigint[], $3::text[], $4::bytea[]) as s(key, fence, recipient, payload)"
        " where e.key = s.key and e.fence = s.fence returning e.key, e.fence, e.account_id, e.payload)"
        " insert into attempt (effect_key, fence, account_id, payload_hash)"
        " select key, fence, account_id, sha256(payload) from started",
        [one.key for one in starts],
        [one.fence for one in starts],
        [one.recipient for one in starts],
        [one.payload for one in starts],
        MOVES[Move.START].target.value,
        lease_s,
    )


async def move(connection: Connection, moves: Sequence[Moving]) -> dict[bytes, asyncpg.Record]:
    """Move effects of locked runs if their state and fence allow it; return those that moved, by key.

    Whoever holds an effect at the moment in which a person moves it loses it.

    A try that certainly did nothing lets go of its bytes, so that the next one says what is true then; once a try
    may have done something, the bytes stay for good.
    """
    rows = await connection.fetch(
        "update effect e set state = m.target, reason = m.reason, attempts = e.attempts + m.tries,"
        " remote_id = coalesce(m.remote_id, e.remote_id),"
        " next_at = clock_timestamp() + make_interval(secs => m.wait_s), lease_until = null, crashes = 0,"
        " fence = e.fence + (m.fence is null)::int,"
        " done_at = case when m.target = 'done' then clock_timestamp() else e.done_at end,"
        " payload = case when e.state = 'started' and m.target = 'ready' and not m.keeps and not exists"
        " (select from attempt a where a.effect_key = e.key and a.account_id = e.account_id and a.outcome = 'unknown')"
        " then null else e.payload end"
        " from unnest($1::bytea[], $2::bigint[], $3::text[], $4::text[], $5::int[], $6::text[], $7::float8[],"
        " $8::text[], $9::bool[]) as m(key, fence, target, reason, tries, remote_id, wait_s, sources, keeps)"
        " where e.key = m.key and (m.fence is null or e.fence = m.fence)"
        " and e.state = any(string_to_array(m.sources, ' '))"
        " returning e.key, e.fence, e.account_id, e.run_id, e.step_id, e.channel, e.recipient, e.attempts,"
        " e.correlation_id",
        [one.key for one in moves],
        [one.fence for one in moves],
        [MOVES[one.move].target.value for one in moves],
        [one.reason for one in moves],
        [one.tries for one in moves],
        [one.remote_id for one in moves],
        [one.wait_s for one in moves],
        [" ".join(stored_sources(one.move)) for one in moves],
        [one.keeps for one in moves],
    )
    return {row["key"]: row for row in rows}


class Ended(NamedTuple):
    """How the attempt under an effect's fence is remembered."""

    effect: asyncpg.Record
    outcome: str
    error: str


async def close_attempts(connection: Connection, ended: Sequence[Ended]) -> None:
    """Write down how attempts ended; those that never reached the receiver are added here."""
    await connection.execute(
        "insert into attempt (effect_key, fence, account_id, ended_at, outcome, error)"
        " select t.key, t.fence, t.account_id, clock_timestamp(), t.outcome, t.error from"
        " unnest($1::bytea[], $2::bigint[], $3::uuid[], $4::text[], $5::text[])"
        " as t(key, fence, account_id, outcome, error)"
        " on conflict (effect_key, fence, account_id)"
        " do update set ended_at = excluded.ended_at, outcome = excluded.outcome, error = excluded.error"
        " where attempt.outcome is null",
        *([one.effect[name] for one in ended] for name in ("key", "fence", "account_id")),
        [one.outcome for one in ended],
        [one.error for one in ended],
    )


async def lose_attempts(connection: Connection, effects: Sequence[asyncpg.Record]) -> None:
    """Close the attempts of earlier fences that never came back: nobody knows how they ended."""
    await connection.execute(
        "update attempt a set ended_at = clock_timestamp(), outcome = 'unknown', error = 'the worker was lost'"
        " from unnest($1::bytea[], $2::uuid[]) as e(key, account_id)"
        " where a.effect_key = e.key and a.account_id = e.account_id and a.outcome is null",
        [effect["key"] for effect in effects],
        [effect["account_id"] for effect in effects],
    )


@dataclass(frozen=True)
class PutOff:
    """An effect that has no turn now; it is claimed again in so many seconds, and nothing was tried."""

    key: bytes
    fence: int
    after_s: float
    reason: str


async def put_off(connection: Connection, those: Sequence[PutOff]) -> None:
    """Give effects back that are ours and still ready, due when their turn may come."""
    await connection.execute(
        "update effect e set next_at = clock_timestamp() + make_interval(secs => p.after_s), reason = p.reason,"
        " lease_until = null, crashes = 0 from unnest($1::bytea[], $2::bigint[], $3::float8[], $4::text[])"
        " as p(key, fence, after_s, reason) where e.key = p.key and e.fence = p.fence and e.state = 'ready'",
        [one.key for one in those],
        [one.fence for one in those],
        [one.after_s for one in those],
        [one.reason for one in those],
    )


async def doubt_of(connection: Connection, key: bytes) -> asyncpg.Record | None:
    """Return a locked effect's state, whether its quiet time is over, and its run's state; None: no such effect."""
    return await connection.fetchrow(
        f"select e.state, {QUIET} as quiet, r.state as run_state from effect e"  # noqa: S608 - a constant of the code
        " join run r on r.id = e.run_id and r.account_id = e.account_id where e.key = $1 for update of e",
        key,
    )
