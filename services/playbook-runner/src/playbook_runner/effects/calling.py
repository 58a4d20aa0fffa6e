"""Making one call: how it ended, also when it broke as nobody foresaw; it repeats nothing and writes nothing down."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import structlog

from milepost_core.effects import Outcome, TryLater, Unknown, may_still_write
from playbook_runner.actions.channel import Call, Channel, NotReached, Sendable

log = structlog.get_logger()


@contextlib.asynccontextmanager
async def reached(channel: Channel, effect: Sendable, until: float) -> AsyncIterator[Call]:
    """Reach the receiver until so late (the loop's time). Raises NotReached, Unreachable."""
    async with contextlib.AsyncExitStack() as line:
        try:
            async with asyncio.timeout_at(until):
                call = await line.enter_async_context(channel.open(effect))
        except TimeoutError:
            raise NotReached("the receiver was not reached in time") from None
        yield call


async def make(call: Call, began: float, lease_s: float, until: float) -> Outcome:
    """Make a call that started at `began` (monotonic) under a lease of so many seconds; return how it ended.

    It ends at `until` (the loop's time). That, or an error that nobody foresaw, leaves doubt only where the bytes may
    have been written.
    """
    granted = False

    def may_write() -> bool:
        nonlocal granted
        now = may_still_write(time.monotonic() - began, lease_s)
        granted = granted or now
        return now

    try:
        async with asyncio.timeout_at(until):
            return await call.perform(may_write)
    except TimeoutError:
        reason = "the call as a whole took too long"
        return Unknown(reason) if granted else TryLater(reason)
    except Exception as error:
        log.exception("call_broke")
        reason = f"unforeseen: {type(error).__name__}"
        return Unknown(reason) if granted else TryLater(reason)
