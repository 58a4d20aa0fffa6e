"""Tallying: what the stories of a rehearsal come to, counted story by story; only the first ones are kept."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from milepost_core.rehearsal import Line
from playbook_runner.rehearsal.rehearsal_views import AccountStory, LineView, MatchView, WeekView, WorkView

SHOWN: Final = 200
"""Accounts whose stories are shown; all are played and counted."""
Week = tuple[str, str]


@dataclass
class Tally:
    """What was counted so far; with `silent`, accounts of which there is nothing to tell are shown, too."""

    silent: bool = False
    accounts: int = 0
    matched: int = 0
    told: int = 0
    declined: Counter[str] = field(default_factory=Counter)
    stories: list[AccountStory] = field(default_factory=list)
    matches: list[MatchView] = field(default_factory=list)
    messages: Counter[str] = field(default_factory=Counter)
    approvals: int = 0
    tasks: int = 0
    days: dict[str, float] = field(default_factory=dict)
    weeks: dict[Week, tuple[int, float]] = field(default_factory=dict)
    sha: Any = field(default_factory=hashlib.sha256)

    def add(self, account: UUID, lines: Sequence[Line]) -> None:
        """Count the story of one more account; stories come in the order of their accounts."""
        self.accounts += 1
        for line in lines:
            self.sha.update(f"{account}\n{line.at.isoformat()}\n{line.code}\n{line.path}\n{line.sentence}\n".encode())
            self._count(line)
        starts = [line for line in lines if line.code == "started"]
        self.matched += bool(starts)
        if starts and len(self.matches) < SHOWN:
            last = lines[-1].code
            self.matches.append(MatchView(account_id=account, at=starts[0].at, starts=len(starts), ended=last))
        if lines or self.silent:
            self.told += 1
            if len(self.stories) < SHOWN:
                views = [LineView.model_validate(line) for line in lines]
                self.stories.append(AccountStory(account_id=account, lines=views))

    @property
    def digest(self) -> str:
        """SHA-256 over the lines so far."""
        return str(self.sha.hexdigest())

    @property
    def work(self) -> WorkView:
        """What it would take."""
        return WorkView(
            messages=dict(sorted(self.messages.items())),
            tasks=self.tasks,
            minutes=sum(self.days.values()),
            approvals=self.approvals,
            minutes_by_day=dict(sorted(self.days.items())),
            weeks=[
                WeekView(week=week, owner=owner, tasks=tasks, minutes=minutes)
                for (week, owner), (tasks, minutes) in sorted(self.weeks.items())
            ],
        )

    def _count(self, line: Line) -> None:
        if line.path is None:
            # What stands outside of every step is why an occasion came to nothing.
            self.declined[line.code] += 1
        elif line.code == "sent" and line.kind is not None:
            self.messages[line.kind] += 1
        elif line.code == "approval":
            self.approvals += 1
        elif line.code == "task":
            self.tasks += 1
            day, week = line.at.date().isoformat(), (_monday(line.at), line.owner)
            self.days[day] = self.days.get(day, 0.0) + line.minutes
            tasks, minutes = self.weeks.get(week, (0, 0.0))
            self.weeks[week] = tasks + 1, minutes + line.minutes


def _monday(moment: datetime) -> str:
    return (moment.date() - timedelta(days=moment.weekday())).isoformat()
