"""Routes about how often and at which hours people are written to; it decides nothing."""

import re
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BeforeValidator

from milepost_runtime.idempotency import NamedRequests
from milepost_runtime.keys import Principal, require_scope
from milepost_runtime.paging import ONCE
from playbook_runner.arbiter.arbiter_views import (
    DayOffRequest,
    DayOffView,
    DaysOff,
    PolicyList,
    PolicyRequest,
    PolicyView,
)
from playbook_runner.dependencies import Use

router = APIRouter(tags=["policy"], route_class=NamedRequests, dependencies=[ONCE])


def _day(told: Any) -> Any:
    """Return a day as it is written, not as seconds since a moment that nobody means."""
    if not isinstance(told, str) or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", told) is None:
        raise ValueError("a day as YYYY-MM-DD")
    return told


MayRead = require_scope("read")
Author = Annotated[Principal, require_scope("playbooks")]
Region = Annotated[str, Query(max_length=10, description="Such as DE, DE-BY or US-CA; empty: every region")]
Day = Annotated[date, BeforeValidator(_day), Query(description="YYYY-MM-DD")]


@router.get("/policy", dependencies=[MayRead], summary="The policy in force")
async def get_policy(use: Use) -> PolicyView:
    """Caps, hours, days and what stops a message; version 0 is the default, which nobody has said."""
    return PolicyView.model_validate(await use.policies.in_force())


@router.post("/policy", status_code=201, summary="Put a policy in force")
async def say_policy(use: Use, body: PolicyRequest, who: Author) -> PolicyView:
    """Counts from the next message on; what waits asks again at its own time. All that is wrong is told at once."""
    return PolicyView.model_validate(dict(await use.policies.say(body.document, body.author or who.name)))


@router.get("/policy/versions", dependencies=[MayRead], summary="Every version, newest first")
async def list_policies(
    use: Use,
    cursor: Annotated[int | None, Query(ge=1, lt=2**31, description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> PolicyList:
    """A version never changes."""
    rows = await use.policies.versions(cursor, limit + 1)
    found = [PolicyView.model_validate(dict(row)) for row in rows[:limit]]
    return PolicyList(data=found, next_cursor=str(found[-1].version) if len(rows) > limit else None)


@router.post("/policy/versions/{number}/activate", status_code=201, summary="Put an older policy in force again")
async def say_again(use: Use, number: int, who: Author) -> PolicyView:
    """Says its document again, as the newest version."""
    old = await use.policies.version(number)
    return PolicyView.model_validate(dict(await use.policies.say(old["document"], who.name)))


@router.get("/days-off", dependencies=[MayRead], summary="Days on which nobody works in a region")
async def list_days_off(use: Use, region: Region = "", year: Annotated[int, Query(ge=2000, le=2100)] = 2026) -> DaysOff:
    """Public holidays of the region, and the company's own days of it, of its country and of everywhere."""
    return DaysOff.of(await use.policies.days_off(region, year))


@router.put("/days-off", summary="Let nobody work on a day")
async def put_day_off(use: Use, day: Day, body: DayOffRequest, _who: Author, region: Region = "") -> DayOffView:
    """For a region, or for everybody; said again, it has the new name."""
    return DayOffView.model_validate(await use.policies.add_day(region, day, body.name))


@router.delete("/days-off", status_code=204, summary="Take a day of the company's own back")
async def drop_day_off(use: Use, day: Day, _who: Author, region: Region = "") -> Response:
    """Public holidays are not ours to take back: a policy with `holidays: false` passes over all of them."""
    await use.policies.drop_day(region, day)
    return Response(status_code=204)
