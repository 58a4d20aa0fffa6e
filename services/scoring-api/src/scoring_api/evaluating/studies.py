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


class Told(NamedTuple):
    """One word on an account: attributes that held from `occurred_at` on, or that it started then."""

    occurred_at: datetime
    recorded_at: datetime
    id: str
    attributes: Json

    def known_at(self, moment: datetime) -> bool:
        """Whether it had happened, and had been told, by a moment."""
        return self.occurred_at <= moment and self.recorded_at <= moment


def folded(told: Iterable[Told]) -> dict[str, Any]:
    """Return what several words say together: of each attribute the newest that happened."""
    found: dict[str, Any] = {}
    for one in sorted(told, key=lambda one: (one.occurred_at, one.id)):
        found |= one.attributes
    return found


@dataclass(frozen=True, slots=True)
class Subject:
    """One account: under observation from `enters` until it is `gone`; what comes after `ends` nobody knows.

    `outcomes` are the moments at which it happened: of those who come back there may be several. `attributes` are those
    of the start; where they were told as time went by, `told` holds each word, and `starts` each word on the start.
    """

    name: str
    start: datetime
    enters: datetime
    outcomes: tuple[datetime, ...]
    gone: datetime | None
    ends: datetime
    attributes: Json = field(default_factory=dict)
    told: tuple[Told, ...] = ()
    starts: tuple[Told, ...] = ()

    def attributes_at(self, moment: datetime) -> Json:
        """What was known of the account at a moment, by what had been told then; the newest that happened counts."""
        if not self.told:
            return self.attributes
        return folded(one for one in self.told if one.known_at(moment))

    def start_at(self, moment: datetime) -> datetime:
        """When the account started as it was known at a moment: the start said last by then, else `start`."""
        said = [one for one in self.starts if one.known_at(moment)]
        return max(said, key=lambda one: (one.recorded_at, one.id)).occurred_at if said else self.start


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
    tells_itself: bool = False
    """Starts and attributes are among the events; otherwise they are told once, as they were at the start."""

    def label(self, subject: Subject, moment: datetime) -> bool | None:
        """Whether it happens within the horizon, `(T, T + horizon]`; None: not looked at then, or nobody knows."""
        if subject.enters > moment or (subject.gone is not None and subject.gone <= moment):
            return None
        if subject.ends < moment + self.horizon:
            return None
        return any(moment < outcome <= moment + self.horizon for outcome in subject.outcomes)
