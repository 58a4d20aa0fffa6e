"""Turns kept deliveries into events on accounts, each fact once; it never changes what was delivered.

A group of deliveries is one transaction: lock the claims, read the bodies, settle whom references belong to, note the
facts that are new, append them to the feed, write down what became of every element, which finishes the claims.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import prometheus_client as metrics
import structlog

from ingest_webhooks.entrance.intake import RELAY_LANE
from ingest_webhooks.heard import Heard
from ingest_webhooks.queries import deliveries
from ingest_webhooks.queries.deliveries import Settled
from ingest_webhooks.queries.events import READER_LANE
from ingest_webhooks.relay.hearing import Hearing
from ingest_webhooks.relay.telling import Outcome, Told, tell
from ingest_webhooks.words.shapes import Fault, clean
from milepost_runtime.database import Connection, Pool
from milepost_runtime.failpoints import afp, fp
from milepost_runtime.lanes import Claim, Lane, hold
from milepost_runtime.metrics import REGISTRY
from milepost_runtime.queue import Hints

log = structlog.get_logger()
GROUP_BYTES = 1_000_000
CONFLICTS = metrics.Counter(
    "milepost_event_conflicts", "Events under a known id that said something else", ["source"], registry=REGISTRY
)


class Relaying:
    """The lane `ingest.relay`."""

    def __init__(self, pool: Pool, hints: Hints, hearing: Hearing, lease_s: float = 20.0) -> None:
        self._pool = pool
        self._hints = hints
        self._hearing = hearing
        self.lane = Lane(
            name=RELAY_LANE,
            table="ingest.delivery",
            key="id",
            key_type="uuid",
            columns=("size",),
            handle=self.relay,
            bury=self.quarantine,
            batch=200,
            rung_for=200,
            lease_s=lease_s,
        )

    async def relay(self, claims: Sequence[Claim]) -> int:
        """Relay claimed deliveries in groups of about a megabyte; return how many deliveries were settled."""
        settled = 0
        for group in _groups(claims):
            settled += await self._relay_group(group)
            self._hints.nudge(READER_LANE)
        return settled

    async def quarantine(self, claim: Claim, reason: str) -> None:
        """Put a delivery out of the way that takes workers down or cannot be relayed."""
        faults = json.dumps([as_written(Fault(None, reason))])
        async with self._pool.acquire() as connection:
            await deliveries.quarantine(connection, claim.key, claim.fence, faults)

    async def _relay_group(self, claims: Sequence[Claim]) -> int:
        async with self._pool.acquire() as connection, connection.transaction():
            ours = await hold(connection, self.lane, claims)
            heard = await self._hearing.hear(connection, list(ours))
            await afp("relay.heard")
            told = await tell(connection, self._hearing.persons, heard)
            await self._hearing.persons.ask(connection, heard)
            await settle(connection, told)
            fp("relay.before_commit")
        report(told)
        return len(heard)


def _groups(claims: Sequence[Claim]) -> Iterator[list[Claim]]:
    group: list[Claim] = []
    size = 0
    for claim in claims:
        if group and size + claim.row["size"] > GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(claim)
        size += claim.row["size"]
    if group:
        yield group


async def settle(connection: Connection, told: Told) -> None:
    """Write down what became of deliveries; what is closed stays settled as it was."""
    opened = [one for one in told.heard if not one.closed]
    await deliveries.settle(connection, [_settled(one, told.outcomes[one.id]) for one in opened])
    await deliveries.settle_as_before(connection, [one.id for one in told.heard if one.closed])


def _settled(one: Heard, outcome: Outcome) -> Settled:
    """Account for every element once: quarantined for any fault or conflict, else new, else a duplicate.

    An element that told several events counts once; the others that it told are `further`. What no event tells of is
    accounted for by its source.
    """
    faults = [*one.said.faults, *outcome.conflicts]
    faulty = {fault.position for fault in faults}
    relayed = set(outcome.own) - faulty
    known = set(outcome.known) - relayed - faulty
    counts = (len(relayed), one.said.linked, len(known), one.said.ignored)
    state = "quarantined" if faults else "done" if any(counts[:3]) else "ignored"
    quarantined = len(faulty) if one.understood else one.row["elements"]
    written = json.dumps([as_written(fault) for fault in faults])
    return Settled(one.id, state, *counts, quarantined, written, further=len(outcome.own) - len(relayed))


def as_written(fault: Fault) -> dict[str, Any]:
    """Return a fault as it is kept with its delivery; `code` only where there is one."""
    written: dict[str, Any] = {"position": fault.position, "reason": clean(fault.reason)}
    return written | ({"code": fault.code} if fault.code else {})


def report(told: Told) -> None:
    """Log what was relayed, and count what contradicted something that was told before for the first time."""
    for one in told.heard:
        conflicts = len(told.outcomes[one.id].conflicts)
        if conflicts and not one.seen:
            CONFLICTS.labels(one.row["source"]).inc(conflicts)
        log.info(
            "delivery_relayed",
            delivery_id=str(one.id),
            correlation_id=one.row["correlation_id"],
            source=one.row["source"],
            events=len(one.said.events),
            faults=len(one.said.faults) + conflicts,
        )
