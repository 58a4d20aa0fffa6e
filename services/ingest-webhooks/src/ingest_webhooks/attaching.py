"""Settles for a batch which account every reference leads to, and writes that down; it never reads a delivery."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from ingest_webhooks.identity import Ledger, ledger_of, own_ids, unchained, wanted
from ingest_webhooks.queries import events, identity
from ingest_webhooks.queries.events import Origin
from ingest_webhooks.shapes import Merge, NormalEvent, Normalised, Standing, fact_key
from milepost_contracts.events import ACCOUNT_LINKED, ACCOUNT_MERGED, OWN_SOURCE
from milepost_runtime.database import Connection
from milepost_runtime.ids import new_id


@dataclass(frozen=True)
class Attached:
    """Where the references of a batch lead, which of them lead somewhere new, and what the feed is told of it."""

    accounts: Mapping[str, UUID]
    newly_known: Mapping[str, UUID]
    told: Sequence[tuple[NormalEvent, Origin, UUID]]


async def attach_references(connection: Connection, heard: Sequence[tuple[Normalised, Origin]]) -> Attached:
    """Settle merges, then links, then what may open an account; write the changes.

    The caller holds the feed's lock: one batch at a time decides about identity.
    """
    merges = unchained(one for said, _ in heard for one in said.merges)
    links = sorted((one for said, _ in heard for one in said.links), key=lambda link: link.at)
    spoken = [event for said, _ in heard for event in said.events]
    ledger = await _load(connection, wanted(links, merges, {event.reference for event in spoken}), merges)
    for merge in merges:
        ledger.merge(merge)
    for link in links:
        ledger.link(link)
    for event in spoken:
        if event.opens:
            ledger.open(event.reference, event.occurred_at)
    await _write(connection, ledger)
    accounts = {name: one.account_id for name, one in ledger.known.items() if one.account_id is not None}
    return Attached(
        accounts=accounts,
        newly_known={name: accounts[name] for name in ledger.changed if name in accounts},
        told=_announcements(ledger, heard),
    )


async def link_by_hand(connection: Connection, reference: str, account_id: UUID, at: datetime, origin: Origin) -> None:
    """Let a reference lead to an account from now on, and bring over the events that waited for it."""
    ledger = await _load(connection, {reference}, ())
    ledger.point(reference, account_id, at)
    await _write(connection, ledger)
    await events.publish(connection, _announcements(ledger, [(Normalised(), origin)]))
    await events.attach(connection, {reference: account_id} if reference in ledger.changed else {})


async def _load(connection: Connection, names: set[str], merges: Sequence[Merge]) -> Ledger:
    ledger = ledger_of(await identity.references(connection, names), new_id)
    ids = own_ids(names)
    if ids:
        for row in await identity.living_accounts(connection, ids):
            ledger.known.setdefault(ids[row["id"]], Standing(row["account_id"], row["created_at"], primary=True))
    gone = {ledger.account_of(name) for merge in merges for name in merge.merged} - {None}
    if gone:
        rows = await identity.references_of(connection, [one for one in gone if one is not None])
        ledger.known.update(ledger_of(rows, new_id).known)
    return ledger


async def _write(connection: Connection, ledger: Ledger) -> None:
    if ledger.opened:
        await identity.open_accounts(connection, ledger.opened)
    if ledger.changed:
        await identity.write_references(connection, ledger.changed)
    if ledger.merged:
        await identity.merge_accounts(connection, {gone: one.survivor for gone, one in ledger.merged.items()})


def _announcements(
    ledger: Ledger, heard: Sequence[tuple[Normalised, Origin]]
) -> list[tuple[NormalEvent, Origin, UUID]]:
    """Tell readers of the feed where names of accounts lead: our own word, with the delivery that spoke of them."""
    origins: dict[str, Origin] = {}
    for said, origin in heard:
        for name in wanted(said.links, said.merges, (event.reference for event in said.events)):
            origins.setdefault(name, origin)
    first = heard[0][1] if heard else Origin(OWN_SOURCE, None, None, "")
    rows = [
        (
            _book_keeping(ACCOUNT_LINKED, told.account_id, told.reference, told.at),
            origins.get(told.reference, first),
            told.account_id,
        )
        for told in ledger.told
    ]
    merged = [
        (_book_keeping(ACCOUNT_MERGED, gone, str(one.survivor), one.at), first, gone)
        for gone, one in ledger.merged.items()
    ]
    return [(event, replace(origin, source=OWN_SOURCE), account_id) for event, origin, account_id in rows + merged]


def _book_keeping(kind: str, account_id: UUID, text: str, at: datetime) -> NormalEvent:
    key = fact_key(kind, str(account_id), text, at.isoformat())
    return NormalEvent(key=key, reference=str(account_id), type=kind, occurred_at=at, value_text=text)
