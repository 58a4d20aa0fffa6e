"""Identity: which references wait for an account, and whom they belong to."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from ingest_webhooks.dependencies import CorrelationId, MayRead, MayWrite, TheService
from ingest_webhooks.views import NewReference, ReferenceAnswer, Unmapped, UnmappedReference

router = APIRouter(prefix="/accounts", tags=["identity"])


@router.get("/unmapped", summary="What waits for an account")
async def list_unmapped(
    _key: MayRead,
    service: TheService,
    cursor: Annotated[str, Query(max_length=255, description="`next_cursor` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Unmapped:
    """Return references that events wait for, in the order of their names."""
    rows = await service.inspecting.unmapped(cursor, limit)
    more = rows[-1]["reference"] if len(rows) == limit else None
    return Unmapped(data=[UnmappedReference(**dict(row)) for row in rows], next_cursor=more)


@router.post("/{account_id}/references", status_code=201, summary="Let a reference lead to an account")
async def add_reference(
    account_id: UUID, wanted: NewReference, _key: MayWrite, service: TheService, correlation_id: CorrelationId
) -> ReferenceAnswer:
    """Link a reference by hand; events that waited for it join the account with their own times."""
    found = await service.inspecting.add_reference(
        account_id, wanted.reference, move=wanted.move, correlation_id=correlation_id
    )
    return ReferenceAnswer(reference=wanted.reference, account_id=found)
