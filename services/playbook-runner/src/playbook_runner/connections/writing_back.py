"""Writing back: tells CRMs of each account's health, in batches and only what is news; it opens no run and no effect.

Telling the same thing twice changes nothing over there, so nothing is ever in doubt: what was not surely taken is told
again. What a CRM holds is remembered as a digest without the moment, so that a score which was only computed again is
not written, and the echo of a write, should one come in, ends here. Of small moves nobody is told, so an account is
compared with what its CRM holds again after a while, whatever was heard.

A record to which several accounts lead is told of the one that is known longest: whose id comes first. The others are
silent until that one leaves. What an account leaves is told of the next, and is cleared once when there is none.
Where an account leads is written down before its CRM is told, and whoever finds afterwards that its row was somebody
else's meanwhile lets the record be told anew: of two calls nobody knows which came last.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from milepost_runtime.database import Connection, Pool
from milepost_runtime.lanes import Claim, Lane
from playbook_runner.actions.crm.answers import Busy, Crm, Entry, Refused, Unclear, Unfit, Verdict
from playbook_runner.clients.scoring import HealthAway, ScoringClient, Several
from playbook_runner.connections.admitting import Admitting, NoCrm
from playbook_runner.connections.comparing import Compared, Due, by_record, compare, done, judged, later, left
from playbook_runner.connections.connecting import OpenOutlet, Outlets, OutletShut
from playbook_runner.connections.turns import Turns
from playbook_runner.measures import WRITEBACKS
from playbook_runner.queries import outlets as connections
from playbook_runner.queries import writing_back as queries
from playbook_runner.queries.writing_back import Settled

log = structlog.get_logger()
LANE = "playbooks.writeback"
ACCOUNTS_AT_ONCE = 400
# Until somebody may have mended a connection.
MENDED_S = 900.0


@dataclass(frozen=True)
class WritingBack:
    """The use case behind the lane `playbooks.writeback`."""

    pool: Pool = field(repr=False)
    outlets: Outlets
    admitting: Admitting
    scoring: ScoringClient
    lease_s: float = 15.0

    @property
    def lane(self) -> Lane:
        """The lane over accounts that a CRM is to be told of."""
        return Lane(
            LANE,
            "writeback",
            "id",
            self.write,
            bury=self.bury,
            key_type="uuid",
            columns=("account_id", "outlet_id", "change_id", "digest", "record_id", "attempts", "error"),
            batch=ACCOUNTS_AT_ONCE,
            lease_s=self.lease_s,
            at_end=self.admitting.settled,
        )

    async def write(self, claims: Sequence[Claim]) -> int:
        """Tell each CRM of its accounts; what one of them refuses does not hold up another."""
        try:
            found = await self.scoring.several(list({claim.row["account_id"] for claim in claims}))
        except HealthAway as error:
            await self._settle([later(claim, str(error)) for claim in claims])
            return len(claims)
        by_outlet: dict[UUID, list[Claim]] = defaultdict(list)
        for claim in claims:
            by_outlet[claim.row["outlet_id"]].append(claim)
        async with self.pool.acquire() as connection:
            rows = {row["id"]: row for row in await connections.several(connection, list(by_outlet))}
        for outlet_id, mine in by_outlet.items():
            try:
                outlet = self.outlets.opened(rows[outlet_id])
                turns = Turns(self.pool, outlet.name, time.monotonic() + self.lease_s / 2)
                crm = self.admitting.crm(outlet, turns.take)
            except (KeyError, OutletShut, NoCrm) as error:
                # Switched on again, it is told of everything anew.
                await self._settle([done(claim, error=str(error), again_s=None) for claim in mine])
                continue
            await self._tell(outlet, crm, turns, (mine, found))
        return len(claims)

    async def _tell(self, outlet: OpenOutlet, crm: Crm, turns: Turns, work: tuple[Sequence[Claim], Several]) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            records = await _arrange(connection, outlet.id, compare(outlet, *work))
        for start in range(0, len(records), crm.most_records):
            part = records[start : start + crm.most_records]
            try:
                verdicts = await crm.write_health([Entry(one[0].record_id, one[0].figures) for one in part])
            except (Busy, Unfit, Refused, Unclear) as error:
                await turns.tell(error)
                rest = [row for group in records[start:] for row in group]
                await self._refused(outlet, rest, error)
                return
            await turns.tell(None)
            await self._told(outlet, part, verdicts)

    async def _told(self, outlet: OpenOutlet, part: Sequence[Sequence[Due]], verdicts: Sequence[Verdict]) -> None:
        pairs = [(row, verdict) for group, verdict in zip(part, verdicts, strict=True) for row in group]
        await self._end(outlet.id, [row for row, _ in pairs], [judged(*pair) for pair in pairs])
        async with self.pool.acquire() as connection:
            await connections.tell_trouble(connection, outlet.id, "")
        for verdict in verdicts:
            WRITEBACKS.labels(outlet.kind, type(verdict).__name__.lower()).inc()
        log.info("health_written_back", outlet=outlet.name, records=len(part))

    async def _refused(self, outlet: OpenOutlet, rows: Sequence[Due], error: Exception) -> None:
        """Put off what a CRM did not take as a whole; a connection that is not fit says so to its owner."""
        after = MENDED_S if isinstance(error, Unfit) else getattr(error, "after_s", None)
        if isinstance(error, Unfit):
            async with self.pool.acquire() as connection:
                await connections.tell_trouble(connection, outlet.id, str(error))
        await self._end(outlet.id, rows, [later(row.claim, str(error), after) for row in rows])
        WRITEBACKS.labels(outlet.kind, type(error).__name__.lower()).inc(len(rows))
        log.warning("writeback_refused", outlet=outlet.name, rows=len(rows), why=type(error).__name__)

    async def _end(self, outlet_id: UUID, rows: Sequence[Due], settled: Sequence[Settled]) -> None:
        """Write down what became of rows for which a CRM was called.

        What their records hold is not known where they were not ours any more: somebody else came there meanwhile.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            await queries.lock(connection, outlet_id, [row.claim.key for row in rows], [row.record_id for row in rows])
            ours = await queries.settle(connection, settled)
            unsure = {row.record_id for row in rows if row.claim.key not in ours}
            await queries.tell_anew(connection, outlet_id, unsure, ours)

    async def _settle(self, settled: Sequence[Settled]) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await queries.settle(connection, settled)

    async def bury(self, claim: Claim, reason: str) -> None:
        """Leave an account out until its next change."""
        await self._settle([done(claim, error=reason, again_s=None)])


async def _arrange(connection: Connection, outlet_id: UUID, found: Compared) -> list[list[Due]]:
    """Write down who leads where, settle who has nothing to tell, and return the others by record."""
    every = [*found.left, *found.news]
    keys = [*(one.key for one in found.settled), *(row.claim.key for row in every)]
    await queries.lock(connection, outlet_id, keys, [row.record_id for row in every])
    ours = await queries.arrive(connection, [(row.claim.key, row.claim.fence, row.record_id) for row in found.news])
    news = [row for row in found.news if row.claim.key in ours]
    came = [(row.account_id, row.record_id) for row in news if not row.claim.row["record_id"]]
    leaving = [row.claim.key for row in found.left]
    await queries.look_again(connection, outlet_id, came, [*ours, *leaving])
    first = await queries.first(connection, outlet_id, {row.record_id for row in every}, leaving)
    speaking = [row for row in news if first[row.record_id] == row.account_id]
    inherited = [row for row in found.left if row.record_id in first]
    # Whose words stand there, or may stand there, takes them along.
    anew = {row.record_id for row in inherited if row.told_before or row.account_id < first[row.record_id]}
    await queries.tell_anew(connection, outlet_id, anew, [*ours, *leaving])
    silent = [done(row.claim) for row in news if first[row.record_id] != row.account_id]
    await queries.settle(connection, [*found.settled, *silent, *map(left, inherited)])
    return by_record([*(row for row in found.left if row.record_id not in first), *speaking])
