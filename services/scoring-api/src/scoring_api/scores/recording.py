"""Records the feed of events: what happened becomes records, attributes, accounts and marks; it never scores.

Reading a range twice, or ranges in another order, leaves the same rows. A row that cannot be recorded is set aside and
holds nobody up.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import asyncpg
import structlog

from milepost_contracts.events import ACCOUNT_LINKED, ACCOUNT_MERGED, ACCOUNT_UNLINKED, FEED, PERSON_ERASED
from milepost_core.events import ATTRIBUTE_TYPES
from milepost_runtime.database import Connection, Pool, is_store_trouble
from milepost_runtime.failpoints import afp
from milepost_runtime.feeds import advance_cursor
from milepost_runtime.lanes import Claim, Lane, release
from milepost_runtime.metrics import FEED_BEHIND, FEED_UNREADABLE
from milepost_runtime.queue import Hints
from scoring_api.queries import corrections, forgetting, marks, merges, records, starts
from scoring_api.queries.marks import Arrival
from scoring_api.queries.records import Holds, Page, Span

log = structlog.get_logger()
LANE = "scoring.record"
RANGE = 2000
Work = Callable[[Connection, Span], Awaitable[None]]


class _Unreadable(Exception):
    """Something in a range cannot be recorded; the text says why."""


@dataclass(frozen=True)
class Recording:
    """The use case behind the lane `scoring.record`."""

    pool: Pool = field(repr=False)
    hints: Hints = field(repr=False)
    arrival: Arrival
    rescore_lane: str
    look_back: Callable[[], Awaitable[int]]
    _started: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @cached_property
    def lane(self) -> Lane:
        """The reader of `ingest.event`: one row, our cursor."""
        return Lane(
            name=LANE,
            table="scoring.cursor",
            key="feed",
            key_type="text",
            columns=("position",),
            handle=self.handle,
            lease_s=30,
            rung_for=RANGE,
        )

    async def handle(self, claims: Sequence[Claim]) -> int:
        """Record the next range of the feed and move the cursor with it; return how many ids were passed."""
        (cursor,) = (one for one in claims if one.key == FEED)
        await self._look_back_once()
        async with self.pool.acquire() as connection:
            page = await records.next_page(connection, cursor.row["position"], RANGE)
            if page is None:
                FEED_BEHIND.labels(FEED).set(0)
                await release(connection, self.lane, claims)
                return 0
            FEED_BEHIND.labels(FEED).set(page.newest - page.span.after)
            if not await self._record(connection, claims, page):
                return 0
            FEED_BEHIND.labels(FEED).set(page.newest - page.span.upto)
        self.hints.nudge(self.rescore_lane)
        return page.span.upto - page.span.after

    async def _look_back_once(self) -> None:
        """Before the first range of this process: what another model or address made is made anew."""
        if not self._started.is_set():
            if await self.look_back():
                self.hints.nudge(self.rescore_lane)
            self._started.set()

    async def _record(self, connection: Connection, claims: Sequence[Claim], page: Page) -> bool:
        """Record a range at once or, if something in it cannot be recorded, in halves down to that row.

        Returns False when somebody else has claimed the cursor meanwhile.
        """
        waiting, fold = [page.span], self._folding(page.holds)
        while waiting:
            span = waiting.pop()
            try:
                ours = await self._pass(connection, claims, span, fold, last=not waiting)
            except _Unreadable as error:
                middle = (span.after + span.upto) // 2
                if middle > span.after:
                    waiting += [Span(middle, span.upto), Span(span.after, middle)]
                    continue
                ours = await self._pass(connection, claims, span, _setting_aside(str(error)), last=not waiting)
            if not ours:
                return False
        return True

    async def _pass(
        self, connection: Connection, claims: Sequence[Claim], span: Span, work: Work, *, last: bool
    ) -> bool:
        """Do the work of a range and move the cursor past it in one transaction; False: the claim is lost."""
        async with connection.transaction():
            if not await advance_cursor(connection, self.lane, claims, span.upto):
                return False
            await work(connection, span)
            if last:
                await release(connection, self.lane, claims)
            await afp("scoring.record.before_commit")
        return True

    def _folding(self, holds: Holds) -> Work:
        """Return the work of bringing every projection up to date.

        It raises _Unreadable when it is the range's own fault that it cannot be done. A statement that the store does
        not understand, or that we may not run, is no row's fault: it waits.
        """

        async def fold(connection: Connection, span: Span) -> None:
            try:
                await self._project(connection, span, holds)
            except Exception as error:
                if is_store_trouble(error) or isinstance(error, asyncpg.SyntaxOrAccessError):
                    raise
                raise _Unreadable(repr(error)[:500].replace("\0", "")) from error

        return fold

    async def _project(self, connection: Connection, span: Span, holds: Holds) -> None:
        """Write every projection that the range bears on; marks come last, their row locks are the contended ones."""
        described, survivors = [], []
        fresh = await starts.upsert_accounts(connection, *span)
        if holds.own:
            await starts.note_names(connection, *span)
        await records.insert_records(connection, span)
        if not holds.told.isdisjoint(ATTRIBUTE_TYPES):
            described += await records.insert_attributes(connection, span)
        if holds.corrections:
            described += await corrections.supersede(connection, *span)
        if ACCOUNT_LINKED in holds.own:
            await records.upsert_references(connection, span)
        if ACCOUNT_UNLINKED in holds.own:
            await forgetting.unlink(connection, span)
        if ACCOUNT_MERGED in holds.own:
            survivors += await merges.absorb(connection, span, self.arrival.lasts)
        if PERSON_ERASED in holds.own:
            await forgetting.forget(connection, span)
        await records.fold_attributes(connection, {*described, *survivors})
        await starts.restart(connection, {*holds.accounts, *survivors})
        await marks.mark(connection, span, fresh, self.arrival)


def _setting_aside(reason: str) -> Work:
    """Return the work on a row that cannot be recorded."""

    async def set_aside(connection: Connection, span: Span) -> None:
        account = await records.set_aside(connection, span.upto, reason)
        FEED_UNREADABLE.labels(FEED).inc()
        log.error("row_set_aside", feed=FEED, event_row_id=span.upto, account_id=str(account), reason=reason)

    return set_aside
