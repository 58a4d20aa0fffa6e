"""Routes for what a person says above a score: overrides and pulses; the law and the model decide what they do."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from milepost_contracts.events import Moment
from milepost_runtime.keys import Principal, require_scope
from milepost_runtime.tagging import moving_tag
from scoring_api.dependencies import Use, strict_query
from scoring_api.people.people_views import (
    AccountOverrides,
    AccountPulses,
    EndRequest,
    OverridePage,
    OverrideRequest,
    OverrideStatistics,
    OverrideView,
    PulseRequest,
    PulseView,
)
from scoring_api.people.speaking import Speaker
from scoring_api.routers import people_examples as examples
from scoring_api.routers.accounts import Asked
from scoring_api.routers.examples import answering
from scoring_api.routers.people_examples import making
from scoring_api.routers.segments import NamedSegments

router = APIRouter(tags=["people"], dependencies=[Depends(strict_query)], route_class=NamedSegments)
MayRead = require_scope("read")
MayWrite = Annotated[Principal, require_scope("write")]
MayAdminister = Annotated[Principal, require_scope("admin")]
Limit = Annotated[int, Query(ge=1, le=200, description="Rows on a page")]
Cursor = Annotated[str | None, Query(max_length=2000, description="`next_cursor` of the page before")]


def speaker(request: Request, key: Principal, author: str | None) -> Speaker:
    """Return who speaks through a key."""
    return Speaker.of(key.name, author, request.scope.get("state", {}).get("request_id", ""))


@router.post(
    "/accounts/{account_id}/override",
    status_code=201,
    summary="Overrule the score for a while",
    responses=making(examples.OVERRIDE),
)
async def begin_override(
    account_id: Asked, body: OverrideRequest, request: Request, key: MayWrite, use: Use
) -> OverrideView:
    """A band or a score, why, and until when: at most 30 days. The computed score stays as it is, beside it.

    An override in force is replaced. To go on after one, give a reason that was not given in the last 30 days.
    """
    return await use.people.overriding.begin(account_id, body, speaker(request, key, body.author))


@router.get(
    "/accounts/{account_id}/override",
    dependencies=[MayRead],
    summary="The override in force, and those before",
    responses=answering(examples.OVERRIDES),
)
async def read_override(account_id: Asked, use: Use) -> AccountOverrides:
    """`current` is null when the model's own word counts."""
    return await use.people.overriding.of_account(account_id)


@router.delete("/accounts/{account_id}/override", status_code=204, summary="End the override in force")
async def end_override(
    account_id: Asked, request: Request, key: MayWrite, use: Use, body: EndRequest | None = None
) -> None:
    """From now on the model's own word counts again; the history stays."""
    wanted = body or EndRequest()
    await use.people.overriding.end(account_id, wanted, speaker(request, key, wanted.author))


@router.get(
    "/overrides",
    dependencies=[MayRead],
    summary="Overrides of all accounts",
    responses=answering(examples.OVERRIDE_PAGE),
)
async def list_overrides(
    use: Use,
    active: Annotated[bool | None, Query(description="Only those in force, or only those that are not")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> OverridePage:
    """The newest first."""
    return await use.people.overriding.page(active, cursor, limit)


@router.get(
    "/overrides/statistics",
    dependencies=[MayRead],
    summary="How often the model is overruled, and who was right",
    responses=answering(examples.STATISTICS),
)
async def review_overrides(
    use: Use,
    response: Response,
    since: Annotated[Moment | None, Query(alias="from", description="RFC 3339; 92 days before `to`")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="RFC 3339; now")] = None,
) -> OverrideStatistics:
    """By month: accounts that had not churned, and how many were overridden. Then what became of both groups."""
    found = await use.people.overriding.statistics(since, until)
    # Asking later is no news by itself.
    response.headers["ETag"] = moving_tag(found.model_dump_json(exclude={"start", "end"}).encode())
    return found


@router.post(
    "/accounts/{account_id}/pulse",
    status_code=201,
    summary="Say how an account feels",
    responses=making(examples.PULSE),
)
async def give_pulse(account_id: Asked, body: PulseRequest, request: Request, key: MayWrite, use: Use) -> PulseView:
    """0 to 100, or good (85), fair (50), poor (15). The newest pulse stands until it ends.

    It counts as much as the model that judges the account says; `counts` and `why` tell whether it does.
    """
    return await use.people.pulsing.give(account_id, body, speaker(request, key, body.author))


@router.get(
    "/accounts/{account_id}/pulse",
    dependencies=[MayRead],
    summary="The pulse that stands, and those before",
    responses=answering(examples.PULSES),
)
async def read_pulse(account_id: Asked, use: Use) -> AccountPulses:
    """`counts` says whether the score as it stands weighs it, `why` why not: no such signal, too little else known.

    An expired pulse counts no longer, by itself; one that was taken back stays in the past that knew it.
    """
    return await use.people.pulsing.of_account(account_id)


@router.delete("/accounts/{account_id}/pulse/{pulse_id}", status_code=204, summary="Take a pulse back")
async def take_pulse_back(
    account_id: Asked,
    pulse_id: Annotated[str, Path(max_length=100)],
    request: Request,
    key: MayWrite,
    use: Use,
    body: EndRequest | None = None,
) -> None:
    """From now on it counts no longer; scores of the past keep it."""
    wanted = body or EndRequest()
    await use.people.pulsing.take_back(account_id, pulse_id, wanted, speaker(request, key, wanted.author))
