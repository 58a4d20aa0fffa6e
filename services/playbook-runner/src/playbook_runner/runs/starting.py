"""Starting runs: reads the feeds of changes and of events, matches triggers, hands over reasons to start.

It asks the scoring API only whom a playbook is meant for, and it never sends: that is decided at send time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg

from milepost_contracts import changes, events
from milepost_contracts.changes import ChangeRow
from milepost_core.cadence.admitting import Occasion
from milepost_core.playbooks.document import BandTrigger, EventTrigger
from milepost_core.playbooks.starting import Change, Declines, Ignores, match, trigger_key
from milepost_runtime.database import Connection, Pool
from milepost_runtime.failpoints import afp
from milepost_runtime.feeds import advance_cursor, ensure_cursor
from milepost_runtime.lanes import Claim, Lane, TryLater, release
from playbook_runner.clients.scoring import HealthAway
from playbook_runner.documents.keeping import InForceChanged, Keeping, Kept
from playbook_runner.queries import starting as queries
from playbook_runner.queries import watching, writing_back
from playbook_runner.runs.opening import Opening, Reason

LANE = "playbooks.start"
CHANGES_AT_ONCE = 200
EVENTS_AT_ONCE = 2_000
ASK_AGAIN_S = 5.0


@dataclass(frozen=True)
class Starting:
    """The use case behind the lane `playbooks.start`."""

    pool: Pool = field(repr=False)
    keeping: Keeping
    opening: Opening
    lease_s: float = 15.0

    @property
    def lane(self) -> Lane:
        """The lane over our cursors in the feeds of changes and of events."""
        return Lane(
            LANE,
            "cursor",
            "feed",
            self.start,
            key_type="text",
            columns=("position",),
            batch=2,
            lease_s=self.lease_s,
        )

    async def start(self, claims: Sequence[Claim]) -> int:
        """Answer what is next in each feed; cursor, runs, first steps and ledger stand or fall together."""
        done = 0
        try:
            for claim in claims:
                done += await self._answer(claim)
        except HealthAway as error:
            raise TryLater(str(error), ASK_AGAIN_S) from None
        return done

    async def _answer(self, claim: Claim) -> int:
        try:
            return await (self._changes(claim) if claim.key == changes.FEED else self._events(claim))
        except InForceChanged:
            # The cursor has stayed where it was: the same rows are answered by what is in force now.
            async with self.pool.acquire() as connection:
                await release(connection, self.lane, [claim])
            return 1

    async def _changes(self, claim: Claim) -> int:
        news = await queries.changes_after(self.pool, claim.row["position"], CHANGES_AT_ONCE)
        if not news:
            return await self._nothing(claim, claim.row["position"])
        async with self.pool.acquire() as connection:
            kept = await self.keeping.in_force(connection)
        reasons = [found for change in news for one in kept if (found := _of_change(one, change)) is not None]
        at_once = [reason for reason in reasons if not _is_held(reason)]
        facts = await self.opening.learn(at_once)
        async with self.pool.acquire() as connection, connection.transaction():
            if not await advance_cursor(connection, self.lane, [claim], news[-1].id):
                return 0
            if len(at_once) < len(reasons):
                # That something has to last first is noted by its playbook, too, as that is in force.
                await self.opening.lead(connection, [one.kept for one in reasons])
            opened = await self.opening.open(connection, at_once, facts)
            await _hold(connection, kept, news, reasons)
            await writing_back.mark(connection, [one.account_id for one in news], [one.id for one in news])
            await release(connection, self.lane, [claim])
            await afp("playbooks.start.answered")
        self.opening.tell(opened)
        return len(news)

    async def _events(self, claim: Claim) -> int:
        position = claim.row["position"]
        async with self.pool.acquire() as connection:
            kept = await self.keeping.in_force(connection)
            waiting = [one for one in kept if isinstance(one.playbook.trigger, EventTrigger)]
            types = sorted({kind for one in waiting for kind in _types(one)})
            if not types:
                # Nobody waits for an event, so none is looked at; whoever waits from now on waits for new ones.
                return await self._nothing(claim, await queries.newest_event(connection))
            reached, told = await queries.events_after(connection, position, types, EVENTS_AT_ONCE)
        if reached == position:
            return await self._nothing(claim, position)
        reasons = [_of_event(one, row) for row in told for one in waiting if row["type"] in _types(one)]
        facts = await self.opening.learn(reasons)
        async with self.pool.acquire() as connection, connection.transaction():
            if not await advance_cursor(connection, self.lane, [claim], reached):
                return 0
            opened = await self.opening.open(connection, reasons, facts)
            await release(connection, self.lane, [claim])
        self.opening.tell(opened)
        return len(told) or 1

    async def _nothing(self, claim: Claim, position: int) -> int:
        async with self.pool.acquire() as connection, connection.transaction():
            if position == claim.row["position"] or await advance_cursor(connection, self.lane, [claim], position):
                await release(connection, self.lane, [claim])
        return 0


async def ensure_feed_cursor(pool: Pool) -> None:
    """Put our cursors at the beginning of the feeds, unless they are there; what is old starts nothing."""
    async with pool.acquire() as connection:
        for feed in (changes.FEED, events.FEED):
            await ensure_cursor(connection, "cursor", feed)


def _types(one: Kept) -> tuple[str, ...]:
    trigger = one.playbook.trigger
    return trigger.types if isinstance(trigger, EventTrigger) else ()


def _of_change(one: Kept, change: ChangeRow) -> Reason | None:
    known = Change(change.kind, change.from_band, change.to_band, change.cause, change.subject, change.detail.get("to"))
    verdict = match(one.playbook.trigger, known)
    if isinstance(verdict, Ignores):
        return None
    kind = one.playbook.trigger.kind
    return Reason(
        account_id=change.account_id,
        kept=one,
        occasion=Occasion(kind, change.computed_at, change.to_band),
        key=trigger_key(one.playbook.id, kind, str(change.id)),
        because=_because(change),
        correlation_id=change.correlation_id,
        change_id=change.id,
        declined=verdict if isinstance(verdict, Declines) else None,
    )


def _of_event(one: Kept, row: asyncpg.Record) -> Reason:
    return Reason(
        account_id=row["account_id"],
        kept=one,
        occasion=Occasion("event", row["occurred_at"]),
        key=trigger_key(one.playbook.id, "event", row["event_id"]),
        because=f"{row['type']} happened at {row['occurred_at']:%Y-%m-%d %H:%M} UTC",
        correlation_id=row["correlation_id"],
    )


def _is_held(reason: Reason) -> bool:
    """A band has to last for a while first: the lane of watches looks again when it has."""
    trigger = reason.kept.playbook.trigger
    return isinstance(trigger, BandTrigger) and trigger.hold > 0 and reason.declined is None


async def _hold(
    connection: Connection, kept: Sequence[Kept], news: Sequence[ChangeRow], reasons: Sequence[Reason]
) -> None:
    """Note since when bands last that have to, and which do not any more; what moved last counts."""
    held = {(one.change_id, one.kept.playbook.id): one for one in reasons if _is_held(one)}
    since: dict[tuple[object, str], watching.Held] = {}
    for change in news:
        for one in kept:
            trigger = one.playbook.trigger
            if not isinstance(trigger, BandTrigger) or trigger.hold <= 0:
                continue
            begins = (change.id, one.playbook.id) in held
            if begins or change.to_band not in trigger.to:
                at = change.computed_at if begins else None
                found = watching.Held(change.account_id, one.playbook.id, at)
                since[change.account_id, one.playbook.id] = found
    await watching.keep_held(connection, list(since.values()))


def _because(change: ChangeRow) -> str:
    match change.kind:
        case "first_score":
            return f"the account's first score is {change.to_band}"
        case "milestone_moved":
            return f"the milestone {change.subject} came to be {change.detail.get('to')}"
        case "journey_moved":
            return f"the journey came to be {change.detail.get('to')}"
        case _:
            return f"the band moved from {change.from_band} to {change.to_band}"
