"""Entering: whether a playbook that an account is meant by may start a run now.

It never looks at a clock; what stands in the way is recorded by whoever asks.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from milepost_core.playbooks import Declines, Playbook, Starts
from milepost_core.playbooks.document import ReEntry


@dataclass(frozen=True)
class Pursuit:
    """How one playbook and one account stand to each other when a matching change arrives.

    `recent` counts the runs that began within the span that the playbook's re-entry rule speaks of; `tier` is that of
    the open run, `begun` the step at which it began.
    """

    open_run: bool
    last_started_at: datetime | None
    recent: int = 0
    tier: str | None = None
    begun: str | None = None


# A change that waited longer than this (the runner was down, or is new to an old feed) is history, not news.
FRESH_FOR = timedelta(days=2)


def may_start(playbook: Playbook, pursuit: Pursuit, changed_at: datetime, now: datetime) -> Starts | Declines:
    """Decide whether a matching change opens a run: news only, one at a time, not within the re-entry time."""
    if now - changed_at > FRESH_FOR:
        return Declines("stale_change", f"the change of {changed_at:%Y-%m-%d %H:%M} UTC came too late to be news")
    if pursuit.open_run:
        return Declines("already_running", "a run of this playbook is open for the account")
    return _again(playbook.re_entry, pursuit, now)


def _again(rule: ReEntry, pursuit: Pursuit, now: datetime) -> Starts | Declines:
    last = pursuit.last_started_at
    if last is None:
        return Starts()
    if rule.never:
        return Declines("once_only", f"it starts once for an account, and did on {last:%Y-%m-%d}")
    if now - last < timedelta(days=rule.days):
        again = (last + timedelta(days=rule.days)).strftime("%Y-%m-%d %H:%M UTC")
        return Declines("too_soon", f"the last run began less than {rule.days:g} days ago; again from {again}")
    if rule.most is not None and pursuit.recent >= rule.most:
        span = "in all" if rule.per_days is None else f"in {rule.per_days:g} days"
        return Declines("too_often", f"it starts at most {rule.most} times {span} for an account")
    return Starts()
