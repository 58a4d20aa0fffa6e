"""Identifiers: time-ordered UUIDs and correlation ids; it never talks to a store."""

import os
import re
import time
import uuid
from datetime import datetime

from asyncpg.pgproto.pgproto import UUID as QuickUUID

_SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_POOL_BYTES = 4_096


class _Randomness:
    """The system's randomness, fetched by the page: asking for ten bytes costs as much as asking for thousands."""

    def __init__(self) -> None:
        self._page = b""
        self._used = 0
        os.register_at_fork(after_in_child=self._forget)

    def take(self, number: int) -> bytes:
        """Return so many bytes that nobody was given before."""
        start = self._used
        self._used = end = start + number
        if end > len(self._page):
            self._page, start = os.urandom(_POOL_BYTES), 0
            self._used = end = number
        return self._page[start:end]

    def _forget(self) -> None:
        self._page, self._used = b"", 0


_randomness = _Randomness()


def new_id() -> uuid.UUID:
    """Return a UUID version 7 (RFC 9562): 48 bits of milliseconds, then 74 random bits, so keys grow with time."""
    random = _randomness.take(10)
    moment = (time.time_ns() // 1_000_000).to_bytes(6, "big")
    marked = bytes((0x70 | random[0] & 0x0F, random[1], 0x80 | random[2] & 0x3F))
    made: uuid.UUID = QuickUUID(moment + marked + random[3:])
    return made


def first_id(at: datetime) -> uuid.UUID:
    """Return the id below all that `new_id` makes from an instant on: where a range of time begins among ids."""
    return uuid.UUID(int=(int(at.timestamp() * 1000) & 0xFFFFFFFFFFFF) << 80)


def new_correlation_id() -> str:
    """Return an id that follows one cause from the first webhook to the last effect: 32 hex digits."""
    return _randomness.take(16).hex()


def clean_correlation_id(raw: str | None) -> str:
    """Return the caller's id if it is 1 to 64 characters of `A-Za-z0-9._-`, else a new one."""
    return raw if raw and _SAFE.match(raw) else new_correlation_id()
