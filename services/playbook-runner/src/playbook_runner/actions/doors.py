"""Where an effect's call goes: what a channel needs to know of a connection, read a moment ago; it changes nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

# A connection that is switched off or given another secret is heard of this much later.
FRESH_S = 2.0


class Door(Protocol):
    """A connection with its secrets in the clear, for the moment of a call."""

    @property
    def kind(self) -> str:
        """`webhook`, `slack` or a CRM."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """What it was set to."""
        ...

    @property
    def secrets(self) -> Mapping[str, Any]:
        """What signs or opens."""
        ...


class NoDoor(Exception):
    """There is no such connection, or it is not to be used."""


Find = Callable[[str], Awaitable[Door]]


@dataclass
class Doors:
    """Connections by name, each read at most once in FRESH_S, however many ask at once. `find` raises NoDoor."""

    find: Find = field(repr=False)
    _known: dict[str, tuple[float, asyncio.Future[Door]]] = field(default_factory=dict, repr=False)

    async def named(self, name: str, kind: str) -> Door:
        """Return the connection of this name. Raises NoDoor, also when it is of another kind."""
        known = self._known.get(name)
        if known is None or time.monotonic() - known[0] > FRESH_S:
            known = (time.monotonic(), asyncio.ensure_future(self.find(name)))
            self._known[name] = known
        try:
            # Shielded: who stops waiting takes the answer from nobody else.
            door = await asyncio.shield(known[1])
        except Exception:
            if self._known.get(name) is known:
                del self._known[name]
            raise
        if door.kind != kind:
            raise NoDoor(f"the connection {name} is of the kind {door.kind}, not {kind}")
        return door
