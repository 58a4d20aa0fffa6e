"""What a rehearsal is given and what it tells; plain frozen values.

Nothing here decides or plays anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from milepost_core.arbiter import Objection, Rival, Touched
from milepost_core.cadence import Leave
from milepost_core.cadence.admitting import Occasion
from milepost_core.playbooks.assigning import Assignment
from milepost_core.playbooks.conditions import Facts, Scalar
from milepost_core.playbooks.document import EmailStep, InAppStep, Playbook, Step, TaskStep
from milepost_core.schedules import Calendar
from milepost_core.worktime import Worktime


@dataclass(frozen=True)
class Reader:
    """Who gets a message at a moment: `calendar` None: somebody whose hours nobody has to keep.

    `away_until`: when a colleague without a stand-in comes back.
    """

    person: str
    colleague: bool
    calendar: Calendar | None = None
    away_until: datetime | None = None


@dataclass(frozen=True)
class Piece:
    """A task as it would be given: to whom, under which title, in whose hours (None: the policy's)."""

    owner: str
    title: str
    worktime: Worktime | None = None


class Office(Protocol):
    """Who is who around an account, at a moment; a Leave in its place says why the run ends there, as live ones do."""

    def reader(self, step: Step, at: datetime) -> Reader | Leave:
        """Return who gets what a step sends."""

    def piece(self, step: TaskStep, playbook: Playbook, tier: str | None, at: datetime) -> Piece | Leave:
        """Return what becomes of a step for a person."""


@dataclass(frozen=True)
class Nobody:
    """An office of which nothing is known but what the words of steps tell."""

    account: str
    calendar: Calendar

    def reader(self, step: Step, at: datetime) -> Reader:
        """Return the reader that a step's words name."""
        if isinstance(step, EmailStep) and (step.to == "owner" or step.to.startswith("role:")):
            return Reader(step.to if step.to != "owner" else f"{self.account}/owner", colleague=True)
        word = step.to if isinstance(step, EmailStep) else step.kind
        ours = not isinstance(step, EmailStep | InAppStep)
        return Reader(f"{self.account}/{word}", colleague=ours, calendar=None if ours else self.calendar)

    def piece(self, step: TaskStep, playbook: Playbook, tier: str | None, at: datetime) -> Piece:
        """Return the task as the step says it."""
        return Piece("", step.title)


@dataclass(frozen=True)
class Word:
    """A standing word to leave somebody alone: a person, or (empty) whoever is of the account; `ended`: taken back."""

    objection: Objection
    person: str
    since: datetime
    ended: datetime | None = None


@dataclass(frozen=True)
class Matter:
    """An escalation or a booked call of the account; open while its last opening lies after its last closing."""

    kind: str
    opened_at: datetime
    closed_at: datetime | None = None
    starts_at: datetime | None = None

    def is_open(self, moment: datetime) -> bool:
        """Tell whether it was open at a moment."""
        closed = self.closed_at
        return self.opened_at <= moment and (closed is None or closed <= self.opened_at or closed > moment)


@dataclass(frozen=True)
class Underway:
    """A run that is open already: where it stands since when, by which version; `at`: from when on it is played.

    `given`: a person has its step already; `due` is when that is to be done, or the gate closes. `outcomes`: what came
    of its steps that people had. `begun`: the step at which it began.
    """

    playbook: Playbook
    path: str
    since: datetime
    at: datetime
    trigger_kind: str
    band: str | None = None
    tier: str | None = None
    outcome: str | None = None
    given: bool = False
    due: datetime | None = None
    outcomes: Mapping[str, str] = field(default_factory=dict)
    begun: str | None = None


@dataclass(frozen=True)
class Work:
    """A task that was open when the span began: what it is about, when it is due, when it really ended (if it has)."""

    reason: str
    due: datetime
    ended: datetime | None = None


@dataclass(frozen=True)
class Waiting:
    """A message of another playbook that waits for its turn since a moment; as far as anyone can tell it goes `due`."""

    rival: Rival
    since: datetime
    due: datetime


@dataclass(frozen=True)
class Before:
    """What there was when the span began: this playbook's runs, open work, what stood against messages.

    Args:
        began: when earlier runs began, oldest first; open_until: a run was open then and ended at that moment, of the
        tier open_tier, begun at the step open_begun; underway: one is open still; kept: where the account was assigned
        to; tasks: open work; touches: messages to the account that are no part of the play, also those within the span;
        persons: the same by person, at whichever account; waiting: messages that are no part of the play either, and
        have yet to go.
    """

    began: tuple[datetime, ...] = ()
    open_until: datetime | None = None
    open_tier: str | None = None
    open_begun: str | None = None
    underway: Underway | None = None
    kept: Assignment | None = None
    tasks: tuple[Work, ...] = ()
    words: tuple[Word, ...] = ()
    touches: tuple[Touched, ...] = ()
    matters: tuple[Matter, ...] = ()
    persons: Mapping[str, Sequence[Touched]] = field(default_factory=dict)
    waiting: tuple[Waiting, ...] = ()


@dataclass(frozen=True)
class Scene:
    """What is known of an account over time.

    Args:
        known: facts from a moment on, oldest first; the first ones hold before it, too. events: what happened, by
        type, oldest first. occasions: the reasons to start, oldest first. declined: what came to nothing at once, as
        lines. office: who is who (None: as far as words tell).
    """

    account: str
    known: tuple[tuple[datetime, Facts], ...]
    events: tuple[tuple[datetime, str], ...] = ()
    occasions: tuple[Occasion, ...] = ()
    calendar: Calendar = field(default_factory=Calendar)
    attributes: tuple[tuple[str, Scalar], ...] = ()
    declined: tuple["Line", ...] = ()
    before: Before = field(default_factory=Before)
    office: Office | None = None

    def facts(self, moment: datetime) -> Facts:
        """Return what is known at a moment."""
        found = self.known[0][1]
        for since, facts in self.known:
            if since <= moment:
                found = facts
        return found

    @property
    def people(self) -> Office:
        """Who is who."""
        return self.office if self.office is not None else Nobody(self.account, self.calendar)


@dataclass(frozen=True)
class Assumed:
    """What people are taken to do: `act`: tasks end in time and help, gates open within an hour; `silent`: nothing."""

    people: Literal["act", "silent"] = "act"


@dataclass(frozen=True)
class Line:
    """One thing that would happen: when, where in the playbook, what, and why.

    `minutes` of somebody's work; `owner`: whose.
    """

    at: datetime
    code: str
    sentence: str
    path: str | None = None
    kind: str | None = None
    minutes: float = 0.0
    owner: str = ""
