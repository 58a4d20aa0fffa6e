"""Starting runs: reads the feed of changes, matches triggers, opens at most one run per playbook and change.

It never asks for health and never sends: that is decided at send time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from milepost_contracts.changes import FEED, ChangeRow
from milepost_core.cadence import Pursuit, may_start
from milepost_core.playbooks import Change, Declines, Ignores, Starts, match, trigger_key
from milepost_runtime.database import Connection, Pool
from milepost_runtime.failpoints import afp
from milepost_runtime.feeds import advance_cursor, ensure_cursor
from milepost_runtime.ids import clean_correlation_id, new_id
from milepost_runtime.lanes import Claim, Lane, release
from milepost_runtime.queue import Hints
from playbook_runner.keeping import Keeping, Kept
from playbook_runner.queries import ledger
from playbook_runner.queries import starting as queries

log = structlog.get_logger()
LANE = "playbooks.start"
CHANGES_AT_ONCE = 200
Pair = tuple[UUID, str]


@dataclass(frozen=True)
class Starting:
    """The use case behind the lane `playbooks.start`."""

    pool: Pool = field(repr=False)
    keeping: Keeping
    hints: Hints = field(repr=False)
    lease_s: float = 15.0

    @property
    def lane(self) -> Lane:
        """The lane over our cursor in the feed of changes."""
        return Lane(
            LANE,
            "cursor",
            "feed",
            self.start,
            key_type="text",
            columns=("position",),
            batch=1,
            lease_s=self.lease_s,
        )

    async def start(self, claims: Sequence[Claim]) -> int:
        """Answer the feed's next changes; cursor, runs, first steps and ledger stand or fall together."""
        claim, lane = claims[0], self.lane
        async with self.pool.acquire() as connection, connection.transaction():
            changes = await queries.changes_after(connection, claim.row["position"], CHANGES_AT_ONCE)
            if not changes:
                await release(connection, lane, claims)
                return 0
            if not await advance_cursor(connection, lane, claims, changes[-1].id):
                return 0
            opened = await self._answer(connection, changes)
            await release(connection, lane, claims)
            await afp("playbooks.start.answered")
        for run in opened:
            log.info(
                "run_started",
                run_id=str(run.id),
                account_id=str(run.account_id),
                playbook_id=run.playbook_id,
                correlation_id=run.correlation_id,
            )
        if opened:
            self.hints.nudge("playbooks.advance")
        return len(changes)

    async def _answer(self, connection: Connection, changes: Sequence[ChangeRow]) -> list[queries.NewRun]:
        kept = await self.keeping.in_force(connection)
        matched = [(change, one, verdict) for change in changes for one in kept if (verdict := _match(one, change))]
        now, pursuits = await _pursuits(
            connection, [(change.account_id, one.playbook.id) for change, one, _ in matched]
        )
        runs: list[queries.NewRun] = []
        entries: list[ledger.Entry] = []
        for change, one, verdict in matched:
            pair = (change.account_id, one.playbook.id)
            if isinstance(verdict, Starts):
                verdict = may_start(one.playbook, pursuits.get(pair, _NEW), change.computed_at, now)  # noqa: PLW2901 - the second law refines the first one's answer
            if isinstance(verdict, Declines):
                entries.append(_declined(change, one, verdict))
            else:
                runs.append(_run(change, one))
                # The next change of this batch must see the run that this one opens.
                pursuits[pair] = Pursuit(open_run=True, last_started_at=now)
        opened = await queries.open_runs(connection, runs)
        await ledger.add(connection, entries)
        return [run for run in runs if run.id in opened]


async def ensure_feed_cursor(pool: Pool) -> None:
    """Put our cursor at the beginning of the feed of changes, unless it is there; old changes start nothing."""
    async with pool.acquire() as connection:
        await ensure_cursor(connection, "cursor", FEED)


_NEW = Pursuit(open_run=False, last_started_at=None)


def _match(one: Kept, change: ChangeRow) -> Starts | Declines | None:
    verdict = match(one.playbook.trigger, Change(change.kind, change.from_band, change.to_band, change.cause))
    if isinstance(verdict, Ignores):
        return None
    if isinstance(verdict, Starts) and one.state == "paused":
        return Declines("playbook_paused", "the playbook was paused when the change came")
    return verdict


async def _pursuits(connection: Connection, pairs: Sequence[Pair]) -> tuple[datetime, dict[Pair, Pursuit]]:
    now, rows = await queries.pursuits(connection, [pair[0] for pair in pairs], [pair[1] for pair in pairs])
    return now, {
        (row["account_id"], row["playbook_id"]): Pursuit(row["open_run"], row["last_started_at"]) for row in rows
    }


def _run(change: ChangeRow, one: Kept) -> queries.NewRun:
    first = one.playbook.steps[0]
    return queries.NewRun(
        id=new_id(),
        step_id=new_id(),
        account_id=change.account_id,
        playbook_id=one.playbook.id,
        version=one.playbook.version,
        change_id=change.id,
        trigger_key=trigger_key(one.playbook.id, change.id),
        because=_because(change),
        correlation_id=clean_correlation_id(change.correlation_id),
        path=first.id,
        kind=first.kind,
    )


def _because(change: ChangeRow) -> str:
    if change.kind == "first_score":
        return f"the account's first score is {change.to_band}"
    return f"the band moved from {change.from_band} to {change.to_band}"


def _declined(change: ChangeRow, one: Kept, verdict: Declines) -> ledger.Entry:
    return ledger.Entry(
        account_id=change.account_id,
        playbook_id=one.playbook.id,
        outcome="suppressed" if verdict.code == "playbook_paused" else "skipped",
        code=verdict.code,
        reason=verdict.sentence,
        correlation_id=change.correlation_id,
        change_id=change.id,
    )
