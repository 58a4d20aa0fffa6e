"""Records the feed of events: what happened becomes records, attributes, accounts, plans and marks; it never scores.

Reading a range twice, or ranges in another order, leaves the same rows.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from milepost_contracts.events import FEED
from milepost_core.model import ScoreModel
from milepost_runtime.database import Connection, Pool
from milepost_runtime.failpoints import afp
from milepost_runtime.feeds import advance_cursor
from milepost_runtime.lanes import Claim, Lane, release
from milepost_runtime.queue import Hints
from scoring_api.queries import merges, records
from scoring_api.queries.records import Span

LANE = "scoring.record"
RANGE = 2000


@dataclass(frozen=True)
class Recording:
    """The use case behind the lane `scoring.record`."""

    pool: Pool = field(repr=False)
    hints: Hints = field(repr=False)
    model: ScoreModel = field(repr=False)
    late_after: timedelta
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
        )

    async def handle(self, claims: Sequence[Claim]) -> int:
        """Record the next range of the feed and move the cursor with it; return how many ids were passed."""
        (cursor,) = (one for one in claims if one.key == FEED)
        await self._look_back_once()
        async with self.pool.acquire() as connection:
            span = await records.next_span(connection, cursor.row["position"], RANGE)
            if span is None:
                await release(connection, self.lane, claims)
                return 0
            async with connection.transaction():
                if not await advance_cursor(connection, self.lane, claims, span.upto):
                    return 0
                await self._fold(connection, span)
                await release(connection, self.lane, claims)
                await afp("scoring.record.before_commit")
        self.hints.nudge(self.rescore_lane)
        return span.upto - span.after

    async def _look_back_once(self) -> None:
        """Before the first range of this process: what another model or address made is made anew."""
        if not self._started.is_set():
            if await self.look_back():
                self.hints.nudge(self.rescore_lane)
            self._started.set()

    async def _fold(self, connection: Connection, span: Span) -> None:
        """Bring every projection up to date; marks come last, their row locks are the contended ones."""
        fresh = await records.upsert_accounts(connection, span)
        await records.insert_records(connection, span)
        described = await records.insert_attributes(connection, span)
        await records.upsert_references(connection, span)
        survivors = await merges.absorb(connection, span)
        await records.fold_attributes(connection, [*described, *survivors])
        await records.upsert_plans(connection, [*fresh, *survivors], self.model.milestones)
        await records.mark(connection, span, fresh, self.late_after)
