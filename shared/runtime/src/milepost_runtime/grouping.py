"""Group commits: what many tasks want written at the same moment is written by one; it knows no statement.

While one commit is under way, whoever comes is gathered for the next one: alone nobody waits, in a crowd a commit is
shared. Who is cancelled while waiting is written all the same.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from milepost_runtime.database import is_store_trouble

T = TypeVar("T")
R = TypeVar("R")


class Group(Generic[T, R]):
    """Calls `commit` with up to `most` items at once; it returns one result an item, in their order.

    When a commit of several raises, each is committed alone, so that one bad item harms no other; store trouble is
    everybody's.
    """

    def __init__(self, commit: Callable[[Sequence[T]], Awaitable[Sequence[R]]], most: int = 200) -> None:
        self._commit = commit
        self._most = most
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def submit(self, item: T) -> R:
        """Return the item's result once it is committed; raises what its commit raised."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._waiting.append((item, future))
        if self._task is None or self._task.done():
            # What is bound to the logs of the one who came first is not the others'.
            self._task = loop.create_task(self._run(), context=contextvars.Context())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            # One turn of the loop lets those in who became ready together with the first.
            await asyncio.sleep(0)
            taken = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            await self._settle(taken)

    async def _settle(self, taken: Sequence[tuple[T, "asyncio.Future[R]"]]) -> None:
        try:
            results = await self._commit([item for item, _ in taken])
        except Exception as error:
            if len(taken) > 1 and not is_store_trouble(error):
                for one in taken:
                    await self._settle([one])
                return
            for _, future in taken:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(taken, results, strict=True):
            if not future.done():
                future.set_result(result)
