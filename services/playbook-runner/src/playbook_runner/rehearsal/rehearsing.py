"""Rehearsing: who would have matched, and what would happen, on a clock that is an argument; nothing comes of it.

It writes no row, asks nobody to do anything, and calls nothing but the scoring API's questions.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from milepost_core.playbooks import Playbook
from milepost_core.rehearsal import Assumed, rehearse
from milepost_runtime.database import Pool
from playbook_runner.documents.keeping import Keeping, PlaybookUnknown
from playbook_runner.queries import playbooks
from playbook_runner.queries import rehearsing as queries
from playbook_runner.rehearsal.rehearsal_views import DryRunBody, DryRunView, PreviewBody, PreviewView
from playbook_runner.rehearsal.scenes import Span
from playbook_runner.rehearsal.staging import Cast, Staging, provisos
from playbook_runner.rehearsal.tallying import Tally

LONGEST_DAYS: Final = 400


class SpanRefused(Exception):
    """The span is empty or too long."""


@dataclass(frozen=True)
class Rehearsing:
    """The use case behind previews and dry runs."""

    pool: Pool = field(repr=False)
    keeping: Keeping
    staging: Staging

    async def preview(self, playbook_id: str, body: PreviewBody) -> PreviewView:
        """Return who would have matched lately, and what that would take. Raises PlaybookUnknown, HealthAway."""
        playbook = await self._playbook(playbook_id, body.version)
        now = await self._now()
        span = Span(now - timedelta(days=body.days), now)
        cast = await self.staging.cast(playbook, None, span)
        tally = await self._play(cast, Assumed(body.people), Tally())
        return PreviewView(
            playbook_id=playbook.id,
            version=playbook.version,
            since=span.since,
            until=span.until,
            considered=tally.accounts,
            matched=tally.matched,
            declined=dict(sorted(tally.declined.items())),
            work=tally.work,
            data=tally.matches,
            more=tally.matched - len(tally.matches),
            provisos=provisos(playbook, span, now, body.people),
        )

    async def dry_run(self, playbook_id: str, body: DryRunBody) -> DryRunView:
        """Return what would happen. Raises PlaybookUnknown, HealthAway, SpanRefused."""
        if not timedelta(0) < body.until - body.since <= timedelta(days=LONGEST_DAYS):
            raise SpanRefused(f"a dry run goes over more than nothing and at most {LONGEST_DAYS} days")
        playbook, now = await self._playbook(playbook_id, body.version), await self._now()
        span = Span(body.since, body.until, at_once=body.begin == "since", ahead=body.since >= now)
        cast = await self.staging.cast(playbook, body.accounts, span)
        tally = await self._play(cast, Assumed(body.people), Tally(silent=body.accounts is not None))
        return DryRunView(
            playbook_id=playbook.id,
            version=playbook.version,
            since=span.since,
            until=span.until,
            accounts=tally.accounts,
            unknown=_unknown(body.accounts or (), tally),
            work=tally.work,
            data=tally.stories,
            more=tally.told - len(tally.stories),
            digest=tally.digest,
            provisos=provisos(playbook, span, now, body.people),
        )

    async def _now(self) -> datetime:
        async with self.pool.acquire() as connection:
            return await queries.clock(connection)

    async def _playbook(self, playbook_id: str, version: int | None) -> Playbook:
        async with self.pool.acquire() as connection:
            if version is None:
                rows = await playbooks.current(connection, playbook_id)
                newest = rows[0] if rows else await playbooks.newest(connection, playbook_id)
                if newest is None:
                    raise PlaybookUnknown(f"there is no playbook {playbook_id}")
                version = int(newest["version"])
            return await self.keeping.version(connection, playbook_id, version)

    async def _play(self, cast: Cast, assumed: Assumed, tally: Tally) -> Tally:
        async for scenes in self.staging.scenes(cast):
            for account, scene in scenes.items():
                tally.add(account, rehearse(cast.playbook, scene, cast.span.until, cast.policy, assumed))
                # A play is all computing: whoever else waits gets their turn in between.
                await asyncio.sleep(0)
        return tally


def _unknown(asked: Sequence[UUID], tally: Tally) -> list[UUID]:
    """Return the accounts of which nothing is known; at most as many are asked for as are shown."""
    found = {story.account_id for story in tally.stories}
    return [account for account in asked if account not in found]
