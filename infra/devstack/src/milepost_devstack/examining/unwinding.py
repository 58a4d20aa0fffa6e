"""Lets an asked end (SIGTERM, SIGHUP) unwind a command as an interrupt does; it catches nothing that kills."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_ASKED = (signal.SIGTERM, signal.SIGHUP)


def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` as `asyncio.run` does; an asked end cancels it, so that it cleans up.

    Raises SystemExit with 128 and the signal's number once that is done.
    """
    asked: list[int] = []

    async def heeding() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def end(number: int) -> None:
            # Once: a second word must not cut short what tidies up after the first.
            if not asked:
                asked.append(number)
                task.cancel()

        for number in _ASKED:
            loop.add_signal_handler(number, end, number)
        return await work

    try:
        return asyncio.run(heeding())
    except asyncio.CancelledError:
        if not asked:
            raise
        raise SystemExit(128 + asked[0]) from None
