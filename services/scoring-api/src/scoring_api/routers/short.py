"""The route of an account itself; it takes no path of another route, for a reference's own slashes come encoded."""

from typing import Any

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from starlette.routing import Match

from milepost_runtime.keys import require_scope
from scoring_api.dependencies import Use, strict_query
from scoring_api.routers import examples
from scoring_api.routers.accounts import Asked
from scoring_api.routers.examples import answering
from scoring_api.views import AccountRow

PREFIX = b"/accounts/"
# What stands in the place of an account there and is none.
VERBS = frozenset({b"health:batch", b"health%3Abatch"})


class OneName(APIRoute):
    """Matches a path of which the last part alone names an account."""

    def matches(self, scope: Any) -> tuple[Match, Any]:
        """Return how well a request fits: not at all if there are more parts, or if it is another route's word."""
        name = scope.get("raw_path", b"").removeprefix(PREFIX) if scope["type"] == "http" else b""
        if b"/" in name or name in VERBS:
            return Match.NONE, {}
        return super().matches(scope)


router = APIRouter(tags=["accounts"], dependencies=[require_scope("read"), Depends(strict_query)], route_class=OneName)


@router.get("/accounts/{account_id:path}", summary="An account in short", responses=answering(examples.ROW))
async def read_account(account_id: Asked, use: Use) -> AccountRow:
    """What a list says of it: its score with everything that a score may not travel without."""
    return use.listing.row(await use.reading.stored(account_id))
