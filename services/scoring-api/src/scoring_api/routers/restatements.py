"""Routes that order the past to be told anew, watch that, and cancel it; what was known on the day stays as it was."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from milepost_runtime.idempotency import NamedRequests
from milepost_runtime.keys import Principal, require_scope
from scoring_api.dependencies import Use, strict_query
from scoring_api.past.restatement_views import RestatementPage, RestatementRequest, RestatementView
from scoring_api.past.restating import Wanted
from scoring_api.routers.examples import MODEL, MOMENT, answering
from scoring_api.routers.people import Cursor, Limit

router = APIRouter(tags=["restatements"], dependencies=[Depends(strict_query)], route_class=NamedRequests)
MayRead = require_scope("read")
MayModel = Annotated[Principal, require_scope("models")]

_EXAMPLE = RestatementView.model_validate({
    "id": "019a8c20-2222-7c31-9d0e-3f6a2b1c4d5e", "state": "running", "from": "2025-12-02", "to": "2026-03-02",
    "every_days": 1, "model": MODEL, "accounts": 1200, "accounts_done": 400, "points": 31200, "rate": 160.0,
    "seconds_left": 5.0, "reason": "", "requested_by": "local administrator", "requested_at": MOMENT,
    "started_at": MOMENT, "ended_at": None,
})  # fmt: skip
_PAGE = RestatementPage(data=(_EXAMPLE,), next_cursor=None)


def _ordered(example: RestatementView) -> dict[int | str, dict[str, Any]]:
    shown = example.model_dump(mode="json", by_alias=True)
    location = {"Location": {"description": "Where to watch it.", "schema": {"type": "string"}}}
    content = {"application/json": {"example": shown}}
    return {202: {"description": "It was ordered.", "headers": location, "content": content}}


@router.post("/restatements", status_code=202, summary="Recompute past days", responses=_ordered(_EXAMPLE))
async def order_restatement(body: RestatementRequest, response: Response, key: MayModel, use: Use) -> RestatementView:
    """Every day asked for is scored by today's records, in the background, account by account.

    The points stand beside what was known on the day and never in its place; a day that was restated by the same
    version before is told anew.
    """
    last = body.to_day or (await use.listing.now()).date()
    first = body.from_day or last - timedelta(days=min(body.days, last.toordinal()) - 1)
    chosen = (None, None) if body.model is None else (body.model.id, body.model.version)
    row = await use.restating.order(Wanted(first, last, body.every_days, *chosen), key.name or key.id)
    response.headers["Location"] = f"/restatements/{row['id']}"
    return RestatementView.of(row)


@router.get("/restatements", dependencies=[MayRead], summary="List restatements", responses=answering(_PAGE))
async def list_restatements(use: Use, limit: Limit = 50, cursor: Cursor = None) -> RestatementPage:
    """The newest first, each with how far it has come."""
    rows, more = await use.restating.page(cursor, limit)
    return RestatementPage(data=tuple(RestatementView.of(row) for row in rows), next_cursor=more)


@router.get(
    "/restatements/{restatement_id}",
    dependencies=[MayRead],
    summary="Watch a restatement",
    responses=answering(_EXAMPLE),
)
async def get_restatement(restatement_id: UUID, use: Use) -> RestatementView:
    """How many accounts of how many are done, how fast, and how long it will take from here."""
    return RestatementView.of(await use.restating.one(restatement_id))


@router.post("/restatements/{restatement_id}/cancel", summary="Cancel a restatement", responses=answering(_EXAMPLE))
async def cancel_restatement(restatement_id: UUID, _key: MayModel, use: Use) -> RestatementView:
    """End it after the batch that is under way; the points that were told stay."""
    return RestatementView.of(await use.restating.cancel(restatement_id))
