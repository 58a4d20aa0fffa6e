"""Lanes: rows that are work, claimed in batches under a lease and a fencing number; no domain word, no queue.

A row says itself when it wants attention (`next_at`). A claim is a short transaction of its own; the work runs
outside it; the result is written in a transaction of the handler's that begins with `hold` and leaves rows alone
that somebody else has claimed meanwhile. Draining twice at once, late, or never is safe.

A row whose holder died is a suspect: from then on it is claimed alone, so that it can take nobody with it, and after
`max_crashes` it is buried. Whom store trouble keeps from settling a row has not died: the row is given back as it was
as soon as the store answers again.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import asyncpg
import structlog

from milepost_runtime.database import STORE_TROUBLE, Connection, Pool, is_store_trouble
from milepost_runtime.failpoints import afp
from milepost_runtime.metrics import LANE_BURIED, LANE_CLAIMED, LANE_FAILED, LANE_FENCED, LANE_SECONDS

log = structlog.get_logger()
RENEW_EVERY_S = 5.0
SUSPECTS_EVERY_S = 0.5
RETRY_AFTER_S = (1.0, 5.0, 30.0, 120.0, 600.0)
# What takes too long may be the row's doing: its lease runs out, and it is claimed alone, so that it delays nobody.
_TOO_LONG = (TimeoutError, asyncpg.QueryCanceledError)


class TryLater(Exception):
    """This row cannot be done now through no fault of its own; it is due again after `after_s` seconds."""

    def __init__(self, reason: str, after_s: float) -> None:
        super().__init__(reason)
        self.after_s = after_s


class GiveUp(Exception):
    """This row can never be done; it is buried with the reason."""


@dataclass(frozen=True)
class Claim:
    """One row that is ours until its lease ends: its key, its fencing number, its crashes so far, its extra columns."""

    key: Any
    fence: int
    crashes: int
    row: asyncpg.Record


@dataclass(frozen=True)
class Lane:
    """Where a kind of work waits and who does it.

    `handle` does the work of a batch and settles every claim (`finish`, `postpone`) in transactions of its own that
    begin with `hold`; it returns how much it did, and 0 ends a drain. `bury` puts a row out of the way for good.
    `abreast`: so many batches at once in one process, so that a slow row holds up its own batch and no other.
    `rung_for`: whoever makes rows due here rings for it, so that a glance which did less than this needs no second one.
    `unsettled` are claims of this process that it lost sight of when the store went away; `suspects_at` is when it will
    next look for suspects although others are due.
    """

    name: str
    table: str
    key: str
    handle: Callable[[Sequence[Claim]], Awaitable[int]]
    bury: Callable[[Claim, str], Awaitable[None]] | None = None
    key_type: str = "bigint"
    columns: tuple[str, ...] = ()
    batch: int = 200
    lease_s: float = 15.0
    max_crashes: int = 3
    rung_for: int = 0
    abreast: int = 1
    unsettled: list[Claim] = field(default_factory=list, init=False, repr=False, compare=False)
    suspects_at: list[float] = field(default_factory=lambda: [0.0], init=False, repr=False, compare=False)

    @cached_property
    def pairs(self) -> str:
        """The claims as a table: `$1` keys, `$2` fencing numbers."""
        return f"unnest($1::{self.key_type}[], $2::bigint[]) as mine(key, fence)"

    @cached_property
    def match(self) -> str:
        """The condition that a row of `t` is still the one that was claimed."""
        return f"t.{self.key} = mine.key and t.fence = mine.fence"

    def claiming(self, which: str, order: str = "next_at") -> str:
        """The statement that claims up to `$1` rows for `$2` seconds."""
        extra = "".join(f", t.{column}" for column in self.columns)
        return (
            f"with due as materialized (select {self.key} as key from {self.table}"  # noqa: S608 - constants of the code
            f" where next_at <= clock_timestamp() and {which} order by {order} limit $1 for update skip locked)"
            f" update {self.table} t set fence = t.fence + 1, crashes = t.crashes + (t.lease_until is not null)::int,"
            f" lease_until = clock_timestamp() + make_interval(secs => $2) from due where t.{self.key} = due.key"
            f" returning t.{self.key} as key, t.fence, t.crashes{extra}"
        )


_FRESH = "crashes = 0 and lease_until is null"
_SUSPECT = "((crashes > 0 and lease_until is null) or lease_until < clock_timestamp())"


async def claim(connection: Connection, lane: Lane, limit: int, *, suspects: bool = False) -> list[Claim]:
    """Take up to `limit` due rows that nobody holds, oldest due first; suspects are taken one at a time.

    Among suspects those go first that were held by the fewest who died: the innocent do not wait for the guilty.
    """
    statement = lane.claiming(_SUSPECT, "crashes, next_at") if suspects else lane.claiming(_FRESH)
    rows = await connection.fetch(statement, 1 if suspects else limit, lane.lease_s)
    if rows:
        LANE_CLAIMED.labels(lane.name).inc(len(rows))
    return [Claim(row["key"], row["fence"], row["crashes"], row) for row in rows]


async def hold(connection: Connection, lane: Lane, claims: Sequence[Claim]) -> set[Any]:
    """Lock the rows that are still ours until the transaction ends; return their keys.

    Call it first in the transaction that writes a result. A key that is missing was claimed by somebody else:
    write nothing for it.
    """
    rows = await connection.fetch(
        f"select t.{lane.key} as key from {lane.table} t join {lane.pairs} on {lane.match} order by 1 for update of t",  # noqa: S608
        *_arrays(claims),
    )
    if len(rows) < len(claims):
        LANE_FENCED.labels(lane.name).inc(len(claims) - len(rows))
        log.warning("lane_claim_lost", lane=lane.name, lost=len(claims) - len(rows))
    return {row["key"] for row in rows}


async def finish(connection: Connection, lane: Lane, claims: Sequence[Claim]) -> set[Any]:
    """Mark rows as done: nothing to do any more. Returns the keys that were still ours."""
    return await _settle(connection, lane, claims, "next_at = null, lease_until = null, crashes = 0")


async def release(connection: Connection, lane: Lane, claims: Sequence[Claim]) -> set[Any]:
    """Give rows back as due as they were. Returns the keys that were still ours."""
    return await _settle(connection, lane, claims, "lease_until = null, crashes = 0")


async def postpone(connection: Connection, lane: Lane, claims: Sequence[Claim], seconds: float) -> set[Any]:
    """Give rows back, due again after `seconds`. Returns the keys that were still ours."""
    after = "next_at = clock_timestamp() + make_interval(secs => $3), lease_until = null, crashes = 0"
    return await _settle(connection, lane, claims, after, seconds)


async def drain(pool: Pool, lane: Lane, *, seconds: float = 15.0, glance: bool = False) -> int:
    """Do all that is due in a lane, at most for about `seconds`; return how much was done.

    A batch that raises is tried again row by row, so that one bad row cannot hold up the others. Suspects wait until
    nothing else is due, but never for long. A `glance` trusts the bell: see `Lane.rung_for`.
    """
    until = time.monotonic() + seconds
    total = 0
    while time.monotonic() < until:
        async with pool.acquire() as connection:
            await _give_back(connection, lane)
            claims = await claim(connection, lane, lane.batch)
            suspects = await _suspects(connection, lane) if not claims or _is_time(lane) else []
        if not claims and not suspects:
            break
        await afp(f"{lane.name}.claimed")
        done = await _handle_all(pool, lane, claims, suspects)
        total += done
        if done == 0 or (glance and not suspects and done < lane.rung_for):
            break
    return total


def _is_time(lane: Lane) -> bool:
    return time.monotonic() >= lane.suspects_at[0]


async def _suspects(connection: Connection, lane: Lane) -> list[Claim]:
    lane.suspects_at[0] = time.monotonic() + SUSPECTS_EVERY_S
    return await claim(connection, lane, 1, suspects=True)


async def _give_back(connection: Connection, lane: Lane) -> None:
    """Free the rows that store trouble left in our hands; those that somebody else has claimed since are theirs."""
    claims = lane.unsettled.copy()
    lane.unsettled.clear()
    try:
        if claims:
            await _settle(connection, lane, claims, "lease_until = null")
    except BaseException:
        lane.unsettled.extend(claims)
        raise


async def _handle_all(pool: Pool, lane: Lane, claims: Sequence[Claim], suspects: Sequence[Claim]) -> int:
    try:
        done = await _handle(pool, lane, claims) if claims else 0
        for suspect in suspects:
            done += await _handle_suspect(pool, lane, suspect)
    except Exception as error:
        if is_store_trouble(error) and not isinstance(error, _TOO_LONG):
            lane.unsettled.extend((*claims, *suspects))
        raise
    return done


async def _handle(pool: Pool, lane: Lane, claims: Sequence[Claim]) -> int:
    try:
        return await _timed(pool, lane, claims)
    except Exception as error:
        if is_store_trouble(error):
            raise
        LANE_FAILED.labels(lane.name).inc()
        if len(claims) == 1:
            return await _absorb(pool, lane, claims[0], error)
        log.warning("lane_batch_failed", lane=lane.name, rows=len(claims), error=repr(error)[:300])
    done = 0
    for one in claims:
        done += await _handle(pool, lane, [one])
    return done


async def _handle_suspect(pool: Pool, lane: Lane, suspect: Claim) -> int:
    if suspect.crashes < lane.max_crashes or lane.bury is None:
        return await _handle(pool, lane, [suspect])
    await _bury(lane, suspect, f"brought a worker down {suspect.crashes} times")
    return 1


async def _absorb(pool: Pool, lane: Lane, one: Claim, error: Exception) -> int:
    """Settle a single row that raised: later, never, or (a bug) again with growing pauses until it is buried."""
    match error:
        case TryLater():
            log.info("lane_try_later", lane=lane.name, key=str(one.key), reason=str(error), after_s=error.after_s)
            async with pool.acquire() as connection:
                await postpone(connection, lane, [one], error.after_s)
        case GiveUp() if lane.bury is not None:
            await _bury(lane, one, str(error))
        case _ if lane.bury is not None and one.crashes + 1 >= lane.max_crashes:
            log.error("lane_row_failed", lane=lane.name, key=str(one.key), exc_info=error)
            await _bury(lane, one, f"failed {one.crashes + 1} times, last: {error!r}"[:500])
        case _:
            log.error("lane_row_failed", lane=lane.name, key=str(one.key), crashes=one.crashes + 1, exc_info=error)
            after = RETRY_AFTER_S[min(one.crashes, len(RETRY_AFTER_S) - 1)]
            blame = (
                "next_at = clock_timestamp() + make_interval(secs => $3), lease_until = null, crashes = t.crashes + 1"
            )
            async with pool.acquire() as connection:
                await _settle(connection, lane, [one], blame, after)
    return 1


async def _bury(lane: Lane, one: Claim, reason: str) -> None:
    assert lane.bury is not None
    LANE_BURIED.labels(lane.name).inc()
    log.error("lane_row_buried", lane=lane.name, key=str(one.key), reason=reason)
    await lane.bury(one, reason)


async def _timed(pool: Pool, lane: Lane, claims: Sequence[Claim]) -> int:
    with LANE_SECONDS.labels(lane.name).time():
        async with _renewing(pool, lane, claims):
            return await lane.handle(claims)


@contextlib.asynccontextmanager
async def _renewing(pool: Pool, lane: Lane, claims: Sequence[Claim]) -> AsyncIterator[None]:
    async def renew() -> None:
        while True:
            await asyncio.sleep(min(RENEW_EVERY_S, lane.lease_s / 3))
            with contextlib.suppress(*STORE_TROUBLE):
                async with pool.acquire() as connection:
                    # A row that its handler has settled already is free: it must not look held again.
                    until = "clock_timestamp() + make_interval(secs => $3)"
                    lease = f"lease_until = case when t.lease_until is not null then {until} end"
                    await _settle(connection, lane, claims, lease, lane.lease_s)

    renewal = asyncio.create_task(renew(), name=f"renew {lane.name}")
    try:
        yield
    finally:
        renewal.cancel()
        # Waited for, not awaited: its being cancelled is not ours, and ours must not be taken for its.
        await asyncio.wait([renewal])


async def _settle(connection: Connection, lane: Lane, claims: Sequence[Claim], what: str, *more: Any) -> set[Any]:
    rows = await connection.fetch(
        f"update {lane.table} t set {what} from {lane.pairs} where {lane.match} returning t.{lane.key} as key",  # noqa: S608
        *_arrays(claims),
        *more,
    )
    return {row["key"] for row in rows}


def _arrays(claims: Sequence[Claim]) -> tuple[list[Any], list[int]]:
    return [one.key for one in claims], [one.fence for one in claims]
