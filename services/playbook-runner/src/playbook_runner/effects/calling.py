"""Making one call: how it ended, also when it broke as nobody foresaw; it repeats nothing and writes nothing down."""

import time

import structlog

from milepost_core.effects import Outcome, TryLater, Unknown, may_still_write
from playbook_runner.actions.channel import Call

log = structlog.get_logger()


async def make(call: Call, began: float, lease_s: float) -> Outcome:
    """Make a call that started at `began` (monotonic) under a lease of so many seconds; return how it ended.

    An error that nobody foresaw leaves doubt only where the bytes may have been written.
    """
    granted = False

    def may_write() -> bool:
        nonlocal granted
        now = may_still_write(time.monotonic() - began, lease_s)
        granted = granted or now
        return now

    try:
        return await call.perform(may_write)
    except Exception as error:
        log.exception("call_broke")
        reason = f"unforeseen: {type(error).__name__}"
        return Unknown(reason) if granted else TryLater(reason)
