"""Rehearsing: who would have matched, and what would happen, on a clock that is an argument; nothing comes of it.

It writes no row, asks nobody to do anything, and calls nothing but the scoring API's questions.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from milepost_core.playbooks import Playbook
from milepost_core.rehearsal import Assumed, Line, rehearse
from milepost_runtime.database import Pool
from playbook_runner.arbiter.arbitrating import Arbitrating
from playbook_runner.documents.keeping import Keeping, PlaybookUnknown
from playbook_runner.queries import playbooks
from playbook_runner.queries import rehearsing as queries
from playbook_runner.rehearsal.rehearsal_views import (
    AccountStory,
    DryRunBody,
    DryRunView,
    LineView,
    MatchView,
    PreviewBody,
    PreviewView,
    WorkView,
)
from playbook_runner.rehearsal.scenes import Span
from playbook_runner.rehearsal.staging import Stage, Staging

LONGEST_DAYS: Final = 400
SHOWN: Final = 200
"""Accounts whose stories are shown; all are played and counted."""
Stories = Mapping[UUID, tuple[Line, ...]]


class SpanRefused(Exception):
    """The span is empty or too long."""


@dataclass(frozen=True)
class Rehearsing:
    """The use case behind previews and dry runs."""

    pool: Pool = field(repr=False)
    keeping: Keeping
    staging: Staging
    arbitrating: Arbitrating

    async def preview(self, playbook_id: str, body: PreviewBody) -> PreviewView:
        """Return who would have matched in the last days. Raises PlaybookUnknown, HealthAway, SpanTooLarge."""
        playbook = await self._playbook(playbook_id, body.version)
        async with self.pool.acquire() as connection:
            now = await queries.clock(connection)
        span = Span(now - timedelta(days=body.days), now)
        stage = await self.staging.stage(playbook, None, span)
        stories = await self._play(playbook, stage, span, Assumed(body.people))
        matched = [found for account, lines in stories.items() if (found := _match(account, lines)) is not None]
        return PreviewView(
            playbook_id=playbook.id,
            version=playbook.version,
            since=span.since,
            until=span.until,
            considered=len(stories),
            matched=len(matched),
            declined=dict(sorted(Counter(code for lines in stories.values() for code in _declined(lines)).items())),
            work=_work(stories.values()),
            data=matched[:SHOWN],
            more=max(0, len(matched) - SHOWN),
            provisos=list(stage.provisos),
        )

    async def dry_run(self, playbook_id: str, body: DryRunBody) -> DryRunView:
        """Return what would happen. Raises PlaybookUnknown, HealthAway, SpanTooLarge, SpanRefused."""
        if not timedelta(0) < body.until - body.since <= timedelta(days=LONGEST_DAYS):
            raise SpanRefused(f"a dry run goes over more than nothing and at most {LONGEST_DAYS} days")
        playbook = await self._playbook(playbook_id, body.version)
        span = Span(body.since, body.until, at_once=body.begin == "since")
        stage = await self.staging.stage(playbook, body.accounts, span)
        stories = await self._play(playbook, stage, span, Assumed(body.people))
        told = {account: lines for account, lines in stories.items() if lines or body.accounts is not None}
        return DryRunView(
            playbook_id=playbook.id,
            version=playbook.version,
            since=span.since,
            until=span.until,
            accounts=len(stories),
            work=_work(stories.values()),
            data=[_story(account, lines) for account, lines in list(told.items())[:SHOWN]],
            more=max(0, len(told) - SHOWN),
            digest=_digest(stories),
            provisos=list(stage.provisos),
        )

    async def _playbook(self, playbook_id: str, version: int | None) -> Playbook:
        async with self.pool.acquire() as connection:
            if version is None:
                rows = await playbooks.current(connection, playbook_id)
                newest = rows[0] if rows else await playbooks.newest(connection, playbook_id)
                if newest is None:
                    raise PlaybookUnknown(f"there is no playbook {playbook_id}")
                version = int(newest["version"])
            return await self.keeping.version(connection, playbook_id, version)

    async def _play(self, playbook: Playbook, stage: Stage, span: Span, assumed: Assumed) -> Stories:
        async with self.pool.acquire() as connection:
            policy = (await self.arbitrating.frame(connection)).policy
        return {
            account: rehearse(playbook, scene, span.until, policy, assumed) for account, scene in stage.scenes.items()
        }


def _match(account: UUID, lines: Sequence[Line]) -> MatchView | None:
    starts = [line for line in lines if line.code == "started"]
    if not starts:
        return None
    return MatchView(account_id=account, at=starts[0].at, starts=len(starts), ended=lines[-1].code)


def _declined(lines: Iterable[Line]) -> list[str]:
    """Return why occasions came to nothing: what stands outside of every step and is no beginning."""
    return [line.code for line in lines if line.path is None]


def _work(stories: Iterable[Sequence[Line]]) -> WorkView:
    messages: Counter[str] = Counter()
    days: Counter[str] = Counter()
    tasks, approvals, minutes = 0, 0, 0.0
    for line in (line for lines in stories for line in lines):
        if line.code == "sent" and line.kind is not None:
            messages[line.kind] += 1
        elif line.code == "approval":
            approvals += 1
        elif line.code == "task":
            tasks += 1
            minutes += line.minutes
            days[_day(line.at)] += int(line.minutes)
    return WorkView(
        messages=dict(sorted(messages.items())),
        tasks=tasks,
        minutes=minutes,
        approvals=approvals,
        minutes_by_day={day: float(days[day]) for day in sorted(days)},
    )


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def _story(account: UUID, lines: Sequence[Line]) -> AccountStory:
    return AccountStory(account_id=account, lines=[LineView.model_validate(line) for line in lines])


def _digest(stories: Stories) -> str:
    told = hashlib.sha256()
    for account in sorted(stories):
        for line in stories[account]:
            told.update(f"{account}\n{line.at.isoformat()}\n{line.code}\n{line.path}\n{line.sentence}\n".encode())
    return told.hexdigest()
