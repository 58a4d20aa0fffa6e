"""Routes about effects, above all those that nobody can know about; it decides nothing."""

from typing import Annotated

from fastapi import APIRouter, Query

from milepost_runtime.keys import Principal, require_scope
from milepost_runtime.paging import ONCE
from playbook_runner.dependencies import EffectKey, Use
from playbook_runner.views import EffectList, EffectStateWord, EffectView, Resolve

router = APIRouter(tags=["effects"], dependencies=[ONCE])


@router.get("/effects", dependencies=[require_scope("read")], summary="Intended changes outside, oldest first")
async def list_effects(
    use: Use,
    state: Annotated[EffectStateWord | None, Query(description="Only in this state")] = None,
    cursor: Annotated[
        str | None, Query(pattern="^[0-9a-f]{64}$", description="`next_cursor` of the page before")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> EffectList:
    """`state=parked` is the list for people: sent or not, nobody knows."""
    return await use.reading.effects(state, bytes.fromhex(cursor) if cursor else None, limit)


@router.get("/effects/{key}", dependencies=[require_scope("read")], summary="One effect")
async def get_effect(use: Use, key: EffectKey) -> EffectView:
    """An effect with every try, and what may be decided about it."""
    return await use.reading.effect(key)


@router.post("/effects/{key}/resolve", summary="Decide about an effect in doubt")
async def resolve_effect(
    use: Use, key: EffectKey, body: Resolve, who: Annotated[Principal, require_scope("playbooks")]
) -> EffectView:
    """`sent` and `drop` let the run go on; `resend` sends the same bytes again.

    `resend` is refused (409) while the effect is in doubt and its quiet time is not over, and for a run that has ended.
    """
    await use.resolving.resolve(key, body.outcome, who.name)
    return await use.reading.effect(key)
