"""Watching: looks whether what a playbook waits for has come to hold: after every change, and in sweeps over the book.

Of time alone nobody is told, so a sweep looks at everybody again. It never decides what fires (the law does), and it
never sends. What holds already when a watch begins is not news: it arms nothing and starts nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import structlog

from milepost_core.cadence.dating import about_due
from milepost_core.playbooks.conditions import Condition, Facts
from milepost_core.playbooks.document import BandTrigger, DateTrigger, Trigger, WatchTrigger
from milepost_core.playbooks.starting import STARTING_CAUSES, digest
from milepost_core.playbooks.watching import Stand
from milepost_runtime.database import Connection, Pool
from milepost_runtime.lanes import Claim, Lane, TryLater, hold, postpone, release
from playbook_runner.clients.scoring import HealthAway, QuestionRefused
from playbook_runner.documents.keeping import InForceChanged, Keeping, Kept
from playbook_runner.measures import QUESTIONS_REFUSED
from playbook_runner.people.places import Places, read_places
from playbook_runner.queries import arbiter, starting
from playbook_runner.queries import watching as queries
from playbook_runner.queries.watching import KEEPER, Progress
from playbook_runner.runs.looking import Lookout, at_first, is_watched, subjects_to_see
from playbook_runner.runs.opening import Opening, Reason

log = structlog.get_logger()
LANE = "playbooks.watch"
AT_ONCE = 1_000
KEEPER_EVERY_S = 5.0
LOOK_EVERY_S = 2.0
ASK_AGAIN_S = 5.0
REFUSED_LOOK_S = 60.0
# Dates of long ago are more each year, and were answered when they came: the first sweep of a day (UTC) looks at them
# again, for those that were told late, and the others only at what comes about that day.
LATELY = "lately"


@dataclass(frozen=True)
class Glance:
    """Accounts to look at together: their facts, whose state of today is news, and how far the watch is then."""

    facts: Mapping[UUID, Facts]
    at: Progress
    old: frozenset[UUID] = frozenset()
    lasted: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class Watching:
    """The use case behind the lane `playbooks.watch`."""

    pool: Pool = field(repr=False)
    keeping: Keeping
    opening: Opening
    sweep_every_s: float = 300.0
    lease_s: float = 15.0

    @property
    def lane(self) -> Lane:
        """The lane over watches, and over the row that keeps them in step with the playbooks in force."""
        return Lane(LANE, "watch", "playbook_id", self.watch, key_type="text", batch=20, lease_s=self.lease_s)

    async def watch(self, claims: Sequence[Claim]) -> int:
        """Carry each watch one look further; what it sees, what it opens and how far it is stand or fall together."""
        async with self.pool.acquire() as connection:
            kept = {one.playbook.id: one for one in await self.keeping.in_force(connection) if is_watched(one)}
        done = 0
        try:
            for claim in claims:
                if claim.key == KEEPER:
                    done += await self._keep_in_step(claim, kept)
                elif claim.key in kept:
                    done += await self._turn(claim, kept[claim.key])
                else:
                    await self._leave(claim)
        except HealthAway as error:
            raise TryLater(str(error), ASK_AGAIN_S) from None
        return done

    async def _keep_in_step(self, claim: Claim, kept: Mapping[str, Kept]) -> int:
        wanted = {name: _digest(one) for name, one in kept.items()}
        async with self.pool.acquire() as connection, connection.transaction():
            if not await postpone(connection, self.lane, [claim], KEEPER_EVERY_S):
                return 0
            return await queries.keep_watches(connection, wanted)

    async def _leave(self, claim: Claim) -> None:
        """Leave it to the keeper to let a watch rest or begin anew: until then it is of something else."""
        async with self.pool.acquire() as connection:
            await postpone(connection, self.lane, [claim], KEEPER_EVERY_S)

    async def _turn(self, claim: Claim, one: Kept) -> int:
        try:
            return await self._look(claim, one)
        except QuestionRefused as error:
            await self._refused(claim, str(error))
            return 0
        except InForceChanged:
            # Nothing of the look is kept: the same accounts are looked at by what is in force now.
            async with self.pool.acquire() as connection:
                await release(connection, self.lane, [claim])
            return 1

    async def _look(self, claim: Claim, one: Kept) -> int:
        row = await queries.watch(self.pool, claim.key)
        if row is None or row["trigger_digest"] != _digest(one):
            await self._leave(claim)
            return 0
        glance = await self._next(one, row)
        if glance is None:
            async with self.pool.acquire() as connection:
                await postpone(connection, self.lane, [claim], LOOK_EVERY_S)
            return 0
        async with self.pool.acquire() as connection, connection.transaction():
            if not await hold(connection, self.lane, [claim]):
                return 0
            if glance.lasted:
                # Who reads the feed notes since when a band lasts with the same leave.
                await self.opening.lead(connection, [one])
            reasons, moved = await _seen(connection, one, glance, row)
            opened = await self.opening.open(connection, reasons, glance.facts)
            # After the leave to open runs: so do those who note what lasts, and those who merge accounts.
            await queries.keep_stands(connection, claim.key, moved)
            await queries.keep_progress(connection, claim.key, glance.at)
            await release(connection, self.lane, [claim])
        self.opening.tell(opened)
        return max(1, len(glance.facts))

    async def _refused(self, claim: Claim, why: str) -> None:
        """What this one asks cannot be asked: it looks again after a while, and the others go on."""
        log.error("watch_refused", playbook_id=claim.key, reason=why)
        QUESTIONS_REFUSED.inc()
        async with self.pool.acquire() as connection, connection.transaction():
            if await postpone(connection, self.lane, [claim], REFUSED_LOOK_S):
                await queries.keep_fault(connection, claim.key, why)

    async def _next(self, one: Kept, row: asyncpg.Record) -> Glance | None:
        """Choose what to look at: what moved, else what has lasted for long enough, else the next part of a sweep."""
        trigger = one.playbook.trigger
        at = Progress(row["position"], row["stage"], row["after"], row["settled"])
        if isinstance(trigger, WatchTrigger):
            news = await starting.changes_after(self.pool, at.position, AT_ONCE)
            if news:
                told = {change.account_id for change in news if change.cause in STARTING_CAUSES}
                facts = await self._ask(one, sorted({change.account_id for change in news}))
                old = frozenset(facts) - told if at.settled else frozenset(facts)
                return Glance(facts, replace(at, position=news[-1].id), old)
        if isinstance(trigger, WatchTrigger | BandTrigger) and trigger.hold > 0:
            lasted = await queries.lasted(self.pool, one.playbook.id, trigger.hold, AT_ONCE)
            if lasted:
                return Glance(await self._ask(one, list(lasted)), at, lasted=tuple(lasted))
        return None if isinstance(trigger, BandTrigger) else await self._sweep(one, row, at)

    async def _sweep(self, one: Kept, row: asyncpg.Record, at: Progress) -> Glance | None:
        trigger, swept_at = one.playbook.trigger, row["swept_at"]
        if at.stage == "" and swept_at is not None and row["now"] - swept_at < timedelta(seconds=self.sweep_every_s):
            return None
        if at.stage == "standing":
            accounts = await queries.standing(self.pool, one.playbook.id, at.after, AT_ONCE)
            over = len(accounts) < AT_ONCE
            further = replace(at, stage="", after=None, settled=True) if over else replace(at, after=accounts[-1])
            return Glance(await self._ask(one, accounts), further)
        dated = isinstance(trigger, DateTrigger)
        stage = at.stage or (LATELY if dated and _is_same_day(swept_at, row["now"]) else "book")
        page = await self.opening.scoring.meant(_who_may(trigger, row, stage), subjects_to_see(one), at.after)
        facts = {match.account: match.known() for match in page.data}
        then = stage if page.after is not None else "" if dated else "standing"
        settled = at.settled or (dated and then == "")
        further = Progress(at.position, then, page.after, settled, begins=at.stage == "")
        return Glance(facts, further, frozenset() if at.settled else frozenset(facts))

    async def _ask(self, one: Kept, accounts: Sequence[UUID]) -> dict[UUID, Facts]:
        return await self.opening.scoring.facts(accounts, subjects_to_see(one)) if accounts else {}


async def ensure_watching(pool: Pool) -> None:
    """Put the row in its place that keeps watches in step with the playbooks in force."""
    await queries.ensure_keeper(pool)


def _digest(one: Kept) -> bytes:
    """Return what tells a watch of this trigger from one of another."""
    return digest("watch", repr(one.playbook.trigger))


def _is_same_day(swept_at: datetime | None, now: datetime) -> bool:
    return swept_at is not None and swept_at.astimezone(UTC).date() == now.astimezone(UTC).date()


def _who_may(trigger: Trigger, row: asyncpg.Record, stage: str) -> Condition:
    if isinstance(trigger, DateTrigger):
        today = row["now"].astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        since = max(row["begun_at"], today) if stage == LATELY else row["begun_at"]
        return about_due(trigger, since, row["now"])
    assert isinstance(trigger, WatchTrigger)
    return trigger.enter


async def _seen(
    connection: Connection, one: Kept, glance: Glance, row: asyncpg.Record
) -> tuple[list[Reason], dict[UUID, Stand]]:
    """Let the law look at each account, and return what fires and to whom the watch stands otherwise from now on."""
    accounts = sorted({*glance.facts, *glance.lasted})
    first = at_first(one.playbook.trigger)
    known = await queries.stands(connection, one.playbook.id, accounts)
    dated = isinstance(one.playbook.trigger, DateTrigger)
    places = read_places(await arbiter.frame(connection, row["now"])) if dated else Places()
    lookout = Lookout(one, row["begun_at"], row["now"], places)
    seen = {
        account: lookout.see(
            account, glance.facts.get(account, {}), known.get(account, first), news=account not in glance.old
        )
        for account in accounts
    }
    moved = {account: found.stand for account, found in seen.items() if found.stand != known.get(account, first)}
    return [found.reason for found in seen.values() if found.reason is not None], moved
