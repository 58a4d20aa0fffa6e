"""The children of one supervisor as a family: watch all, end them in order; never starts one again."""

import asyncio
import signal
from collections.abc import Sequence

from milepost_devstack.spawning import Child

_LOOK_EVERY_S = 0.1
# uvicorn raises the signal again after it has stopped cleanly.
GOOD_ENDS = frozenset({0, -signal.SIGTERM, -signal.SIGINT})


class Family:
    """Children in two floors: services stand on stores."""

    def __init__(self) -> None:
        self.services: list[Child] = []
        self.stores: list[Child] = []

    def pids(self) -> dict[str, int]:
        """Process ids by name."""
        return {child.command.name: child.pid for child in [*self.stores, *self.services]}

    async def first_end(self) -> Child:
        """Return the first child that ended although nobody asked it to."""
        while True:
            for child in [*self.services, *self.stores]:
                if not child.stopping and child.ended() is not None:
                    return child
            await asyncio.sleep(_LOOK_EVERY_S)

    async def stop_services(self) -> list[Child]:
        """End the services side by side; return those that did not end well."""
        return await _stop(self.services)

    async def stop_stores(self) -> list[Child]:
        """End the stores side by side, after the services have let go of them."""
        return await _stop(self.stores)

    def hurry(self) -> None:
        """Stop waiting for services that are ending; the stores still end without loss."""
        for child in self.services:
            child.send(signal.SIGKILL)
        for child in self.stores:
            if child.stopping:
                child.send(child.command.death_signal)


async def _stop(children: Sequence[Child]) -> list[Child]:
    fallen = [child for child in children if child.ended() is not None]
    statuses = await asyncio.gather(*(child.stop() for child in children))
    return [
        child
        for child, status in zip(children, statuses, strict=True)
        if status not in GOOD_ENDS and child not in fallen
    ]
