"""Turns kept deliveries into events on accounts, each fact once; it never changes what was delivered.

A group of deliveries is one transaction: lock the claims, read the bodies, settle whom references belong to, note the
facts that are new, append them to the feed, write down what became of every element, finish the claims.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import structlog
from asyncpg import Record

from ingest_webhooks.attaching import Attached, attach_references
from ingest_webhooks.intake import RELAY_LANE
from ingest_webhooks.queries import deliveries, events
from ingest_webhooks.queries.deliveries import Settled
from ingest_webhooks.queries.events import Origin
from ingest_webhooks.shapes import Context, Fault, NormalEvent, Normalised
from ingest_webhooks.sources import SOURCES
from milepost_contracts.events import FEED
from milepost_runtime.database import Connection, Pool
from milepost_runtime.failpoints import fp
from milepost_runtime.feeds import publish_lock
from milepost_runtime.lanes import Claim, Lane, finish, hold
from milepost_runtime.queue import Hints

log = structlog.get_logger()
# The lane of the feed's reader; a hint to it only saves waiting for its next look.
READER_LANE = "scoring.record"
GROUP_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Heard:
    """A delivery and what it said."""

    row: Record
    said: Normalised
    origin: Origin


class Relaying:
    """The lane `ingest.relay`."""

    def __init__(self, pool: Pool, hints: Hints) -> None:
        self._pool = pool
        self._hints = hints
        self.lane = Lane(
            name=RELAY_LANE,
            table="ingest.delivery",
            key="id",
            key_type="uuid",
            columns=("size",),
            handle=self.relay,
            bury=self.quarantine,
            batch=200,
            lease_s=20.0,
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
        faults = json.dumps([asdict(Fault(None, reason))])
        async with self._pool.acquire() as connection:
            await deliveries.quarantine(connection, claim.key, claim.fence, faults)

    async def _relay_group(self, claims: Sequence[Claim]) -> int:
        async with self._pool.acquire() as connection, connection.transaction():
            ours = await hold(connection, self.lane, claims)
            heard = [_hear(row) for row in await deliveries.bodies(connection, list(ours))]
            fp("relay.heard")
            await publish_lock(connection, FEED)
            attached = await attach_references(connection, [(one.said, one.origin) for one in heard])
            fresh = await _fresh(connection, heard)
            await _write(connection, heard, fresh, attached)
            await deliveries.settle(connection, [_outcome(one, fresh) for one in heard])
            await finish(connection, self.lane, [claim for claim in claims if claim.key in ours])
            fp("relay.before_commit")
        _tell(heard)
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


def _hear(row: Record) -> Heard:
    source = SOURCES[row["source"]]
    origin = Origin(row["source"], row["connection_id"], row["id"], row["correlation_id"])
    try:
        settings = source.settings.model_validate(row["settings"])
        context = Context(row["received_at"], settings, row["sender"])
        said = source.normalise(row["body"], context)
    except Exception as error:
        # A mistake of ours in reading must not hold up others; the delivery stays and can be replayed.
        log.exception("delivery_not_understood", delivery_id=str(row["id"]), source=row["source"])
        said = Normalised(faults=[Fault(None, f"could not be read: {type(error).__name__}")])
    return Heard(row, said, origin)


async def _fresh(connection: Connection, heard: Sequence[Heard]) -> dict[bytes, UUID]:
    """Note all facts; return each with the delivery that told it first."""
    keys: dict[bytes, UUID] = {}
    for one in heard:
        for event in one.said.events:
            keys.setdefault(event.key, one.row["id"])
    if not keys:
        return {}
    new = await events.reserve(connection, keys)
    known = await events.owners(connection, [key for key in keys if key not in new])
    return {key: keys[key] for key in new} | known


async def _write(connection: Connection, heard: Sequence[Heard], fresh: dict[bytes, UUID], attached: Attached) -> None:
    known: list[tuple[NormalEvent, Origin, UUID]] = list(attached.told)
    waiting: list[tuple[NormalEvent, Origin]] = []
    for one in heard:
        for event in one.said.events:
            if fresh[event.key] != one.row["id"]:
                continue
            account_id = attached.accounts.get(event.reference)
            if account_id is None:
                waiting.append((event, one.origin))
            else:
                known.append((event, one.origin, account_id))
    await events.publish(connection, known)
    await events.attach(connection, attached.newly_known)
    await events.park(connection, waiting)


def _outcome(one: Heard, fresh: dict[bytes, UUID]) -> Settled:
    """Account for every element: a fact told twice within one delivery counts once as new, once as a duplicate."""
    own = {event.key for event in one.said.events if fresh[event.key] == one.row["id"]}
    whole = any(fault.position is None for fault in one.said.faults)
    faults: list[dict[str, Any]] = [asdict(fault) for fault in one.said.faults]
    new = 0 if whole else len(own)
    counts = (new, one.said.linked, len(one.said.events) - new, one.said.ignored)
    quarantined = one.row["elements"] if whole else len(faults)
    state = "quarantined" if faults else "done" if any(counts[:3]) else "ignored"
    return Settled(one.row["id"], state, *counts, quarantined, json.dumps(faults))


def _tell(heard: Sequence[Heard]) -> None:
    for one in heard:
        log.info(
            "delivery_relayed",
            delivery_id=str(one.row["id"]),
            correlation_id=one.row["correlation_id"],
            source=one.row["source"],
            events=len(one.said.events),
            faults=len(one.said.faults),
        )
