"""What an evaluation is made of: accounts with their ends, events, moments to look at, cohorts; it reads no file."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

Side = Literal["train", "test", ""]
Json = Mapping[str, Any]


class Event(NamedTuple):
    """One event of an account as it goes into the records; `id` is unique within its account."""

    account: int
    id: str
    type: str
    occurred_at: datetime
    recorded_at: datetime | None = None
    actor: str | None = None
    role: str | None = None
    item: str | None = None
    value: float | str | None = None
    properties: Json | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """One account: under observation from `enters` until it is `gone`; what comes after `ends` nobody knows.

    `outcomes` are the moments at which it happened: of those who come back there may be several.
    """

    name: str
    start: datetime
    enters: datetime
    outcomes: tuple[datetime, ...]
    gone: datetime | None
    ends: datetime
    attributes: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Look:
    """One moment of the panel: so many days after each account's start, or one instant for all."""

    name: str
    after: timedelta | None = None
    at: datetime | None = None

    def moment(self, subject: Subject) -> datetime:
        """When this account is looked at."""
        if self.at is not None:
            return self.at
        assert self.after is not None
        return subject.start + self.after


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in the data that cannot be, or that contradicts itself: how often, of how many."""

    what: str
    found: int
    of: int

    @property
    def share(self) -> float:
        """How much of the data it concerns."""
        return self.found / self.of if self.of else 0.0


@dataclass(frozen=True)
class Study:
    """A data set made ready: who is looked at when, what happened to them, and which cohort a row belongs to.

    `side` says of an account at a moment whether it is trained on or tested on; `settings` is the description that the
    data set came with (its model among it).
    """

    name: str
    title: str
    citation: str
    subjects: Sequence[Subject]
    events: Callable[[], Iterable[Event]]
    looks: Sequence[Look]
    horizon: timedelta
    side: Callable[[Subject, datetime], Side]
    settings: Json
    findings: Sequence[Finding] = ()
    split_words: str = ""

    def label(self, subject: Subject, moment: datetime) -> bool | None:
        """Whether it happens within the horizon, `(T, T + horizon]`; None: not looked at then, or nobody knows."""
        if subject.enters > moment or (subject.gone is not None and subject.gone <= moment):
            return None
        if subject.ends < moment + self.horizon:
            return None
        return any(moment < outcome <= moment + self.horizon for outcome in subject.outcomes)
