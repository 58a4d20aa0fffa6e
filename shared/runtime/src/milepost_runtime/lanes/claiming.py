"""Claiming rows that are work, for as long as a lease lasts, and settling those that are still ours.

It never does the work, and it knows of no process but the one that asks.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import asyncpg
import structlog

from milepost_runtime.database import Connection
from milepost_runtime.metrics import LANE_CLAIMED, LANE_FENCED

log = structlog.get_logger()
# Suspects are among what is due longest: further back than this nobody looks for them.
_FRONT = 2_000
# The part of a batch in which what a dead worker held goes on: few are near the one that kills, and soon all go on.
HELD_SHARE = 8
# The clock of a claim stands still, so that an index on `next_at` is read as far as rows are due and no further.
_NOW = "statement_timestamp()"


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
    next look for suspects although others are due, and `alone_at` for those that are claimed alone (one of `abreast`
    does; meanwhile the first is infinite). `stopping` is set once its worker is to end:
    no further batch is claimed, and a handler may hear it too; `at_end` is waited for after the last one.
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
    alone_at: list[float] = field(default_factory=lambda: [0.0], init=False, repr=False, compare=False)
    at_end: Callable[[], Awaitable[None]] | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event, repr=False, compare=False)

    @cached_property
    def pairs(self) -> str:
        """The claims as a table: `$1` keys, `$2` fencing numbers."""
        return f"unnest($1::{self.key_type}[], $2::bigint[]) as mine(key, fence)"

    @cached_property
    def match(self) -> str:
        """The condition that a row of `t` is still the one that was claimed."""
        return f"t.{self.key} = mine.key and t.fence = mine.fence"

    @cached_property
    def claiming(self) -> str:
        """The statement that claims up to `$1` rows for `$2` seconds."""
        return self._claiming(f"{self.table} t", "t.crashes = 0 and t.lease_until is null", self._oldest)

    @cached_property
    def claiming_first_time(self) -> str:
        """The statement that claims up to `$1` rows, for `$2` seconds, that were there when one worker died."""
        return self._claiming(self._suspects(_first_time), _first_time("t"), self._oldest)

    @cached_property
    def claiming_again(self) -> str:
        """The statement that claims up to `$1` rows, for `$2` seconds, that failed or that several died with."""
        return self._claiming(self._suspects(_again), _again("t"), f"t.crashes, {self._oldest}")

    @property
    def _oldest(self) -> str:
        # Of what is due at one moment the order lasts too, so that what a dead worker held stays in front.
        return f"t.next_at, t.{self.key}"

    def _suspects(self, which: Callable[[str], str]) -> str:
        # What is due longest, whatever else is due: so looking for suspects costs the same beside a million rows.
        oldest = (
            "select tableoid as part, ctid as place, crashes, lease_until"  # noqa: S608 - constants of the code
            f" from {self.table} where next_at <= {_NOW} order by next_at, {self.key} limit {_FRONT}"
        )
        found = f"select part, place from ({oldest}) oldest where {which('oldest')}"  # noqa: S608 - of the code
        return f"({found}) found join {self.table} t on t.ctid = found.place and t.tableoid = found.part"

    def _claiming(self, source: str, which: str, order: str) -> str:
        # The place of a row in its part of the table is as good as its key until the statement ends, and is found
        # without an index. Who has moved meanwhile is not claimed now.
        extra = "".join(f", t.{column}" for column in self.columns)
        return (
            "with due as materialized (select t.tableoid as part, t.ctid as place"  # noqa: S608 - constants of the code
            f" from {source} where t.next_at <= {_NOW} and {which} order by {order} limit $1"
            " for update of t skip locked)"
            f" update {self.table} t set fence = t.fence + 1, crashes = t.crashes + (t.lease_until is not null)::int,"
            f" lease_until = clock_timestamp() + make_interval(secs => $2) from due"
            f" where t.ctid = due.place and t.tableoid = due.part"
            f" returning t.{self.key} as key, t.fence, t.crashes{extra}"
        )


def _first_time(of: str) -> str:
    return f"{of}.crashes = 0 and {of}.lease_until < {_NOW}"


def _again(of: str) -> str:
    return f"{of}.crashes > 0 and ({of}.lease_until is null or {of}.lease_until < {_NOW})"


async def claim(connection: Connection, lane: Lane, limit: int) -> list[Claim]:
    """Take up to `limit` due rows that nobody holds and nobody died of, oldest due first."""
    return await _claim(connection, lane, lane.claiming, limit)


async def claim_suspects(connection: Connection, lane: Lane) -> list[Claim]:
    """Take due rows whose holder died: a few that were there once, or else one that was there more often."""
    return await claim_held(connection, lane) or await claim_alone(connection, lane)


async def claim_held(connection: Connection, lane: Lane) -> list[Claim]:
    """Take a few due rows that were there when one worker died."""
    return await _claim(connection, lane, lane.claiming_first_time, max(1, lane.batch // HELD_SHARE))


async def claim_alone(connection: Connection, lane: Lane) -> list[Claim]:
    """Take the one due row that was there when several died, or that failed, that was there when the fewest did.

    The innocent do not wait for the guilty.
    """
    return await _claim(connection, lane, lane.claiming_again, 1)


async def _claim(connection: Connection, lane: Lane, statement: str, limit: int) -> list[Claim]:
    rows = await connection.fetch(statement, limit, lane.lease_s)
    if rows:
        LANE_CLAIMED.labels(lane.name).inc(len(rows))
    return [Claim(row["key"], row["fence"], row["crashes"], row) for row in rows]


async def hold(connection: Connection, lane: Lane, claims: Sequence[Claim]) -> set[Any]:
    """Lock the rows that are still ours until the transaction ends; return their keys.

    Call it before the transaction writes a result. A key that is missing was claimed by somebody else:
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
    return await settle(connection, lane, claims, "next_at = null, lease_until = null, crashes = 0")


async def release(connection: Connection, lane: Lane, claims: Sequence[Claim]) -> set[Any]:
    """Give rows back as due as they were. Returns the keys that were still ours."""
    return await settle(connection, lane, claims, "lease_until = null, crashes = 0")


async def postpone(connection: Connection, lane: Lane, claims: Sequence[Claim], seconds: float) -> set[Any]:
    """Give rows back, due again after `seconds`. Returns the keys that were still ours."""
    after = "next_at = clock_timestamp() + make_interval(secs => $3), lease_until = null, crashes = 0"
    return await settle(connection, lane, claims, after, seconds)


async def settle(connection: Connection, lane: Lane, claims: Sequence[Claim], what: str, *more: Any) -> set[Any]:
    """Set columns (SQL over `t`, with `more` from `$3` on) of rows that are still ours; return their keys."""
    rows = await connection.fetch(
        f"update {lane.table} t set {what} from {lane.pairs} where {lane.match} returning t.{lane.key} as key",  # noqa: S608
        *_arrays(claims),
        *more,
    )
    return {row["key"] for row in rows}


def _arrays(claims: Sequence[Claim]) -> tuple[list[Any], list[int]]:
    return [one.key for one in claims], [one.fence for one in claims]
