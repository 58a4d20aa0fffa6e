"""Routes about who works here and who is away; it decides nothing."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from milepost_runtime.idempotency import NamedRequests
from milepost_runtime.keys import Principal, require_scope
from milepost_runtime.paging import ONCE
from playbook_runner.arbiter.arbiter_views import AbsenceRequest, AbsenceView, PersonList, PersonRequest, PersonView
from playbook_runner.dependencies import Use

router = APIRouter(tags=["people"], route_class=NamedRequests, dependencies=[ONCE])
PersonId = Annotated[str, Path(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$", description="As owners say it")]
MayRead = require_scope("read")
Writer = Annotated[Principal, require_scope("write")]


@router.get("/people", dependencies=[MayRead], summary="Who works here")
async def list_people(
    use: Use,
    cursor: Annotated[str | None, Query(max_length=255, description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> PersonList:
    """By id, with the absences that are not over."""
    rows = await use.people.page(cursor, limit + 1)
    found = [PersonView.of(one) for one in rows[:limit]]
    return PersonList(data=found, next_cursor=found[-1].id if len(rows) > limit else None)


@router.get("/people/{person_id}", dependencies=[MayRead], summary="Somebody who works here")
async def get_person(use: Use, person_id: PersonId) -> PersonView:
    """Zone, region, roles, capacity, absences."""
    return PersonView.of(await use.people.one(person_id))


@router.put(
    "/people/{person_id}",
    summary="Say who somebody is",
    responses={201: {"model": PersonView, "description": "They are new here."}},
)
async def put_person(use: Use, person_id: PersonId, body: PersonRequest, who: Writer, response: Response) -> PersonView:
    """The id is what accounts call their owner. Who leaves is said with `active: false`, never deleted."""
    known, added = await use.people.put(person_id, body.model_dump(), who.name)
    response.status_code = 201 if added else 200
    return PersonView.of(known)


@router.post("/people/{person_id}/absences", status_code=201, summary="Say that somebody is away")
async def say_away(use: Use, person_id: PersonId, body: AbsenceRequest, _who: Writer) -> AbsenceView:
    """On those days, where they live, messages for them go to the delegate; without one they wait for their return."""
    return AbsenceView.of(await use.people.away(person_id, body.since, body.until, body.delegate))


@router.delete("/absences/{absence_id}", status_code=204, summary="Take an absence back")
async def take_back(use: Use, absence_id: UUID, _who: Writer) -> Response:
    """From now on they are there again."""
    await use.people.back(absence_id)
    return Response(status_code=204)
