"""Watches: whether what a playbook waits for has come to hold, has held for long enough, and may fire again.

Hysteresis in one place: it fires once, and again only after what re-arms it. It never looks at a clock and never asks
for a fact.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from milepost_core.playbooks.conditions import Answer, Facts, answer
from milepost_core.playbooks.document import WatchTrigger


@dataclass(frozen=True)
class Stand:
    """How a watch and an account stand to each other.

    Args:
        armed: it may fire; episode: how often it has fired; held_since: since when what it waits for has held (None: it
        does not).
    """

    armed: bool
    episode: int = 0
    held_since: datetime | None = None


@dataclass(frozen=True)
class Looked:
    """What one look came to: how they stand now, whether it fires, and why."""

    stand: Stand
    fires: bool
    because: str = ""


def unseen(trigger: WatchTrigger) -> Stand:
    """Return how a watch stands to an account that it has never looked at: who was never inside cannot leave."""
    return Stand(armed=not trigger.leaving)


def look(trigger: WatchTrigger, stand: Stand, facts: Facts, now: datetime, *, news: bool) -> Looked:
    """Look at one account and say whether the watch fires.

    What cannot be known arms nothing and begins `hold` anew: only what is known to hold lasts. What is first seen to
    hold and is no `news` (the watch was just switched on or changed, history was imported, another score model judges)
    disarms without firing: it did not come to hold today.
    """
    entered = answer(trigger.enter, facts)
    goal = entered.holds if entered.holds is None else entered.holds is not trigger.leaving
    if not stand.armed:
        return Looked(_rearmed(trigger, stand, goal, facts), fires=False)
    if not goal:
        return Looked(replace(stand, held_since=None), fires=False)
    if stand.held_since is None and not news:
        return Looked(replace(stand, armed=False), fires=False)
    return _held(trigger, replace(stand, held_since=stand.held_since or now), now, entered)


def _held(trigger: WatchTrigger, stand: Stand, now: datetime, entered: Answer) -> Looked:
    if now - (stand.held_since or now) < timedelta(days=trigger.hold):
        return Looked(stand, fires=False)
    held = f", for {trigger.hold:g} days by now" if trigger.hold else ""
    fired = Stand(armed=False, episode=stand.episode + 1)
    return Looked(fired, fires=True, because=f"{entered.because}{held}")


def _rearmed(trigger: WatchTrigger, stand: Stand, goal: bool | None, facts: Facts) -> Stand:
    """It is armed again by what the document says, else once what it waits for does not hold any more."""
    again = goal is False if trigger.rearm is None else answer(trigger.rearm, facts).holds is True
    return replace(stand, armed=True, held_since=None) if again else stand
