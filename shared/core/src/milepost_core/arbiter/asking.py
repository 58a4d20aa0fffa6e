"""What is asked of the arbiter, what it has to know, and what it answers; plain frozen values.

Nothing here decides; see `law`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from milepost_core.arbiter.hours import Hours

Refused: TypeAlias = Literal["suppressed", "capped", "skipped"]
RIVALS_AHEAD: Final = timedelta(days=1)
"""Whoever is due so soon keeps their place before messages of lower priority; who waits longer holds up nobody."""


@dataclass(frozen=True)
class Request:
    """One message that wants out. `person` stands for its recipient, `key` for the message; `asked_at`: since when.

    `colleague`: the recipient is one of us, not the customer. Higher `priority` (0..100) goes first.
    """

    key: bytes
    account: str
    person: str
    channel: str
    asked_at: datetime
    priority: int = 50
    transactional: bool = False
    colleague: bool = False

    @property
    def place(self) -> tuple[bool, int, datetime, bytes]:
        """Who goes first when few may go: what is owed, then higher priority, then who has waited longer."""
        return not self.transactional, -self.priority, self.asked_at, self.key


@dataclass(frozen=True)
class Objection:
    """A standing word to leave somebody alone: an opt-out, a legal hold and the like, `until` a moment if it ends.

    `of_person`: it is about the recipient; otherwise about the whole account.
    """

    kind: str
    of_person: bool
    reason: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class Touched:
    """A message that took somebody's attention: to whom and when; `colleague`: to one of us."""

    person: str
    at: datetime
    channel: str
    colleague: bool = False


@dataclass(frozen=True)
class Rival:
    """A message of the same account that waits for its turn, too, and is due within `RIVALS_AHEAD`."""

    person: str
    channel: str
    priority: int
    colleague: bool = False


@dataclass(frozen=True)
class Standing:
    """What is known about a recipient and their account at the moment of asking.

    `touches` and `rivals` are those of the whole account and of the person; `hours` None: somebody whose hours nobody
    has to keep (a shared mailbox of ours). `call_at` is the next booked call, `away_until` when a colleague without a
    stand-in comes back.
    """

    hours: Hours | None
    objections: tuple[Objection, ...] = ()
    touches: tuple[Touched, ...] = ()
    rivals: tuple[Rival, ...] = ()
    escalated: bool = False
    call_at: datetime | None = None
    holdout: bool = False
    away_until: datetime | None = None


@dataclass(frozen=True)
class Allow:
    """It goes out now."""


@dataclass(frozen=True)
class Defer:
    """It asks again at `until`."""

    until: datetime
    code: str
    sentence: str


@dataclass(frozen=True)
class Refuse:
    """It does not go out at all; `outcome` is the ledger's word for that."""

    outcome: Refused
    code: str
    sentence: str


Verdict: TypeAlias = Allow | Defer | Refuse
