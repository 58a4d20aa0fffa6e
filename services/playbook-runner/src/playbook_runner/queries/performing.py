"""Statements that move effects through their states; which moves there are is the law's, not this file's."""

from dataclasses import dataclass

import asyncpg

from milepost_core.effects import MOVES, EffectState, Move
from milepost_runtime.database import Connection


@dataclass(frozen=True)
class Moving:
    """One move of one effect. `fence` None: a person moves it. `wait_s` None: nothing is left for the lane to do."""

    key: bytes
    move: Move
    fence: int | None
    reason: str = ""
    wait_s: float | None = None
    tries: int = 0
    remote_id: str | None = None


def stored_sources(move: Move) -> list[str]:
    """Return the states as they are stored from which a move begins: `leased` is stored as `ready`."""
    return sorted({_stored(state) for state in MOVES[move].sources})


def _stored(state: EffectState) -> str:
    return EffectState.READY.value if state is EffectState.LEASED else state.value


# What is in doubt is due when its quiet time ends; what is parked waits for nothing.
QUIET = "coalesce(e.next_at <= clock_timestamp(), true)"


async def read_before_start(connection: Connection, key: bytes, fence: int) -> asyncpg.Record | None:
    """Lock an effect that is ours and ready, with its run; return what may forbid the start, or None: not ours."""
    return await connection.fetchrow(
        "select r.state as run_state, c.paused, coalesce(p.state = 'paused', false) as playbook_paused"
        " from effect e join run r on r.id = e.run_id and r.account_id = e.account_id cross join control c"
        " left join playbook p on p.id = r.playbook_id and p.state <> 'retired'"
        " where e.key = $1 and e.fence = $2 and e.state = any($3::text[]) and e.lease_until > clock_timestamp()"
        " for update of e for share of r",
        key,
        fence,
        stored_sources(Move.START),
    )


@dataclass(frozen=True)
class Frozen:
    """What a started effect sends: from the start on, these bytes to this recipient or nothing."""

    recipient: str
    payload: bytes


async def start(connection: Connection, key: bytes, fence: int, frozen: Frozen, lease_s: float) -> None:
    """Mark a locked effect as started under a fresh lease, keep what it sends, and open its attempt with the hash."""
    await connection.execute(
        "update effect set state = $3, attempts = attempts + 1, reason = '', recipient = $4, payload = $5,"
        " lease_until = clock_timestamp() + make_interval(secs => $6) where key = $1 and fence = $2",
        key,
        fence,
        MOVES[Move.START].target.value,
        frozen.recipient,
        frozen.payload,
        lease_s,
    )
    await connection.execute(
        "insert into attempt (effect_key, fence, account_id, payload_hash)"
        " select key, fence, account_id, sha256(payload) from effect where key = $1 and fence = $2",
        key,
        fence,
    )


async def move(connection: Connection, moving: Moving) -> asyncpg.Record | None:
    """Move an effect if its state and fence allow it; return it, or None: not ours any more, write nothing else.

    A try that certainly did nothing lets go of its bytes, so that the next one says what is true then; once a try
    ended in doubt, the bytes stay for good.
    """
    return await connection.fetchrow(
        "update effect set state = $3, reason = $4, attempts = attempts + $5, remote_id = coalesce($6, remote_id),"
        " next_at = clock_timestamp() + make_interval(secs => $7), lease_until = null, crashes = 0,"
        " done_at = case when $3 = 'done' then clock_timestamp() else done_at end,"
        " payload = case when $9 and not exists (select from attempt a where a.effect_key = effect.key"
        " and a.account_id = effect.account_id and a.outcome = 'unknown') then null else payload end"
        " where key = $1 and ($2::bigint is null or fence = $2) and state = any($8::text[])"
        " returning key, fence, account_id, run_id, step_id, channel, attempts, correlation_id",
        moving.key,
        moving.fence,
        MOVES[moving.move].target.value,
        moving.reason,
        moving.tries,
        moving.remote_id,
        moving.wait_s,
        stored_sources(moving.move),
        moving.move is Move.TRY_LATER,
    )


async def close_attempt(connection: Connection, effect: asyncpg.Record, outcome: str, error: str) -> None:
    """Write down how the attempt under this fence ended; one that never reached the receiver is added here."""
    await connection.execute(
        "insert into attempt (effect_key, fence, account_id, ended_at, outcome, error)"
        " values ($1, $2, $3, clock_timestamp(), $4, $5) on conflict (effect_key, fence, account_id)"
        " do update set ended_at = excluded.ended_at, outcome = excluded.outcome, error = excluded.error"
        " where attempt.outcome is null",
        effect["key"],
        effect["fence"],
        effect["account_id"],
        outcome,
        error,
    )


async def lose_attempts(connection: Connection, effect: asyncpg.Record) -> None:
    """Close the attempts of earlier fences that never came back: nobody knows how they ended."""
    await connection.execute(
        "update attempt set ended_at = clock_timestamp(), outcome = 'unknown', error = 'the worker was lost'"
        " where effect_key = $1 and account_id = $2 and outcome is null",
        effect["key"],
        effect["account_id"],
    )


async def doubt_of(connection: Connection, key: bytes) -> asyncpg.Record | None:
    """Return a locked effect's state, whether its quiet time is over, and its run's state; None: no such effect."""
    return await connection.fetchrow(
        f"select e.state, {QUIET} as quiet, r.state as run_state from effect e"  # noqa: S608 - a constant of the code
        " join run r on r.id = e.run_id and r.account_id = e.account_id where e.key = $1 for update of e",
        key,
    )
