"""Staging: finds whom a rehearsal is about and what feeds and the scoring API tell of them.

It starts nothing and writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from milepost_contracts.changes import ChangeRow
from milepost_core.cadence import EXIT_EVENTS
from milepost_core.cadence.admitting import subjects_to_admit
from milepost_core.playbooks import Playbook
from milepost_core.playbooks.conditions import AnyOf, Compare, subjects_of
from milepost_core.playbooks.document import ByHand, DateTrigger, EventTrigger, WaitStep, WatchTrigger
from milepost_core.rehearsal import Scene
from milepost_runtime.database import Pool
from playbook_runner.queries import rehearsing as queries
from playbook_runner.rehearsal.scenes import TOLD_BY_FEEDS, Happened, Span, is_told, scene
from playbook_runner.runs.asking import Asking

MOST_ROWS: Final = 50_000
EVERYBODY: Final = AnyOf((Compare("band", "known"), Compare("band", "unknown")))


class SpanTooLarge(Exception):
    """More happened in the span than a rehearsal reads: choose a shorter one, or fewer accounts."""


@dataclass(frozen=True)
class Stage:
    """The scenes by account, and what has to be known to read them rightly, as sentences."""

    scenes: Mapping[UUID, Scene]
    provisos: tuple[str, ...]


@dataclass(frozen=True)
class Staging:
    """The use case of finding scenes."""

    pool: Pool = field(repr=False)
    asking: Asking

    async def stage(self, playbook: Playbook, accounts: Sequence[UUID] | None, span: Span) -> Stage:
        """Return scenes of these accounts, or of all whom the span gives a reason. Raises HealthAway, SpanTooLarge."""
        happened = await self._happened(playbook, accounts, span)
        who = set(accounts) if accounts is not None else await self._meant(playbook, happened, span)
        known = await self.asking.known(who, [playbook], span.since, more=_subjects(playbook))
        return Stage(
            {
                account: scene(playbook, account, known[account], happened.get(account, Happened()), span)
                for account in sorted(known)
            },
            _provisos(playbook),
        )

    async def _happened(
        self, playbook: Playbook, accounts: Sequence[UUID] | None, span: Span
    ) -> Mapping[UUID, Happened]:
        types = sorted(_event_types(playbook))
        between = (span.since, span.until)
        async with self.pool.acquire() as connection:
            rows = await queries.changes_since(connection, accounts, span.since, MOST_ROWS)
            told = await queries.events_between(connection, accounts, types, between, MOST_ROWS)
        if max(len(rows), len(told)) >= MOST_ROWS:
            raise SpanTooLarge(f"more than {MOST_ROWS} changes or events lie in the span")
        changes: dict[UUID, list[ChangeRow]] = {}
        events: dict[UUID, list[tuple[datetime, str]]] = {}
        for row in rows:
            changes.setdefault(row.account_id, []).append(row)
        for event in told:
            events.setdefault(event["account_id"], []).append((event["occurred_at"], event["type"]))
        return {account: Happened(changes.get(account, ()), events.get(account, ())) for account in {*changes, *events}}

    async def _meant(self, playbook: Playbook, happened: Mapping[UUID, Happened], span: Span) -> set[UUID]:
        """Return the accounts at which something that starts the playbook may happen in the span."""
        trigger = playbook.trigger
        if span.at_once:
            return await self.asking.meant(playbook.audience or EVERYBODY)
        if isinstance(trigger, EventTrigger):
            return {
                account for account, one in happened.items() if any(kind in trigger.types for _, kind in one.events)
            }
        if isinstance(trigger, DateTrigger):
            return await self.asking.meant(Compare(f"attribute.{trigger.attribute}", "known"))
        if isinstance(trigger, ByHand):
            return set()
        moved = {account for account, one in happened.items() if one.changes}
        return moved | await self.asking.meant(trigger.enter) if isinstance(trigger, WatchTrigger) else moved


def _subjects(playbook: Playbook) -> frozenset[str]:
    found = {*subjects_to_admit(playbook), *TOLD_BY_FEEDS}
    trigger = playbook.trigger
    if isinstance(trigger, WatchTrigger):
        found |= set(subjects_of(trigger.enter, trigger.rearm))
    if isinstance(trigger, DateTrigger):
        found.add(f"attribute.{trigger.attribute}")
    return frozenset(found)


def _event_types(playbook: Playbook) -> set[str]:
    waits = {kind for step in playbook.steps if isinstance(step, WaitStep) for kind in step.event_types}
    starts = set(playbook.trigger.types) if isinstance(playbook.trigger, EventTrigger) else set()
    return waits | starts | set(EXIT_EVENTS)


def _provisos(playbook: Playbook) -> tuple[str, ...]:
    told = ["Attributes and signals are today's over the whole span: no feed tells what they were."]
    if isinstance(playbook.trigger, WatchTrigger) and not is_told(playbook.trigger):
        told.append("The trigger looks at more than feeds tell, so accounts of which it holds today begin at the end.")
    told.append("Messages of other playbooks, standing words to leave somebody alone and absences are not counted.")
    return tuple(told)
