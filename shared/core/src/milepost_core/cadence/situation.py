"""What the law of cadence is asked about, and what it may answer; plain frozen values.

It decides nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeAlias

from milepost_core.playbooks.conditions import Facts, Scalar
from milepost_core.playbooks.document import Step
from milepost_core.schedules import Calendar

CHANGE: Final = "change"
"""Wakes what waits for a condition: the account's score, band, journey or a milestone moved."""
_EVENT: Final = "event:"


def event_word(event_type: str) -> str:
    """Return the word by which a step waits for an event of this type."""
    return _EVENT + event_type


@dataclass(frozen=True)
class Situation:
    """One run that stands at one step.

    Args:
        path: the step; since: when the run came to it; attributes: what is known of the account besides its facts
        (dates that waits go by). facts: None while nobody has asked for them: then nothing is decided by them (see
        `needs_facts`). outcome: what has come of the step since it was begun, or what woke it (`event:<type>`); None:
        nothing yet. trigger_kind and band: how the run began.
    """

    path: str
    since: datetime
    facts: Facts | None = None
    calendar: Calendar = field(default_factory=Calendar)
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    outcome: str | None = None
    trigger_kind: str = "band_changed"
    band: str | None = None


@dataclass(frozen=True)
class Perform:
    """The step is to be carried out."""

    step: Step


@dataclass(frozen=True)
class Wait:
    """Nothing is to be done until this moment, or until one of these things happens; `until` None: only then."""

    until: datetime | None
    wakes_on: tuple[str, ...] = ()
    because: str = ""


@dataclass(frozen=True)
class Go:
    """The step is over; the run goes on at `path` (None: it is at its end). `carried` False: it was passed over."""

    path: str | None
    because: str = ""
    carried: bool = True


@dataclass(frozen=True)
class Leave:
    """The run ends here, for a reason that is to be recorded. `tasks`: what becomes of its open tasks."""

    code: str
    sentence: str
    close_tasks: bool = True


@dataclass(frozen=True)
class Ask:
    """Nobody can say before the account's facts are asked for."""


Move: TypeAlias = Perform | Wait | Go | Leave | Ask
