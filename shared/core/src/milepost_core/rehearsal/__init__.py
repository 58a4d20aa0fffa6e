"""Rehearsal: what a playbook would do, played on a clock of its own; nothing comes of it.

It never looks at a clock or asks anybody. `scene` what is given and told · `playing` the play.
"""

from milepost_core.rehearsal.playing import rehearse
from milepost_core.rehearsal.scene import Assumed, Line, Scene

__all__ = ["Assumed", "Line", "Scene", "rehearse"]
