"""Clocks of tasks: when one is to be accepted and finished, when it warns, how it stands still, and who had its hours.

It decides about no task, and moves none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import asyncpg

from milepost_core.worktime import Worktime, hours_after, hours_between
from milepost_runtime.database import Connection
from playbook_runner.people.staffing import Staff
from playbook_runner.queries import tasks as queries

WARNS_AT: Final = 0.75
"""The share of a clock that is over when it warns."""
CLOCKS: Final = ("accept_by", "accept_warn_at", "due_at", "finish_warn_at")
_PAIRS: Final = {"finish": ("due_at", "finish_warn_at"), "accept": ("accept_by", "accept_warn_at")}


@dataclass(frozen=True)
class NewClocks:
    """The clocks of work that is given out at one moment: each kind is reckoned once for each owner, however many."""

    now: datetime
    here: Staff = field(repr=False)
    _found: dict[tuple[str, float | None, float], Mapping[str, Any]] = field(default_factory=dict, repr=False)

    def of(self, owner: str, accept: float | None, finish: float) -> Mapping[str, Any]:
        """Return clocks of work to be accepted (None: no such clock) and finished in so many hours of its owner's."""
        kind = owner, accept, finish
        if kind not in self._found:
            self._found[kind] = _set_out(self.now, accept, finish, self.here.worktime(owner))
        return self._found[kind]


def _set_out(now: datetime, accept: float | None, finish: float, hours: Worktime) -> dict[str, datetime | None]:
    return _accept(now, accept, hours) | {
        "due_at": hours_after(now, finish, hours),
        "finish_warn_at": hours_after(now, finish * WARNS_AT, hours),
    }


def _accept(since: datetime, accept: float | None, hours: Worktime) -> dict[str, datetime | None]:
    return {
        "accept_by": None if accept is None else hours_after(since, accept, hours),
        "accept_warn_at": None if accept is None else hours_after(since, accept * WARNS_AT, hours),
    }


def anew(task: Mapping[str, Any], hours: Worktime) -> dict[str, datetime | None]:
    """Return the clock by which somebody new is to accept a task, in their hours; one that stands still runs later."""
    since = task["awaiting_since"] or max(task["snoozed_until"] or task["now"], task["now"])
    return _accept(since, task["accept_hours"], hours)


def moved(task: Mapping[str, Any], since: datetime, until: datetime, hours: Worktime) -> dict[str, datetime]:
    """Return the clocks that lay beyond `since` as they are when they run on from `until` with the hours they had left.

    `until` later: they stood still meanwhile; earlier: they stood still for shorter than they were to.
    """
    return {
        name: hours_after(until, hours_between(since, task[name], hours), hours)
        for name in CLOCKS
        if task[name] is not None and task[name] > since
    }


def missed(task: Mapping[str, Any]) -> str:
    """Return which clock of an open task has run out since the last one that did: `accept`, `finish`, or nothing."""
    return next((name for name in _PAIRS if _runs(task, name) and task[_PAIRS[name][0]] <= task["now"]), "")


def warns(task: Mapping[str, Any]) -> str:
    """Return which clock of an open task is about to run out and has not said so: `accept`, `finish`, or nothing."""
    return next((name for name in _PAIRS if _runs(task, name) and _unsaid(task, _PAIRS[name][1])), "")


def _runs(task: Mapping[str, Any], name: str) -> bool:
    clock, told = task[_PAIRS[name][0]], task["breached_at"]
    return clock is not None and (told is None or clock > told) and (name == "finish" or task["state"] == "open")


def _unsaid(task: Mapping[str, Any], warning: str) -> bool:
    at, told = task[warning], task["warned_at"]
    return at is not None and at <= task["now"] and (told is None or at > told)


async def charge(
    connection: Connection, tasks: Sequence[asyncpg.Record], here: Staff, until: datetime | None = None
) -> None:
    """Charge the working hours of tasks since they were last charged, until now (or until a moment), to who had them.

    That is the customer while they are awaited, and else us, asleep or not; counted in the hours of the task's owner.
    """
    ends = [max(until or task["now"], task["charged_until"]) for task in tasks]
    spent = [
        hours_between(task["charged_until"], end, here.worktime(task["owner"]))
        for task, end in zip(tasks, ends, strict=True)
    ]
    theirs = [hours if task["awaiting_since"] else 0.0 for task, hours in zip(tasks, spent, strict=True)]
    ours = [0.0 if task["awaiting_since"] else hours for task, hours in zip(tasks, spent, strict=True)]
    await queries.charge(connection, [task["id"] for task in tasks], ours, theirs, ends)
