"""Dates in rehearsals: when a playbook that goes by a date of the account would begin, by the law of live watches.

It asks nobody.
"""

from datetime import UTC, datetime, time

from milepost_core.cadence.admitting import Occasion
from milepost_core.cadence.dating import due_at
from milepost_core.playbooks.document import DateTrigger
from milepost_core.playbooks.watching import Stand
from milepost_core.rehearsal import Scene


def date_occasion(trigger: DateTrigger, scene: Scene, until: datetime, stand: Stand | None) -> Occasion | None:
    """Return when the date comes; None where there is none, or where the watch has answered that day already."""
    due = due_at(trigger, scene.facts(until), scene.calendar.zone)
    if due is None:
        return None
    answered = stand is not None and stand.held_since == datetime.combine(due.day, time(0), UTC)
    return None if answered else Occasion(trigger.kind, due.at)
