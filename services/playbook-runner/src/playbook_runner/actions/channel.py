"""What every channel offers to the lane that performs effects; it names no channel."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from milepost_core.effects import Doubt, Outcome


@dataclass(frozen=True)
class Sendable:
    """One effect as a channel sees it: under which key, to whom, which bytes, through which connection (by name).

    `since` is when the effect was intended: no call for it was made before. `doubted_since`, where a receiver is asked
    about it, is when the first call began whose end nobody knows.
    """

    key: bytes
    recipient: str
    payload: bytes
    correlation_id: str
    destination: str = ""
    since: datetime | None = None
    doubted_since: datetime | None = None


class NotReached(Exception):
    """The receiver could not be reached or would not talk to us: certainly nothing was done.

    `wish_s`: it asked to be left alone by everybody for so many seconds.
    """

    def __init__(self, reason: str, wish_s: float | None = None) -> None:
        super().__init__(reason)
        self.wish_s = wish_s


class Unreachable(Exception):
    """The receiver can never be reached as things are set up: certainly nothing was done, and waiting does not help."""


class Call(Protocol):
    """An open line to the receiver."""

    async def perform(self, may_write: Callable[[], bool]) -> Outcome:
        """Make the call and say how it ended.

        `may_write` is asked directly before the bytes that cannot be taken back; when it says no, nothing is written.
        """
        ...


class Channel(Protocol):
    """A way to the outside. `longest_call_s` bounds `perform`."""

    @property
    def name(self) -> str:
        """The word under which effects name this channel."""
        ...

    @property
    def doubt(self) -> Doubt:
        """What this channel offers when the answer to a call is lost."""
        ...

    @property
    def longest_call_s(self) -> float:
        """After so many seconds `perform` has ended, one way or another."""
        ...

    def open(self, effect: Sendable) -> AbstractAsyncContextManager[Call]:
        """Reach the receiver, before the effect counts as started. Raises NotReached, Unreachable."""
        ...

    async def ask(self, effect: Sendable) -> bool | None:
        """Ask whether the call for this effect was done; None when the receiver cannot say.

        Raises NotReached while the receiver cannot be asked: then the question is put again later.
        """
        ...
