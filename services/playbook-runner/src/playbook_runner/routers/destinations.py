"""Routes about receivers and about what could not be delivered to them; it decides nothing."""

from typing import Annotated

from fastapi import APIRouter, Query

from milepost_runtime.keys import require_scope
from playbook_runner.dependencies import Use
from playbook_runner.effects.destination_views import DeadLetterPage, DestinationList

router = APIRouter(tags=["effects"])


@router.get("/destinations", dependencies=[require_scope("read")], summary="Receivers and their circuits")
async def list_destinations(use: Use) -> DestinationList:
    """A receiver whose circuit is open fails at the moment: nothing is sent there but one try in half a minute."""
    return await use.overseeing.destinations()


@router.get("/dead-letters", dependencies=[require_scope("read")], summary="What no machine will carry any further")
async def list_dead_letters(
    use: Use,
    destination: Annotated[str | None, Query(max_length=200, description="Only to this receiver")] = None,
    cursor: Annotated[
        str | None, Query(pattern="^[0-9a-f]{64}$", description="`next_cursor` of the page before")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> DeadLetterPage:
    """Effects that failed for good, and those that are parked as nobody can know whether they arrived."""
    return await use.overseeing.dead_letters(destination, bytes.fromhex(cursor) if cursor else None, limit)
