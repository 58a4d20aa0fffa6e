"""Returning: what a mail server or a provider says of a mailbox becomes a word to leave its owner alone; sends nothing.

A mailbox that is not there is `bounced`, a reader who called a mail unwanted has `complained`. Each is one word until a
person takes it back, and only what happens afterwards says it again. The mailbox itself is kept nowhere.
"""

import re
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
# As providers write it, without what is no letter.
_FOR_GOOD: Final = frozenset(
    {"hard", "permanent", "hardbounce", "permanentbounce", "bouncehard", "permanentfailure", "permanentfail"}
)
_NO_LETTERS: Final = re.compile("[^a-z]")
_LINKED: Final = re.compile(r"\s*(?:mailto:([^?]*)|email:(.*))", re.IGNORECASE)
_NAMED: Final = re.compile(r"<([^<>]*)>\s*$")
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
        """Keep what was said, inside the caller's transaction and as the last thing in it.

        What names no address that we would write to is nothing but a line in the log.
        """
        found = []
        for one in told:
            try:
                person = person_of(self.vault, one.address)
            except BadAddress as error:
                log.warning("return_left", author=one.author, evidence=one.evidence, why=str(error))
                continue
            reason = one.reason[:MOST_REASON]
            found.append(NewReturn(new_id(), one.kind, person, reason, one.author, one.evidence, one.at))
        new = await queries.keep_returns(connection, found) if found else 0
        if told:
            log.info("returned", told=len(told), new=new)

    async def heed(self, connection: Connection, rows: Sequence[asyncpg.Record]) -> None:
        """Keep what these rows of the feed of events say, as `keep` does."""
        await self.keep(connection, [found for row in rows if (found := read(row)) is not None])


def read(row: Mapping[str, Any]) -> Return | None:
    """Return what an event says of a mailbox; None: nothing, which has a line in the log unless it is no such event.

    The address is the property `address`, else who acted. A mail came back for good unless `bounce` says another word.
    """
    kind, properties = KINDS.get(row["type"]), row["properties"] or {}
    if kind is None:
        return None
    if kind == BOUNCED and not _for_good(properties.get("bounce")):
        why = "it came back for a while only, or nobody knows for how long"
        log.info("return_left", author=row["source"], evidence=f"event:{row['event_id']}", why=why)
        return None
    told = properties.get("address")
    address = _bare(told if isinstance(told, str) and told.strip() else row["actor"] or "")
    said = properties.get("reason")
    reason = said if isinstance(said, str) else ""
    return Return(kind, address, reason, row["source"], f"event:{row['event_id']}", row["occurred_at"])


def _for_good(said: object) -> bool:
    """Whoever tells of a mail that came back and not for how long means for good."""
    if said is None or said == "":
        return True
    return isinstance(said, str) and _NO_LETTERS.sub("", said.lower()) in _FOR_GOOD


def _bare(text: str) -> str:
    """Return the address in a text as people and providers write it: with a name, or as a link."""
    named = _NAMED.search(text)
    plain = named[1] if named else text
    linked = _LINKED.match(plain)
    return (linked[1] or linked[2] or "" if linked else plain).strip()
