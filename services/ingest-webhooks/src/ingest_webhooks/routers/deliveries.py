"""The inbox, seen and replayed, and its books."""

from typing import Annotated
from uuid import UUID

from asyncpg import Record
from fastapi import APIRouter, Query

from ingest_webhooks.dependencies import MayRead, MayWrite, TheService
from ingest_webhooks.inspecting import Filter
from ingest_webhooks.views import (
    Books,
    Deliveries,
    DeliveryDetail,
    DeliveryLine,
    EventBooks,
    Replaying,
    SourceBooks,
    State,
)

router = APIRouter(tags=["deliveries"])


@router.get("/deliveries", summary="List deliveries")
async def list_deliveries(
    _key: MayRead,
    service: TheService,
    state: Annotated[State | None, Query(description="Only in this state")] = None,
    source: Annotated[str | None, Query(max_length=50, description="Only from this provider")] = None,
    connection: Annotated[UUID | None, Query(description="Only through this connection")] = None,
    cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Deliveries:
    """Return deliveries, newest first, without their bodies."""
    rows = await service.inspecting.page(Filter(state, source, connection, cursor, limit))
    more = str(rows[-1]["id"]) if len(rows) == limit else None
    return Deliveries(data=[DeliveryLine(**dict(row)) for row in rows], next_cursor=more)


@router.get("/deliveries/{delivery_id}", summary="Look at a delivery")
async def get_delivery(delivery_id: UUID, _key: MayRead, service: TheService) -> DeliveryDetail:
    """Return a delivery with what became of it; texts in its body are hidden."""
    row, body = await service.inspecting.one(delivery_id)
    columns = {name: value for name, value in dict(row).items() if name not in ("body", "sender")}
    return DeliveryDetail(**columns, body=body)


@router.post("/deliveries/{delivery_id}/replay", status_code=202, summary="Replay a delivery")
async def replay_delivery(delivery_id: UUID, _key: MayWrite, service: TheService) -> Replaying:
    """Relay a delivery once more, by today's settings; facts that are known stay as they are."""
    await service.inspecting.replay(delivery_id)
    return Replaying(id=delivery_id, state="new")


@router.get("/books", summary="The books of the inbox")
async def get_books(_key: MayRead, service: TheService) -> Books:
    """Return, per source, what was accepted and where all of it is."""
    sources = [_books(row) for row in await service.inspecting.books()]
    return Books(sources=sources, balanced=all(one.balanced and one.events.balanced for one in sources))


def _books(row: Record) -> SourceBooks:
    settled = row["events_settled"] - row["events_unmapped"]
    waiting = row["events_unread"] + row["events_unmapped"]
    parts = settled + row["events_ignored"] + row["events_quarantined"] + waiting
    events = EventBooks(
        accepted=row["events_accepted"],
        done=settled,
        duplicates=row["events_duplicate"],
        ignored=row["events_ignored"],
        quarantined=row["events_quarantined"],
        waiting=waiting,
        missing=row["events_missing"],
        balanced=parts == row["events_accepted"] and row["events_missing"] == 0,
    )
    counts = {name: row[name] for name in ("accepted", "done", "ignored", "quarantined", "waiting")}
    balanced = row["accepted"] == sum(counts.values()) - row["accepted"]
    return SourceBooks(source=row["source"], **counts, balanced=balanced, events=events)
