"""The route of an account itself; it comes after all others, for any other path under an account is longer."""

from fastapi import APIRouter, Depends

from milepost_runtime.keys import require_scope
from scoring_api.dependencies import Use, strict_query
from scoring_api.routers import examples
from scoring_api.routers.accounts import Asked
from scoring_api.routers.examples import answering
from scoring_api.views import AccountRow

router = APIRouter(tags=["accounts"], dependencies=[require_scope("read"), Depends(strict_query)])


@router.get("/accounts/{account_id:path}", summary="An account in short", responses=answering(examples.ROW))
async def read_account(account_id: Asked, use: Use) -> AccountRow:
    """What a list says of it: its score with everything that a score may not travel without."""
    return use.listing.row(await use.reading.stored(account_id))
