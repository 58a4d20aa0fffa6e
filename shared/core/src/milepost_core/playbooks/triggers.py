"""What starts a playbook, as plain frozen values; it matches nothing (see `starting` and `watching`).

Spans are days as floats unless a name says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Final, Literal, TypeAlias

from milepost_core.playbooks.conditions import Condition

Band: TypeAlias = Literal["green", "yellow", "red", "unknown"]
Direction: TypeAlias = Literal["down", "up", "any"]
# Better bands have higher ranks; `unknown` has none, as it is the absence of an answer.
BAND_RANK: Final[Mapping[str, int]] = {"red": 0, "yellow": 1, "green": 2}


@dataclass(frozen=True)
class BandTrigger:
    """Starts when an account's effective band moves to one of `to` and stays in one of them for `hold` days.

    `first_score` lets the first score that an account ever gets count as such a move. Out of `unknown` a band only ever
    goes down.
    """

    to: tuple[Band, ...]
    direction: Direction = "any"
    first_score: bool = False
    hold: float = 0.0
    kind: Literal["band_changed"] = "band_changed"


@dataclass(frozen=True)
class WatchTrigger:
    """Starts when a condition comes to hold for an account (or ceases to), having held for `hold` days.

    It fires once and again only after `rearm` held (None: after `enter` did not). The document says it as
    `threshold`, as `silence` (nothing of these event types for so many days) or as `segment`
    (entering or leaving).
    """

    said_as: Literal["threshold", "silence", "segment"]
    enter: Condition
    rearm: Condition | None = None
    hold: float = 0.0
    leaving: bool = False
    kind: Literal["watch"] = "watch"


@dataclass(frozen=True)
class MilestoneTrigger:
    """Starts when a milestone (empty: any, or the journey as a whole) comes to one of these states."""

    states: tuple[str, ...]
    milestones: tuple[str, ...] = ()
    kind: Literal["milestone"] = "milestone"


@dataclass(frozen=True)
class EventTrigger:
    """Starts when an event of one of these types happens (told within two days of its happening)."""

    types: tuple[str, ...]
    kind: Literal["event"] = "event"


@dataclass(frozen=True)
class DateTrigger:
    """Starts `offset_days` (negative: before) from a date that an attribute of the account holds, at a local time."""

    attribute: str
    offset_days: int = 0
    at: time = time(9, 0)
    kind: Literal["date"] = "date"


@dataclass(frozen=True)
class ByHand:
    """A person starts it: `POST /accounts/{id}/runs`. Every playbook can be started so; this one only so."""

    kind: Literal["by_hand"] = "by_hand"


Trigger: TypeAlias = BandTrigger | WatchTrigger | MilestoneTrigger | EventTrigger | DateTrigger | ByHand
