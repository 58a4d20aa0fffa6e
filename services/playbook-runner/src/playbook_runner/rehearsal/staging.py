"""Staging: finds whom a rehearsal is about and what feeds, our own rows and the scoring API tell of them, part by part.

It starts nothing and writes nothing.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from milepost_contracts.changes import ChangeRow
from milepost_core.arbiter import Policy
from milepost_core.cadence import EXIT_EVENTS
from milepost_core.cadence.admitting import subjects_to_admit
from milepost_core.playbooks import Playbook
from milepost_core.playbooks.conditions import AnyOf, Compare, subjects_of
from milepost_core.playbooks.document import (
    ByHand,
    DateTrigger,
    EmailStep,
    EventTrigger,
    MilestoneTrigger,
    TaskStep,
    WaitStep,
    WatchTrigger,
)
from milepost_core.rehearsal import Scene
from milepost_runtime.database import Connection, Pool
from playbook_runner.arbiter.arbitrating import Arbitrating
from playbook_runner.documents.keeping import Keeping
from playbook_runner.people.places import read_places
from playbook_runner.people.staffing import staff
from playbook_runner.queries import arbiter, colleagues, outlets
from playbook_runner.queries import rehearsing as queries
from playbook_runner.queries.rehearsing import Of
from playbook_runner.rehearsal.offices import AccountOffice, Firm, persons_of
from playbook_runner.rehearsal.scenes import (
    SCORE,
    TOLD_BY_FEEDS,
    Happened,
    Span,
    is_told,
    looks_at_score,
    scene,
)
from playbook_runner.rehearsal.standing import stands, stood
from playbook_runner.runs.asking import Answers, Asking
from playbook_runner.runs.deciding import Deciding
from playbook_runner.wording.addressing import ATTRIBUTE

ROWS_AT_ONCE: Final = 20_000
ACCOUNTS_AT_ONCE: Final = 500
EVERYBODY: Final = AnyOf((Compare("band", "known"), Compare("band", "unknown")))
Counts = Mapping[UUID, int]


@dataclass(frozen=True)
class Cast:
    """Whom a rehearsal is about, in order, how many rows feeds tell of them, whose runs are open, and who is who."""

    playbook: Playbook
    span: Span
    accounts: tuple[UUID, ...]
    changes: Counts
    events: Counts
    standing: frozenset[UUID]
    firm: Firm

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.firm.places.policy


@dataclass(frozen=True)
class Staging:
    """The use case of finding scenes."""

    pool: Pool = field(repr=False)
    keeping: Keeping
    asking: Asking
    deciding: Deciding
    arbitrating: Arbitrating

    async def cast(self, playbook: Playbook, accounts: Sequence[UUID] | None, span: Span) -> Cast:
        """Return whom a rehearsal is about: these accounts, or all whom the span gives a reason. Raises HealthAway."""
        types, between = sorted(_event_types(playbook)), (span.since, span.until)
        async with self.pool.acquire() as connection:
            firm = await self._firm(connection, playbook, span)
            changes = await queries.changed(connection, accounts, span.since)
            events = await queries.happened(connection, accounts, types, between)
            starts = sorted(_starting_types(playbook))
            started = await queries.happened(connection, accounts, starts, between) if starts else {}
            standing = frozenset(await queries.under_way(connection, playbook.id, span.since))
        who = set(accounts or ()) or standing | await self._meant(playbook, changes, started, span)
        return Cast(playbook, span, tuple(sorted(who)), changes, events, standing, firm)

    async def scenes(self, cast: Cast) -> AsyncIterator[Mapping[UUID, Scene]]:
        """Yield the scenes of a cast, some accounts at a time, so that a long feed needs no more room than a short one.

        Raises HealthAway.
        """
        for some in _parts(cast):
            known = await self.asking.known(some, [cast.playbook], cast.span.since, more=_subjects(cast.playbook))
            here = sorted(known)
            happened = await self._happened(cast, here)
            of = Of(here, cast.playbook.id, cast.span.since, cast.span.until)
            async with self.pool.acquire() as connection:
                seen = await stands(connection, of)
            bare = {
                account: scene(
                    cast.playbook, account, known[account], happened.get(account, Happened()), cast.span,
                    seen.get(account),
                )
                for account in here
            }  # fmt: skip
            yield await self._furnished(cast, of, bare, known)

    async def _furnished(
        self, cast: Cast, of: Of, scenes: Mapping[UUID, Scene], known: Answers
    ) -> Mapping[UUID, Scene]:
        """Say what stood around the accounts at which something may begin or goes on; nobody asks about the others."""
        busy = sorted(account for account, one in scenes.items() if one.occasions or account in cast.standing)
        health = await self.deciding.scoring.healths(busy)
        offices = {
            account: AccountOffice(account, cast.playbook, cast.firm, known[account], health.get(account))
            for account in busy
        }
        persons = sorted(persons_of(cast.playbook, cast.firm, offices))
        async with self.pool.acquire() as connection:
            asked = replace(of, accounts=busy, persons=persons)
            before = await stood(connection, self.keeping, asked, cast.policy, cast.firm.person)
        return {
            account: replace(one, before=before[account], office=offices[account]) if account in before else one
            for account, one in scenes.items()
        }

    async def _firm(self, connection: Connection, playbook: Playbook, span: Span) -> Firm:
        now = await queries.clock(connection)
        named = {step.connection for step in playbook.steps if hasattr(step, "connection")}
        return Firm(
            now=now,
            staff=await staff(connection, [_chain(playbook)], self.deciding.fallback),
            rows=await colleagues.colleagues(connection),
            absences=await queries.absences(connection, (span.since - timedelta(days=2)).date()),
            places=read_places(await arbiter.frame(connection, span.since)),
            outlets=frozenset(
                row["name"] for row in await outlets.every(connection) if row["active"] and row["name"] in named
            ),
            desk=self.deciding.desk,
            arbitrating=self.arbitrating,
        )

    async def _happened(self, cast: Cast, accounts: Sequence[UUID]) -> Mapping[UUID, Happened]:
        span, types = cast.span, sorted(_event_types(cast.playbook))
        moved = [account for account in accounts if account in cast.changes]
        heard = [account for account in accounts if account in cast.events]
        changes: dict[UUID, list[ChangeRow]] = {}
        events: dict[UUID, list[tuple[datetime, str]]] = {}
        news: dict[UUID, list[tuple[datetime, str]]] = {}
        async with self.pool.acquire() as connection:
            for row in await queries.changes(connection, moved, span.since) if moved else []:
                changes.setdefault(row.account_id, []).append(row)
            told = await queries.events(connection, heard, types, (span.since, span.until)) if heard else []
        for event in told:
            one = (event["occurred_at"], event["type"])
            events.setdefault(event["account_id"], []).append(one)
            if event["news"]:
                news.setdefault(event["account_id"], []).append(one)
        return {
            account: Happened(changes.get(account, ()), events.get(account, ()), news.get(account, ()))
            for account in {*changes, *events}
        }

    async def _meant(self, playbook: Playbook, changes: Counts, started: Counts, span: Span) -> set[UUID]:
        """Return the accounts at which something that starts the playbook may happen in the span."""
        trigger = playbook.trigger
        if span.at_once:
            return await self.asking.meant(playbook.audience or EVERYBODY)
        match trigger:
            case EventTrigger():
                return set(started)
            case DateTrigger():
                return await self.asking.meant(Compare(f"attribute.{trigger.attribute}", "known"))
            case ByHand():
                return set()
            case WatchTrigger():
                return set(changes) | await self.asking.meant(trigger.enter)
            case _:
                return set(changes)


def provisos(playbook: Playbook, span: Span, now: datetime, people: str) -> list[str]:
    """Return what nobody can know, and what is not played, as sentences."""
    told = []
    trigger = playbook.trigger
    if span.since < now:
        told.append("Attributes, signals, people, addresses and words are today's: no feed tells what they were.")
        told.append("Of an escalation or a call only the last opening and the last closing are known.")
    if isinstance(trigger, WatchTrigger) and not span.ahead and looks_at_score(trigger):
        told.append("Small moves of the score are told in no feed: what only they came to counts at the end.")
    elif isinstance(trigger, WatchTrigger) and not span.ahead and not is_told(trigger):
        told.append("The trigger looks at more than feeds tell, so accounts of which it holds today begin at the end.")
    if isinstance(trigger, MilestoneTrigger) and not span.at_once:
        told.append("What is late or stuck already at an account's first score has not moved, and starts nothing.")
    if people == "silent" and any(isinstance(step, TaskStep) for step in playbook.steps):
        told.append("No clocks of tasks run: what would be warned of or given to `escalate_to` stays where it came to.")
    if span.until > now:
        told.append("What customers do, what changes, and what other playbooks send from now on cannot be known.")
    told.append("Each account is played by itself: what would be sent about others meanwhile counts against no cap.")
    return told


def _parts(cast: Cast) -> Iterator[list[UUID]]:
    """Yield the accounts in their order, so many at a time that their rows fit into memory together."""
    some: list[UUID] = []
    rows = 0
    for account in cast.accounts:
        mine = cast.changes.get(account, 0) + cast.events.get(account, 0)
        if some and (rows + mine > ROWS_AT_ONCE or len(some) >= ACCOUNTS_AT_ONCE):
            yield some
            some, rows = [], 0
        some.append(account)
        rows += mine
    if some:
        yield some


def _chain(playbook: Playbook) -> list[str]:
    """Return every word by which a step of the playbook may find whose work it is."""
    words = [word for step in playbook.steps for word in getattr(step, "owner", ())]
    rows = playbook.tiers.rows if playbook.tiers is not None else ()
    return [*words, *(word for row in rows for word in row.owner), *playbook.owner]


def _subjects(playbook: Playbook) -> frozenset[str]:
    found = {*subjects_to_admit(playbook), *TOLD_BY_FEEDS, SCORE}
    trigger = playbook.trigger
    if isinstance(trigger, WatchTrigger):
        found |= set(subjects_of(trigger.enter, trigger.rearm))
    if isinstance(trigger, DateTrigger):
        found.add(f"attribute.{trigger.attribute}")
    mails = [step.to for step in playbook.steps if isinstance(step, EmailStep) and step.to.startswith(ATTRIBUTE)]
    return frozenset(found | {f"attribute.{word.removeprefix(ATTRIBUTE)}" for word in mails})


def _starting_types(playbook: Playbook) -> set[str]:
    return set(playbook.trigger.types) if isinstance(playbook.trigger, EventTrigger) else set()


def _event_types(playbook: Playbook) -> set[str]:
    waits = {kind for step in playbook.steps if isinstance(step, WaitStep) for kind in step.event_types}
    return waits | _starting_types(playbook) | set(EXIT_EVENTS)
