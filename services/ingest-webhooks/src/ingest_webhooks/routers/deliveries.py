"""The inbox, seen and replayed; it never shows what people wrote."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import StringConstraints

from ingest_webhooks.dependencies import MayRead, MayWrite, TheService
from ingest_webhooks.queries.deliveries import Wanted
from ingest_webhooks.views.deliveries import Deliveries, DeliveryDetail, DeliveryLine, Replaying
from ingest_webhooks.views.samples import Became, BecameLine
from ingest_webhooks.views.wire import State
from milepost_contracts.events import Moment
from milepost_runtime.paging import ONCE, Cursor, Limit, bad_parameter

router = APIRouter(tags=["deliveries"], dependencies=[ONCE])
LONGEST_SPAN = timedelta(days=3_660)
# What a store can look for: U+0000 is in no text of it.
Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]+$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


def _span(
    begin: Annotated[Moment | None, Query(alias="from", description="Received then or later")] = None,
    end: Annotated[Moment | None, Query(alias="to", description="Received before that")] = None,
) -> tuple[datetime | None, datetime | None]:
    if begin is not None and end is not None and begin > end:
        raise bad_parameter("from", "is later than `to`")
    if begin is not None and (end or datetime.now(UTC)) - begin > LONGEST_SPAN:
        raise bad_parameter("from", f"more than {LONGEST_SPAN.days} days before `to`")
    return begin, end


def _wanted(
    span: Annotated[tuple[datetime | None, datetime | None], Depends(_span)],
    state: Annotated[State | None, Query(description="Only in this state")] = None,
    source: Annotated[Word | None, Query(description="Only from this provider")] = None,
    connection: Annotated[UUID | None, Query(description="Only through this connection")] = None,
    correlation_id: Annotated[Word | None, Query(description="Only of this request")] = None,
    fault: Annotated[Text | None, Query(description="Only quarantined ones with this in a fault's reason")] = None,
) -> Wanted:
    """Without a time, a rare correlation id is looked for as far back as bodies are kept: name one if you can."""
    return Wanted(state, source, connection, correlation_id, fault, *span)


@router.get("/deliveries", summary="List deliveries")
async def list_deliveries(
    _key: MayRead,
    service: TheService,
    wanted: Annotated[Wanted, Depends(_wanted)],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Deliveries:
    """Return deliveries, newest first, without their bodies."""
    rows, more = await service.inspecting.page(wanted, cursor, limit)
    return Deliveries(data=[DeliveryLine(**dict(row)) for row in rows], next_cursor=more)


@router.get("/deliveries/{delivery_id}", summary="Look at a delivery")
async def get_delivery(delivery_id: UUID, _key: MayRead, service: TheService) -> DeliveryDetail:
    """Return a delivery with what became of it; texts in its body are hidden."""
    row, headers, body = await service.inspecting.one(delivery_id)
    columns = {name: value for name, value in dict(row).items() if name not in ("body", "sender", "headers")}
    return DeliveryDetail(**columns, headers=headers, body=body)


@router.get("/deliveries/{delivery_id}/events", summary="See what a delivery became")
async def list_delivery_events(delivery_id: UUID, _key: MayRead, service: TheService) -> Became:
    """Return the events that a delivery became and which still count, by type and account."""
    rows = await service.inspecting.became(delivery_id)
    return Became(data=[BecameLine(**dict(row)) for row in rows])


@router.post("/deliveries/{delivery_id}/replay", status_code=202, summary="Replay a delivery")
async def replay_delivery(delivery_id: UUID, _key: MayWrite, service: TheService) -> Replaying:
    """Relay a delivery once more, by today's settings and mapping; what means something else by now is corrected."""
    await service.inspecting.replay(delivery_id)
    return Replaying(id=delivery_id, state="new")
