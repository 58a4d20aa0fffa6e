"""Returning: what a mail server or a provider says of a mailbox becomes a word to leave its owner alone; sends nothing.

A mailbox that is not there is `bounced`, a reader who called a mail unwanted has `complained`. Each is one word until a
person takes it back, and only what happens afterwards says it again. The mailbox itself is kept nowhere.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import asyncpg
import structlog

from milepost_core.events import COMPLAINED, RETURNED
from milepost_runtime.database import Connection
from milepost_runtime.ids import new_id
from milepost_runtime.secrets import Vault
from playbook_runner.actions.addresses import BadAddress
from playbook_runner.queries import suppressions as queries
from playbook_runner.queries.suppressions import NewReturn
from playbook_runner.wording.ways_out import person_of

log = structlog.get_logger()
BOUNCED: Final = "bounced"
KINDS: Final[Mapping[str, str]] = {RETURNED: BOUNCED, COMPLAINED: "complained"}
"""Event types that speak of mailboxes, and the word that each is."""
_FOR_GOOD: Final = frozenset({"hard", "permanent"})
MOST_REASON: Final = 300


@dataclass(frozen=True)
class Return:
    """What is said of an address; `author` says it, `evidence` is where that can be looked up."""

    kind: str
    address: str
    reason: str
    author: str
    evidence: str
    at: datetime | None = None


@dataclass(frozen=True)
class Returning:
    """The use case around mailboxes that are not there, and readers who want none of it."""

    vault: Vault = field(repr=False)

    async def keep(self, connection: Connection, told: Sequence[Return]) -> None:
        """Keep what was said, inside the caller's transaction and as the last thing in it; no address: nothing."""
        found = []
        for one in told:
            with contextlib.suppress(BadAddress):
                person = person_of(self.vault, one.address)
                reason = one.reason[:MOST_REASON]
                found.append(NewReturn(new_id(), one.kind, person, reason, one.author, one.evidence, one.at))
        new = await queries.keep_returns(connection, found) if found else 0
        if told:
            log.info("returned", told=len(told), new=new)

    async def heed(self, connection: Connection, rows: Sequence[asyncpg.Record]) -> None:
        """Keep what these rows of the feed of events say, as `keep` does."""
        await self.keep(connection, [found for row in rows if (found := read(row)) is not None])


def read(row: Mapping[str, Any]) -> Return | None:
    """Return what an event says of a mailbox; None: nothing, or only that it could not be reached for a while.

    The address is the property `address`, or who acted. A mail came back for good unless `bounce` says another word
    than `hard` or `permanent`.
    """
    kind, properties = KINDS.get(row["type"]), row["properties"] or {}
    if kind is None or (kind == BOUNCED and str(properties.get("bounce", "hard")).lower() not in _FOR_GOOD):
        return None
    address = properties.get("address") or row["actor"]
    if not isinstance(address, str):
        return None
    said = properties.get("reason")
    reason = said if isinstance(said, str) else ""
    return Return(
        kind, address.removeprefix("email:"), reason, row["source"], f"event:{row['event_id']}", row["occurred_at"]
    )
