"""The route that tells the past anew with the active model; what was known on the day stays as it was."""

from datetime import timedelta

from fastapi import APIRouter, Depends

from milepost_contracts.health import ModelRef
from milepost_runtime.keys import require_scope
from milepost_runtime.problems import Problem
from scoring_api.dependencies import Use, strict_query
from scoring_api.routers import examples
from scoring_api.routers.examples import answering
from scoring_api.views import RestatementAnswer, RestatementRequest

router = APIRouter(tags=["restatements"], dependencies=[require_scope("models"), Depends(strict_query)])


_EXAMPLE = RestatementAnswer(accounts=60, points=5400, model=examples.HEALTH.model)


@router.post("/restatements", summary="Recompute past days with the active model", responses=answering(_EXAMPLE))
async def restate_days(body: RestatementRequest, use: Use) -> RestatementAnswer:
    """Answers when it is done. One runs at a time; asking twice changes nothing more."""
    if use.restating_now.locked():
        raise Problem(409, "restatement_running", "A restatement is under way: wait for it to end.")
    async with use.restating_now:
        last = body.to_day or (await use.listing.now()).date()
        first = body.from_day or last - timedelta(days=body.days - 1)
        done = await use.restating.restate(first, last, body.every_days)
    model = use.catalogue.active
    return RestatementAnswer(
        accounts=done.accounts, points=done.points, model=ModelRef(id=model.id, version=model.version)
    )
