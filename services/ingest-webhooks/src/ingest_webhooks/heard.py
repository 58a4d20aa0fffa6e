"""What hearing makes of a delivery: its row beside what it said; it reads nothing itself."""

from dataclasses import dataclass
from uuid import UUID

from asyncpg import Record

from ingest_webhooks.queries.events import Origin
from ingest_webhooks.words.shapes import Normalised


@dataclass(frozen=True, slots=True)
class Heard:
    """A delivery and what it said; `seen`: it was relayed before."""

    row: Record
    said: Normalised
    origin: Origin

    @property
    def id(self) -> UUID:
        """The delivery's id."""
        found: UUID = self.row["id"]
        return found

    @property
    def seen(self) -> bool:
        """Whether it was relayed before, so that what it told then may mean something else now."""
        return bool(self.row["seen"])

    @property
    def closed(self) -> bool:
        """Whether a person was taken out of its body after it was told: it says nothing now, and what it said stays."""
        return bool(self.row["closed"])

    @property
    def understood(self) -> bool:
        """Whether its body could be read at all."""
        return all(fault.position is not None for fault in self.said.faults)
