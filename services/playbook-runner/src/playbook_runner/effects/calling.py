"""Making one call: how it ended, also when it broke as nobody foresaw; it repeats nothing and writes nothing down."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import structlog

from milepost_core.effects import Doubt, GiveUp, Move, Outcome, Settlement, TryLater, Unknown, may_still_write
from milepost_runtime.lanes import Claim
from playbook_runner.actions.channel import Call, Channel, NotReached, Sendable
from playbook_runner.effects.committing import Ending
from playbook_runner.effects.pacing import called
from playbook_runner.queries.performing import Moving

log = structlog.get_logger()
# How an attempt is remembered, by the move that ended it.
_REMEMBERED = {Move.FINISH: "done", Move.TRY_LATER: "try_later", Move.GIVE_UP: "refused", Move.LOSE: "unknown"}


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


def ended(claim: Claim, channel: Channel, outcome: Outcome, found: Settlement, *, reached: bool) -> Ending:
    """Return how a try is written down that ended so, and of which the law made this (`found`).

    One that may have done something is remembered as in doubt, whatever came after it.
    """
    moving = Moving(
        claim.key,
        found.move,
        claim.fence,
        found.reason,
        found.wait_s,
        tries=0 if reached else 1,
        remote_id=getattr(outcome, "remote_id", None),
        keeps=not getattr(outcome, "certain", True),
    )
    told = ("unknown" if moving.keeps else _REMEMBERED[found.move]) if reached else "not_reached"
    # Whoever was reached put it off: not now.
    spoken_to = reached and getattr(outcome, "reached", True)
    code = "not_now" if spoken_to and found.move is Move.TRY_LATER else None
    # Who cannot be reached as things are set up has not been called.
    call = None if not reached and isinstance(outcome, GiveUp) else called(claim, outcome)
    no_mailbox = getattr(outcome, "no_mailbox", False)
    letter = isinstance(outcome, TryLater) and channel.doubt is Doubt.KEYED
    return Ending(claim, moving, told, code=code, call=call, no_mailbox=no_mailbox, letter=letter)
