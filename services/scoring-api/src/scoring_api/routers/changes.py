"""The route that tells what moved: the published feed of changes, under a cursor."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from milepost_runtime.keys import require_scope
from scoring_api.dependencies import Use, strict_query
from scoring_api.routers import examples
from scoring_api.routers.examples import answering
from scoring_api.views import ChangePage

router = APIRouter(tags=["changes"], dependencies=[require_scope("read"), Depends(strict_query)])


_EXAMPLE = ChangePage(data=(examples.CHANGE,), next_cursor="NDcxMQ.c2lnbmF0dXJl")


@router.get("/changes", summary="What moved, oldest first", responses=answering(_EXAMPLE))
async def list_changes(
    use: Use,
    account: Annotated[UUID | None, Query(description="Only this account, by our id")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> ChangePage:
    """Keep `next_cursor` and ask again: nothing is left out and nothing comes twice."""
    return await use.listing.changes(cursor, account, limit)
