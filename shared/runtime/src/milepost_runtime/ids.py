"""Identifiers: time-ordered UUIDs and correlation ids; it never talks to a store."""

import os
import re
import time
import uuid
from datetime import datetime

_SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


def new_id() -> uuid.UUID:
    """Return a UUID version 7 (RFC 9562): 48 bits of milliseconds, then 74 random bits, so keys grow with time."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80
    value |= 0x7 << 76 | ((random >> 62) & 0xFFF) << 64
    value |= 0b10 << 62 | (random & 0x3FFFFFFFFFFFFFFF)
    return uuid.UUID(int=value)


def first_id(at: datetime) -> uuid.UUID:
    """Return the id below all that `new_id` makes from an instant on: where a range of time begins among ids."""
    return uuid.UUID(int=(int(at.timestamp() * 1000) & 0xFFFFFFFFFFFF) << 80)


def new_correlation_id() -> str:
    """Return an id that follows one cause from the first webhook to the last effect: 32 hex digits."""
    return os.urandom(16).hex()


def clean_correlation_id(raw: str | None) -> str:
    """Return the caller's id if it is 1 to 64 characters of `A-Za-z0-9._-`, else a new one."""
    return raw if raw and _SAFE.match(raw) else new_correlation_id()
