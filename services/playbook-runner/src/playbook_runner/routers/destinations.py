"""Routes about receivers and about what could not be delivered to them; it decides nothing."""

from typing import Annotated

from fastapi import APIRouter, Query

from milepost_runtime.idempotency import NamedRequests
from milepost_runtime.keys import Principal, require_scope
from milepost_runtime.paging import ONCE
from playbook_runner.dependencies import EffectKey, Use
from playbook_runner.effects.destination_views import (
    DeadLetterPage,
    DestinationList,
    LeftView,
    ResendRequest,
    ResentView,
)
from playbook_runner.effects.resending import Wanted
from playbook_runner.views import EffectView

router = APIRouter(tags=["effects"], route_class=NamedRequests, dependencies=[ONCE])
Who = Annotated[Principal, require_scope("playbooks")]


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


@router.post("/dead-letters/{key}:resend", summary="Send a dead letter again")
async def resend(use: Use, key: EffectKey, who: Who) -> EffectView:
    """What failed for good is tried anew under its key, with all its tries before it; asked twice, it is sent once.

    Refused (409) for what may have arrived (`may_have_arrived`: see `resolve`), when the run is over for another reason
    (`run_over`), when the account has another run of the playbook by now (`run_under_way`), or when a word stands
    against it (`bounced`, `opt_out`, `legal_hold`, `holdout`, …): it stays a dead letter until the word is taken back.
    """
    await use.resending.one(key, who.name)
    return await use.reading.effect(key)


@router.post("/dead-letters:resend", summary="Send the dead letters to a receiver again")
async def resend_several(use: Use, body: ResendRequest, who: Who) -> ResentView:
    """The oldest first; each is judged by itself. Ask again with `next_cursor` for those after them.

    404 when there is no such receiver, or when the cursor is none of its letters.
    """
    after = bytes.fromhex(body.cursor) if body.cursor else None
    done = await use.resending.several(Wanted(body.destination, body.reason, after, body.limit), who.name)
    left = [LeftView(key=one.key.hex(), code=one.code, sentence=one.sentence) for one in done.left]
    return ResentView(
        sent=[key.hex() for key in done.keys], left=left, next_cursor=done.last.hex() if done.last else None
    )
