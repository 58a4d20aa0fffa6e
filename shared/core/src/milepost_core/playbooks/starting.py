"""Which change of an account starts a playbook, and under which key.

It never looks at a clock, asks for health or renders a template.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from milepost_core.playbooks.document import BAND_RANK, BandTrigger, MilestoneTrigger, Trigger

# Only causes that speak of the present may reach a person: history and another model's opinion
# are not news to them.
STARTING_CAUSES: Final = frozenset({"live", "silence"})


@dataclass(frozen=True)
class Change:
    """What the law needs to know of one row of the change feed.

    `subject` is the milestone that moved, `state` what it or the journey moved to.
    """

    kind: str
    from_band: str | None
    to_band: str
    cause: str
    subject: str | None = None
    state: str | None = None


@dataclass(frozen=True)
class Starts:
    """The change is a reason to start the playbook."""


@dataclass(frozen=True)
class Ignores:
    """The change is none of this playbook's business; nothing is to be recorded."""


@dataclass(frozen=True)
class Declines:
    """The change would have started the playbook, but for a reason that is to be recorded."""

    code: str
    sentence: str


def match(trigger: Trigger, change: Change) -> Starts | Ignores | Declines:
    """Decide what one change means to one trigger.

    A change that came out of back-filled history or out of another score model never starts outreach:
    the customer did nothing today that would explain a mail today.
    """
    moved = _moved_to(trigger, change)
    if moved is None:
        return Ignores()
    if change.cause not in STARTING_CAUSES:
        return Declines(
            f"cause_{change.cause}",
            f"{moved} because of {_CAUSE_WORDS.get(change.cause, change.cause)}, which never starts outreach",
        )
    return Starts()


def _moved_to(trigger: Trigger, change: Change) -> str | None:
    """Return what moved where in words, if that is what the trigger waits for."""
    match trigger:
        case BandTrigger() if _is_band_move(trigger, change):
            return f"the band moved to {change.to_band}"
        case MilestoneTrigger(states, milestones) if change.state in states:
            if change.kind == "milestone_moved" and (not milestones or change.subject in milestones):
                return f"the milestone {change.subject} came to be {change.state}"
            if change.kind == "journey_moved" and not milestones:
                return f"the journey came to be {change.state}"
    return None


def _is_band_move(trigger: BandTrigger, change: Change) -> bool:
    if change.to_band not in trigger.to:
        return False
    if change.kind == "first_score":
        return trigger.first_score
    return change.kind == "band_changed" and _moved(trigger, change)


_CAUSE_WORDS: Final[Mapping[str, str]] = {
    "backfill": "imported history",
    "model": "a change of the score model",
    "human": "a person's word",
}


def _moved(trigger: BandTrigger, change: Change) -> bool:
    """Up and down lie between two bands that have a rank; what comes out of `unknown` is only ever a drop.

    Help that nobody needed costs less than help that never came; but nobody has recovered from what nobody knew.
    """
    before, after = BAND_RANK.get(change.from_band or ""), BAND_RANK.get(change.to_band)
    match trigger.direction:
        case "any":
            return change.from_band != change.to_band
        case "down":
            return after is not None and (before is None or after < before)
        case "up":
            return after is not None and before is not None and after > before


def trigger_key(playbook_id: str, kind: str, what: str) -> bytes:
    """Return the 32-byte key of "this playbook for this": a change, an event, an episode of a watch, a day.

    The version is left out on purpose: an edit must not start it again for what is already answered. One key stands
    for one account, as runs are unique by account and key.
    """
    return digest("tr1", playbook_id, kind, what)


def digest(*parts: str) -> bytes:
    """Return SHA-256 over parts with their lengths in front, so that ("ab", "c") and ("a", "bc") differ."""
    packed = b"".join(len(raw).to_bytes(4, "big") + raw for raw in (part.encode() for part in parts))
    return hashlib.sha256(packed).digest()
