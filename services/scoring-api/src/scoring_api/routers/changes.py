"""The route that tells what moved: the published feed of changes, under a cursor."""

from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from milepost_contracts.changes import ChangeKind
from milepost_runtime.keys import require_scope
from scoring_api.answers.views import ChangePage
from scoring_api.dependencies import Use, chosen, strict_query
from scoring_api.queries.lists import Moves
from scoring_api.routers import examples
from scoring_api.routers.examples import answering

router = APIRouter(tags=["changes"], dependencies=[require_scope("read"), Depends(strict_query)])

KINDS: tuple[str, ...] = get_args(ChangeKind)
_EXAMPLE = ChangePage(data=(examples.CHANGE,), next_cursor="NDcxMQ.c2lnbmF0dXJl")


class FeedQuery(BaseModel):
    """Which part of the feed, from where."""

    account: str | None = Field(
        None,
        min_length=1,
        max_length=500,
        description="Only this account, by our id or any reference; what it absorbed is its own",
        examples=["domain:acme.com"],
    )
    kind: str | None = Field(
        None, max_length=200, description=f"One or more of {', '.join(KINDS)}; comma between", examples=["band_changed"]
    )
    min_move: float | None = Field(
        None, ge=0, le=100, description="Of mere moves of the score, only those of so many points", examples=[10]
    )
    limit: int = Field(100, ge=1, le=500)
    cursor: str | None = Field(None, max_length=500, description="`next_cursor` of the page before")


@router.get("/changes", summary="What moved, oldest first", responses=answering(_EXAMPLE))
async def list_changes(use: Use, wanted: Annotated[FeedQuery, Query()]) -> ChangePage:
    """Keep `next_cursor` and ask again: nothing is left out and nothing comes twice.

    A cursor is a place in the whole feed: with another filter it goes on from the same place.
    """
    account = None if wanted.account is None else await use.reading.account_id(wanted.account)
    moves = Moves(account, chosen(wanted.kind, KINDS, "kind"), wanted.min_move)
    return await use.listing.changes(wanted.cursor, moves, wanted.limit)
