"""Rehearsal: what a playbook would do, played on a clock of its own; nothing comes of it.

It never looks at a clock or asks anybody. `scene` what is given and told · `course` a run and its time · `carrying`
what comes of steps · `playing` the play.
"""

from milepost_core.rehearsal.playing import rehearse
from milepost_core.rehearsal.scene import (
    Assumed,
    Before,
    Line,
    Matter,
    Office,
    Piece,
    Reader,
    Scene,
    Underway,
    Waiting,
    Word,
    Work,
)

__all__ = [
    "Assumed", "Before", "Line", "Matter", "Office", "Piece", "Reader", "Scene", "Underway", "Waiting", "Word", "Work",
    "rehearse",
]  # fmt: skip
