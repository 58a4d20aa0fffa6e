"""The route of an account itself; it takes no other route's word for the name of an account."""

from typing import Any

from fastapi import APIRouter, Depends
from starlette.routing import Match

from milepost_runtime.keys import require_scope
from scoring_api.answers.views import AccountRow
from scoring_api.dependencies import Use, strict_query
from scoring_api.routers import examples
from scoring_api.routers.accounts import Asked
from scoring_api.routers.examples import answering
from scoring_api.routers.segments import Segments, as_sent

# What stands in the place of an account there and is none.
VERBS = frozenset({"/accounts/health:batch"})


class NoVerb(Segments):
    """Matches a name, unless it is another route's word."""

    def matches(self, scope: Any) -> tuple[Match, Any]:
        """Return how well a request fits: not at all if it asks for something else than an account."""
        if scope["type"] == "http" and as_sent(scope) in VERBS:
            return Match.NONE, {}
        return super().matches(scope)


router = APIRouter(tags=["accounts"], dependencies=[require_scope("read"), Depends(strict_query)], route_class=NoVerb)


@router.get("/accounts/{account_id}", summary="An account in short", responses=answering(examples.ROW))
async def read_account(account_id: Asked, use: Use) -> AccountRow:
    """What a list says of it: its score with everything that a score may not travel without."""
    return use.listing.row(await use.reading.stored(account_id))
