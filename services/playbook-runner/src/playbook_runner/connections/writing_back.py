"""Writing back: tells CRMs of each account's health, in batches and only what is news; it opens no run and no effect.

Telling the same thing twice changes nothing over there, so nothing is ever in doubt: what was not surely taken is told
again. What a CRM holds is remembered as a digest without the moment, so that a score which was only computed again is
not written, and the echo of a write, should one come in, ends here. Of small moves nobody is told, so an account is
compared with what its CRM holds again after a while, whatever was heard.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

import structlog

from milepost_contracts.health import HealthDigest
from milepost_runtime.database import Pool
from milepost_runtime.lanes import Claim, Lane
from playbook_runner.actions.crm.answers import (
    Busy,
    Crm,
    Declined,
    Entry,
    Figures,
    Later,
    Refused,
    Unclear,
    Unfit,
    Verdict,
)
from playbook_runner.clients.scoring import HealthAway, ScoringClient
from playbook_runner.connections.admitting import Admitting, NoCrm
from playbook_runner.connections.connecting import OpenOutlet, Outlets, OutletShut
from playbook_runner.connections.figuring import figures_of, record_of
from playbook_runner.connections.turns import Turns
from playbook_runner.measures import WRITEBACKS
from playbook_runner.queries import outlets as connections
from playbook_runner.queries import writing_back as queries
from playbook_runner.queries.writing_back import Settled

log = structlog.get_logger()
LANE = "playbooks.writeback"
ACCOUNTS_AT_ONCE = 400
# Waits after a try that a CRM did not take, by tries before; and until somebody may have mended a connection.
AGAIN_S = (10.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
MENDED_S = 900.0
# So long after an account was told or looked at it is looked at again, a batch of them at a time.
COMPARED_AGAIN_S = 3 * 3600.0
NO_SCORE = "the account has no score, or goes by another id today"
NOT_THERE = "no name of the account leads to a record of this CRM"


@dataclass(frozen=True)
class Due:
    """One row with what it would say."""

    claim: Claim
    record_id: str
    figures: Figures


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
            columns=("account_id", "outlet_id", "change_id", "digest", "record_id", "attempts"),
            batch=ACCOUNTS_AT_ONCE,
            lease_s=self.lease_s,
            at_end=self.admitting.settled,
        )

    async def write(self, claims: Sequence[Claim]) -> int:
        """Tell each CRM of its accounts; what one of them refuses does not hold up another."""
        try:
            healths = await self.scoring.healths(list({claim.row["account_id"] for claim in claims}))
        except HealthAway as error:
            await self._settle([_later(claim, Later(str(error))) for claim in claims])
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
                await self._settle([replace(_done(claim, error=str(error)), again_s=None) for claim in mine])
                continue
            await self._tell(outlet, crm, turns, (mine, healths))
        return len(claims)

    async def _tell(
        self,
        outlet: OpenOutlet,
        crm: Crm,
        turns: Turns,
        work: tuple[Sequence[Claim], Mapping[UUID, HealthDigest]],
    ) -> None:
        due, settled = _sorted(outlet, *work)
        await self._settle(settled)
        records = _by_record(due)
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
        settled = [_settled(row, verdict) for group, verdict in zip(part, verdicts, strict=True) for row in group]
        await self._settle(settled)
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
        await self._settle([_later(row.claim, Later(str(error), after)) for row in rows])
        WRITEBACKS.labels(outlet.kind, type(error).__name__.lower()).inc(len(rows))
        log.warning("writeback_refused", outlet=outlet.name, rows=len(rows), why=type(error).__name__)

    async def _settle(self, settled: Sequence[Settled]) -> None:
        if not settled:
            return
        async with self.pool.acquire() as connection, connection.transaction():
            await queries.settle(connection, settled)

    async def bury(self, claim: Claim, reason: str) -> None:
        """Leave an account out until its next change."""
        await self._settle([replace(_done(claim, error=reason), again_s=None)])


def _sorted(
    outlet: OpenOutlet, claims: Sequence[Claim], healths: Mapping[UUID, HealthDigest]
) -> tuple[list[Due], list[Settled]]:
    """Return the rows that are news, and what becomes of the others."""
    due: list[Due] = []
    settled: list[Settled] = []
    for claim in claims:
        health = healths.get(claim.row["account_id"])
        record_id = None if health is None else record_of(health.account.references, outlet)
        if health is None or record_id is None:
            settled.append(_done(claim, error=NO_SCORE if health is None else NOT_THERE))
            continue
        figures = figures_of(health)
        if (figures.digest, record_id) == (claim.row["digest"], claim.row["record_id"]):
            settled.append(_done(claim))
        else:
            due.append(Due(claim, record_id, figures))
    return due, settled


def _by_record(due: Sequence[Due]) -> list[list[Due]]:
    """Return the rows by record, as a record may be named once in a batch; the newest figures first in each."""
    groups: dict[str, list[Due]] = defaultdict(list)
    for row in due:
        groups[row.record_id].append(row)
    return [
        sorted(group, key=lambda row: (row.figures.computed_at, row.claim.key), reverse=True)
        for group in groups.values()
    ]


def _settled(row: Due, verdict: Verdict) -> Settled:
    match verdict:
        case Declined(sentence):
            # What it refused it refuses until something changes.
            return replace(_done(row.claim, record_id=row.record_id, error=sentence), again_s=None)
        case Later():
            return _later(row.claim, verdict)
        case _:
            return _done(row.claim, record_id=row.record_id, digest=row.figures.digest)


def _done(claim: Claim, *, record_id: str | None = None, digest: bytes | None = None, error: str = "") -> Settled:
    change = claim.row["change_id"]
    return Settled(claim.key, claim.fence, change, digest, record_id, error[:500], again_s=COMPARED_AGAIN_S)


def _later(claim: Claim, verdict: Later) -> Settled:
    usual = AGAIN_S[min(claim.row["attempts"], len(AGAIN_S) - 1)]
    wait = usual if verdict.after_s is None else verdict.after_s
    return Settled(claim.key, claim.fence, claim.row["change_id"], error=verdict.sentence[:500], wait_s=wait)
