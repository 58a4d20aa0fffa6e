"""Routes that say why, when and what if: explanation, history, change, what-if, path; they store nothing."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response

from milepost_contracts.events import Moment
from milepost_runtime.keys import require_scope
from milepost_runtime.tagging import moving_tag
from scoring_api.ahead.supposition_views import PathAnswer, WhatIfAnswer, WhatIfRequest
from scoring_api.answers.reading import explanation_of
from scoring_api.answers.views import Explanation
from scoring_api.dependencies import Use, strict_query
from scoring_api.past.change_views import ChangeAnswer
from scoring_api.past.history_views import History
from scoring_api.routers import examples, explaining_examples
from scoring_api.routers.accounts import Asked
from scoring_api.routers.examples import answering
from scoring_api.routers.segments import Segments

router = APIRouter(
    tags=["explanations"], dependencies=[require_scope("read"), Depends(strict_query)], route_class=Segments
)
_PROBLEM = {"application/problem+json": {"schema": {"type": "object"}}}
_NO_WAY: dict[int | str, dict[str, Any]] = {
    422: {
        "description": "`band_not_ahead`: no band, unknown, or not above the present one. `band_unreachable`: the known"
        " actions do not suffice; `errors` lists what each signal could add at most by itself.",
        "content": _PROBLEM,
    }
}
RESTATED_BY = "Whose restated scores: `<model>@<number>`; without: those of the model in charge of the account"
Since = Annotated[Moment | None, Query(alias="from", description="RFC 3339 with its offset")]
Until = Annotated[Moment | None, Query(alias="to", description="RFC 3339 with its offset; now")]


@router.get(
    "/accounts/{account_id}/explanation",
    summary="Why the score is what it is",
    responses=answering(examples.EXPLANATION),
)
async def explain_account(
    account_id: Asked,
    use: Use,
    as_of: Annotated[Moment | None, Query(description="As it was known then; now")] = None,
) -> Explanation:
    """Baseline plus drivers plus gates is the score; `text` says so in lines, `figures` in the law's own terms."""
    if as_of is None:
        return await use.reading.explanation(account_id)
    told = await use.recalling.known(account_id, as_of)
    return explanation_of(told.document(), told.detail)


@router.get(
    "/accounts/{account_id}/history",
    summary="Scores by day, as known and as restated",
    responses=answering(explaining_examples.HISTORY),
)
async def read_history(
    account_id: Asked,
    use: Use,
    response: Response,
    since: Since = None,
    until: Until = None,
    model: Annotated[str | None, Query(max_length=300, description=RESTATED_BY)] = None,
) -> History:
    """`known`: as it was told on the day. `restated`: what later records and one model make of that day.

    All of `restated` is by one version of one model: the one in charge of the account or, if none of these days was
    restated by it, the newest version of that model. `restated_models` names all that restated days of this stretch.

    `markers` say where another model or version began to judge, where a person's word began and ended, what was
    reached, and where the score went over to another level. Without `from`: the 90 days before `to`; at most 400.
    """
    found = await use.recounting.history(account_id, since, until, model)
    # A stretch that ends now moves with the clock; what it holds is what counts.
    response.headers["ETag"] = moving_tag(found.model_dump_json(exclude={"start", "end"}).encode())
    return found


@router.get(
    "/accounts/{account_id}/change",
    summary="What changed between two moments, and why",
    responses=answering(explaining_examples.CHANGE),
)
async def compare_moments(account_id: Asked, use: Use, since: Since = None, until: Until = None) -> ChangeAnswer:
    """The difference between what was known at `from` and at `to`, in four parts that add up to it exactly.

    `data`: records of before `from` that were told or corrected later, and inputs that appeared, fell silent or faded.
    `model`: another model or version, other peers to compare with, other weights because the account grew older.
    `behaviour`: everything else that was measured. `human`: what people said, a pulse or a milestone marked by hand.
    Without `from`: the 28 days before `to`, or since the first score.
    """
    return await use.comparing.change(account_id, since, until)


@router.post(
    "/accounts/{account_id}/what-if",
    summary="The score if some values were others",
    responses=answering(explaining_examples.WHAT_IF),
)
async def suppose_values(account_id: Asked, body: WhatIfRequest, use: Use) -> WhatIfAnswer:
    """Nothing is stored. It is arithmetic on the score, not a promise of what the customer will do."""
    return await use.supposing.what_if(account_id, body)


@router.get(
    "/accounts/{account_id}/path-to/{band}",
    summary="The cheapest way to a better band",
    responses=answering(explaining_examples.PATH) | _NO_WAY,
)
async def find_path(
    account_id: Asked, band: Annotated[str, Path(max_length=50, examples=["green"])], use: Use
) -> PathAnswer:
    """Gates first, then the cheapest steps that people can take; of equally cheap ways the one with fewer signals.

    The search is exact, and `score_after` comes from scoring the account again. The score then has to stay there for
    `path.holds_for_days` before the band moves.
    """
    return await use.supposing.path(account_id, band)
