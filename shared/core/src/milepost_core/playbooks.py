"""Playbooks: what a checked one says, and which change of an account starts it.

It never reads a document (see `playbook_document`), looks at a clock or renders a template.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, TypeAlias

Band: TypeAlias = Literal["green", "yellow", "red", "unknown"]
Direction: TypeAlias = Literal["down", "up", "any"]
# Only causes that speak of the present may reach a person: history and another model's opinion
# are not news to them.
STARTING_CAUSES: Final = frozenset({"live", "silence"})
# Better bands have higher ranks; `unknown` has none, as it is the absence of an answer.
BAND_RANK: Final[Mapping[str, int]] = {"red": 0, "yellow": 1, "green": 2}


@dataclass(frozen=True)
class BandTrigger:
    """Starts when an account's effective band moves to one of `to` in the given direction.

    `first_score` lets the first score that an account ever gets count as such a move.
    """

    to: tuple[Band, ...]
    direction: Direction
    first_score: bool


@dataclass(frozen=True)
class EmailStep:
    """One mail: `to` is `owner` or an address; subject, text and html are templates."""

    id: str
    to: str
    subject: str
    text: str
    html: str

    @property
    def kind(self) -> str:
        """Return the word that the document uses for this step."""
        return "email"


Trigger: TypeAlias = BandTrigger
Step: TypeAlias = EmailStep


@dataclass(frozen=True)
class Playbook:
    """A checked document, ready to be matched and advanced."""

    id: str
    version: int
    name: str
    purpose: str
    trigger: Trigger
    re_entry: timedelta
    steps: tuple[Step, ...]

    def step(self, path: str) -> Step | None:
        """Return the step at this path, or None when the playbook has none there."""
        return next((step for step in self.steps if step.id == path), None)

    def after(self, path: str | None) -> Step | None:
        """Return the step that follows `path` (None: the first one), or None at the end of the playbook."""
        if path is None:
            return self.steps[0]
        ids = [step.id for step in self.steps]
        following = ids.index(path) + 1
        return self.steps[following] if following < len(ids) else None


@dataclass(frozen=True)
class Change:
    """What the law needs to know of one row of the change feed."""

    kind: str
    from_band: str | None
    to_band: str
    cause: str


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
    if change.kind == "first_score":
        fits = trigger.first_score and change.to_band in trigger.to
    else:
        moved = change.kind == "band_changed" and _moved(trigger.direction, change)
        fits = moved and change.to_band in trigger.to
    if not fits:
        return Ignores()
    if change.cause not in STARTING_CAUSES:
        return Declines(
            f"cause_{change.cause}",
            f"the band moved to {change.to_band} because of {_CAUSE_WORDS.get(change.cause, change.cause)},"
            " which never starts outreach",
        )
    return Starts()


_CAUSE_WORDS: Final[Mapping[str, str]] = {
    "backfill": "imported history",
    "model": "a change of the score model",
    "human": "a person's word",
}


def _moved(direction: Direction, change: Change) -> bool:
    before, after = BAND_RANK.get(change.from_band or ""), BAND_RANK.get(change.to_band)
    if direction == "any" or before is None or after is None:
        return change.from_band != change.to_band
    return after < before if direction == "down" else after > before


def trigger_key(playbook_id: str, change_id: int) -> bytes:
    """Return the 32-byte key of "this playbook for this change".

    The version is left out on purpose: an edit must not start it again for a change already answered.
    """
    return digest("tr1", playbook_id, str(change_id))


def digest(*parts: str) -> bytes:
    """Return SHA-256 over parts with their lengths in front, so that ("ab", "c") and ("a", "bc") differ."""
    packed = b"".join(len(raw).to_bytes(4, "big") + raw for raw in (part.encode() for part in parts))
    return hashlib.sha256(packed).digest()
