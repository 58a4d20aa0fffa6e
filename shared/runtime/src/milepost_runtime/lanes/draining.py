"""Draining lanes: all that is due is handed to who does it, a batch at a time; what fails harms only itself.

It never claims beyond a batch, and it settles nothing that a handler has settled.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence

import asyncpg
import structlog

from milepost_runtime.database import STORE_TROUBLE, Connection, Pool, is_store_trouble
from milepost_runtime.failpoints import afp
from milepost_runtime.lanes.claiming import Claim, Lane, claim, claim_alone, claim_held, postpone, settle
from milepost_runtime.metrics import LANE_BURIED, LANE_FAILED, LANE_SECONDS

log = structlog.get_logger()
RENEW_EVERY_S = 5.0
# While others are due, suspects are looked for so often. Those that are claimed alone then get so much time, and never
# more than the others had.
SUSPECTS_EVERY_S = 0.5
SUSPECTS_FOR_S = 0.5
# While this process is at suspects and nothing else is due, the others look again after so long.
WHILE_SUSPECTS_S = 0.1
# In the place of the moment of the next look: somebody of this process is at suspects.
_TAKEN = float("inf")
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


async def drain(pool: Pool, lane: Lane, *, seconds: float = 15.0, glance: bool = False) -> int:
    """Do all that is due in a lane, at most for about `seconds`; return how much was done.

    A batch that raises is tried again row by row, so that one bad row cannot hold up the others. What a dead worker
    held goes on beside the others, a few at a time; who was there more than once waits until nothing else is due, but
    never for long. A `glance` trusts the bell: see `Lane.rung_for`. A lane that is `stopping` ends after the batches
    that are under way.
    """
    until, over = time.monotonic() + seconds, asyncio.Event()
    held = [asyncio.create_task(_beside(pool, lane, until, over), name=f"suspects {lane.name}")]
    try:
        done = await _drain_others(pool, lane, until, held, glance=glance)
        over.set()
        return done + sum(await asyncio.gather(*held))
    except asyncio.CancelledError:
        for task in held:
            task.cancel()
        raise
    finally:
        over.set()
        # Waited for, not awaited: what the others raised goes before what these may raise.
        await asyncio.wait(held)


async def _drain_others(pool: Pool, lane: Lane, until: float, held: "list[asyncio.Task[int]]", *, glance: bool) -> int:
    total = 0
    # As long as suspects take: their last few may be slow, and nobody waits for them.
    while (time.monotonic() < until or lane.suspects_at[0] == _TAKEN) and not lane.stopping.is_set():
        async with pool.acquire() as connection:
            await _give_back(connection, lane)
            claims = await claim(connection, lane, lane.batch)
        done = await _handle_all(pool, lane, claims)
        total += done
        found = await _look(pool, lane, until, held) if not claims or _is_time(lane.suspects_at) else 0
        if lane.suspects_at[0] == _TAKEN:
            # Somebody is at suspects: what comes due meanwhile does not wait for their end.
            await asyncio.sleep(0.0 if claims else WHILE_SUSPECTS_S)
            continue
        alone = await _drain_alone(pool, lane) if not claims or _is_time(lane.alone_at) else 0
        total += alone
        if done + found + alone == 0 or (glance and not found + alone and done < lane.rung_for):
            break
    return total


def _is_time(at: Sequence[float]) -> bool:
    return time.monotonic() >= at[0]


async def _beside(pool: Pool, lane: Lane, until: float, over: asyncio.Event) -> int:
    """Look for what a dead worker held also while a batch of the others lasts; return how much was done."""
    done = 0
    while not over.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SUSPECTS_EVERY_S):
                await over.wait()
        if not over.is_set() and _is_time(lane.suspects_at):
            done += await _drain_held(pool, lane, until)
    return done


async def _look(pool: Pool, lane: Lane, until: float, held: "list[asyncio.Task[int]]") -> int:
    """Begin with what a dead worker held; return how much was done unless it lasts: then it goes on beside."""
    if lane.suspects_at[0] == _TAKEN:
        return 0
    held.append(asyncio.create_task(_drain_held(pool, lane, until), name=f"suspects {lane.name}"))
    await asyncio.wait(held[-1:], timeout=WHILE_SUSPECTS_S)
    return held[-1].result() if held[-1].done() else 0


async def _drain_held(pool: Pool, lane: Lane, until: float) -> int:
    """Do, a few at a time, all that was there when one worker died; return how much was done."""
    if lane.suspects_at[0] == _TAKEN:
        return 0
    lane.suspects_at[0] = _TAKEN
    done = 0
    try:
        while time.monotonic() < until and not lane.stopping.is_set():
            async with pool.acquire() as connection:
                few = await claim_held(connection, lane)
            if not few:
                break
            done += await _handle_all(pool, lane, few)
    finally:
        lane.suspects_at[0] = time.monotonic() + SUSPECTS_EVERY_S
    return done


async def _drain_alone(pool: Pool, lane: Lane) -> int:
    """Do what is due of those that were there more than once, one at a time; return how much was done.

    Nothing that a dead worker held is beside them: one of that may kill, and these are near burial.
    """
    began, done = time.monotonic(), 0
    lane.suspects_at[0] = _TAKEN
    try:
        while time.monotonic() < began + SUSPECTS_FOR_S and not lane.stopping.is_set():
            async with pool.acquire() as connection:
                one = await claim_alone(connection, lane)
            if not one:
                break
            done += await _handle_all(pool, lane, one)
    finally:
        # However long one of them took: the others have as much time now.
        now = time.monotonic()
        lane.alone_at[0] = now + max(SUSPECTS_EVERY_S, now - began)
        lane.suspects_at[0] = now + SUSPECTS_EVERY_S
    return done


async def _give_back(connection: Connection, lane: Lane) -> None:
    """Free the rows that store trouble left in our hands; those that somebody else has claimed since are theirs."""
    claims = lane.unsettled.copy()
    lane.unsettled.clear()
    try:
        if claims:
            await settle(connection, lane, claims, "lease_until = null")
    except BaseException:
        lane.unsettled.extend(claims)
        raise


async def _handle_all(pool: Pool, lane: Lane, claims: Sequence[Claim]) -> int:
    if not claims:
        return 0
    await afp(f"{lane.name}.claimed")
    try:
        return await _handle(pool, lane, claims)
    except Exception as error:
        if is_store_trouble(error) and not isinstance(error, _TOO_LONG):
            lane.unsettled.extend(claims)
        raise


async def _handle(pool: Pool, lane: Lane, claims: Sequence[Claim]) -> int:
    if claims[0].crashes >= lane.max_crashes and lane.bury is not None:
        # Nobody is beside it: who was there more than once is claimed alone.
        await _bury(lane, claims[0], f"brought a worker down {claims[0].crashes} times")
        return 1
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
                await settle(connection, lane, [one], blame, after)
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
                    await settle(connection, lane, claims, lease, lane.lease_s)

    renewal = asyncio.create_task(renew(), name=f"renew {lane.name}")
    try:
        yield
    finally:
        renewal.cancel()
        # Waited for, not awaited: its being cancelled is not ours, and ours must not be taken for its.
        await asyncio.wait([renewal])
