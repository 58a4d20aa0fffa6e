"""Routes about plans: how an account's journey stands, what people say of it, and journeys over all accounts."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from milepost_contracts.events import NAME_LENGTH, Moment
from milepost_runtime.keys import require_scope
from milepost_runtime.tagging import moving_tag
from scoring_api.ahead.milestone_views import (
    AccountMilestones,
    Because,
    Cohort,
    Completion,
    DelayEnd,
    DelayView,
    MilestoneStatistics,
    MilestoneTerms,
    NewDelay,
    NewMilestone,
)
from scoring_api.ahead.surveying import Asked as Survey
from scoring_api.dependencies import Use, strict_query
from scoring_api.people.people_views import EndRequest
from scoring_api.routers import milestone_examples as examples
from scoring_api.routers.accounts import Asked
from scoring_api.routers.examples import answering
from scoring_api.routers.people import MayWrite, speaker
from scoring_api.routers.people_examples import making
from scoring_api.routers.segments import NamedSegments

router = APIRouter(tags=["milestones"], dependencies=[Depends(strict_query)], route_class=NamedSegments)
MayRead = require_scope("read")
Which = Annotated[
    str, Path(alias="milestone", max_length=NAME_LENGTH, description="The milestone's id", examples=["sso"])
]


class SurveyQuery(BaseModel):
    """Which journeys, and how they are parted."""

    model: str | None = Field(None, min_length=1, max_length=200)
    segment: str | None = Field(None, min_length=1, max_length=200)
    cohort: Cohort = "quarter"
    since: Moment | None = Field(None, alias="from", description="RFC 3339; a year before `to`")
    until: Moment | None = Field(None, alias="to", description="RFC 3339; now")


@router.get(
    "/milestones/statistics",
    dependencies=[MayRead],
    summary="How long journeys take, and where they stop",
    responses=answering(examples.STATISTICS),
)
async def survey_journeys(use: Use, response: Response, wanted: Annotated[SurveyQuery, Query()]) -> MilestoneStatistics:
    """Of the accounts that started from `from` to before `to` and that one model judges (`model`, else the default).

    Times are Kaplan and Meier's: an account that is not there yet counts as one that took at least so long, so
    medians and 90th percentiles do not look better the younger the accounts are. Null: not known yet.
    """
    found = await use.surveying.statistics(
        Survey(wanted.model, wanted.segment, wanted.cohort, wanted.since, wanted.until)
    )
    response.headers["ETag"] = moving_tag(found.model_dump_json(exclude={"start", "end", "as_of"}).encode())
    return found


@router.get(
    "/accounts/{account_id}/milestones",
    dependencies=[MayRead],
    summary="An account's plan, how it stands, and its history",
    responses=answering(examples.MILESTONES),
)
async def read_milestones(
    account_id: Asked,
    use: Use,
    response: Response,
    as_of: Annotated[Moment | None, Query(description="RFC 3339; as it was known then")] = None,
) -> AccountMilestones:
    """State, forecast and delay days by side; each milestone with all that was said of it."""
    found = await use.charting.milestones(account_id, as_of)
    # Asking later is no news by itself.
    response.headers["ETag"] = moving_tag(found.model_dump_json(exclude={"as_of"}).encode())
    return found


@router.post(
    "/accounts/{account_id}/milestones",
    status_code=201,
    summary="Plan a milestone for this account alone",
    responses=making(examples.MILESTONES),
)
async def plan_milestone(
    account_id: Asked, body: NewMilestone, request: Request, key: MayWrite, use: Use
) -> AccountMilestones:
    """It joins the plan that the account's model gives it."""
    return await use.steering.plan(account_id, body, speaker(request, key, body.author))


@router.patch(
    "/accounts/{account_id}/milestones/{milestone}",
    summary="Re-date a milestone, or plan it otherwise",
    responses=answering(examples.MILESTONES),
)
async def change_milestone(
    account_id: Asked, which: Which, body: MilestoneTerms, request: Request, key: MayWrite, use: Use
) -> AccountMilestones:
    """Only what is said changes; `due_at: null` takes its day away. For this account alone."""
    return await use.steering.change(account_id, which, body, speaker(request, key, body.author))


@router.delete(
    "/accounts/{account_id}/milestones/{milestone}",
    summary="Drop a milestone from this account's plan",
    responses=answering(examples.MILESTONES),
)
async def drop_milestone(
    account_id: Asked, which: Which, request: Request, key: MayWrite, use: Use, body: EndRequest | None = None
) -> AccountMilestones:
    """Its history stays, and planning it again brings it back."""
    wanted = body or EndRequest()
    return await use.steering.drop(account_id, which, wanted, speaker(request, key, wanted.author))


@router.post(
    "/accounts/{account_id}/milestones/{milestone}/complete",
    summary="Say that a milestone is reached",
    responses=answering(examples.MILESTONES),
)
async def complete_milestone(
    account_id: Asked, which: Which, body: Completion, request: Request, key: MayWrite, use: Use
) -> AccountMilestones:
    """With evidence: a link or a few words. It counts from `done_at`, or from now."""
    return await use.steering.complete(account_id, which, body, speaker(request, key, body.author))


@router.post(
    "/accounts/{account_id}/milestones/{milestone}/reopen",
    summary="Take back that a milestone is reached",
    responses=answering(examples.MILESTONES),
)
async def reopen_milestone(
    account_id: Asked, which: Which, body: Because, request: Request, key: MayWrite, use: Use
) -> AccountMilestones:
    """Nothing is deleted: the history keeps both words. It is done again at its next completion."""
    return await use.steering.reopen(account_id, which, body, speaker(request, key, body.author))


@router.post(
    "/accounts/{account_id}/delays",
    status_code=201,
    summary="Say whom we wait for",
    responses=making(examples.DELAY),
)
async def start_delay(account_id: Asked, body: NewDelay, request: Request, key: MayWrite, use: Use) -> DelayView:
    """Business days late are charged to this side until the waiting is ended."""
    return await use.steering.start_delay(account_id, body, speaker(request, key, body.author))


@router.post(
    "/accounts/{account_id}/delays/{delay}/end",
    summary="Say that a waiting is over",
    responses=answering(examples.DELAY),
)
async def end_delay(
    account_id: Asked,
    delay: Annotated[str, Path(max_length=NAME_LENGTH, description="The waiting's id")],
    request: Request,
    key: MayWrite,
    use: Use,
    body: DelayEnd | None = None,
) -> DelayView:
    """From the next business day on the side that the plan names is charged again."""
    wanted = body or DelayEnd()
    return await use.steering.end_delay(account_id, delay, wanted, speaker(request, key, wanted.author))
