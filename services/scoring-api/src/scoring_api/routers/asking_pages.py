"""Screens that answer questions about one account: what changed, what if, which way up; they store nothing."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from milepost_runtime.problems import Problem
from scoring_api.ahead.supposing import SuppositionRefused
from scoring_api.ahead.supposition_views import WhatIfAnswer, WhatIfRequest
from scoring_api.dependencies import Doors
from scoring_api.entering import Visit, refuse_foreign_form
from scoring_api.pages.changes import change_page
from scoring_api.pages.supposing import changes_of, what_if_page
from scoring_api.past.recalling import Told
from scoring_api.routers.screens import for_visitors, html, read_form, safely
from scoring_api.routers.segments import PageSegments

DAY = timedelta(days=1)


def asking_routes() -> list[Route]:
    """Return the routes of these screens, to stand before the page of an account."""
    return [
        PageSegments("/accounts/{asked}/change", safely(for_visitors(show_change)), methods=["GET"]),
        PageSegments("/accounts/{asked}/what-if", safely(for_visitors(show_what_if)), methods=["GET", "POST"]),
        PageSegments("/accounts/{asked}/path-to/{band}", safely(for_visitors(show_path)), methods=["GET"]),
    ]


async def show_change(request: Request, doors: Doors, visit: Visit) -> Response:
    """The difference between two days, in four parts; a day's moment is its end, today's is now."""
    asked, now = request.path_params["asked"], await doors.listing.now()
    since, until = _day(request, "from"), _day(request, "to")
    end = None if until is None else min(_ends(until), now)
    start = None if since is None else min(_ends(since), now)
    answer = await doors.comparing.change(asked, start, end)
    shown = (since or answer.start.asked_for.date(), until or now.date())
    page = change_page(answer, await _name(doors, answer.account_id), shown, now)
    return html(request, "change.html", page=page, session=visit.session)


async def show_what_if(request: Request, doors: Doors, visit: Visit) -> Response:
    """A field for every signal; posted, what would follow from what was typed."""
    asked, typed = request.path_params["asked"], {}
    if request.method == "POST":
        refuse_foreign_form(request.headers)
        typed = await read_form(request, most_fields=200)
    told = await doors.recalling.known(asked, None)
    answer, wrong = await _supposed(doors, asked, told, typed)
    page = what_if_page(told.document(), told.judged.model, typed, answer, wrong)
    return html(request, "what_if.html", 422 if wrong else 200, page=page, session=visit.session)


async def _supposed(
    doors: Doors, asked: str, told: Told, typed: dict[str, str]
) -> tuple[WhatIfAnswer | None, dict[str, str]]:
    """Return what would follow, or a sentence beside each field that cannot be."""
    changes, wrong = changes_of(typed, told.judged.model.signals)
    gates = {name.removeprefix("gate-"): False for name in typed if name.startswith("gate-")}
    if wrong or not (changes or gates):
        return None, wrong
    try:
        return await doors.supposing.what_if(asked, WhatIfRequest(changes=changes, gates=gates, as_of=None)), {}
    except SuppositionRefused as error:
        return None, {one.pointer.rpartition("/")[2]: one.detail for one in error.faults}


async def show_path(request: Request, doors: Doors, visit: Visit) -> Response:
    """The cheapest way to a better band."""
    answer = await doors.supposing.path(request.path_params["asked"], request.path_params["band"])
    name = await _name(doors, answer.account_id)
    return html(request, "path.html", answer=answer, name=name, session=visit.session)


def _day(request: Request, name: str) -> date | None:
    text = request.query_params.get(name, "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Problem(422, "bad_time", "Write a day as 2026-03-02.") from None


def _ends(day: date) -> datetime:
    if day.year >= 9999:
        raise Problem(422, "future_moment", "That day has not come yet.")
    return datetime.combine(day + DAY, time(0), UTC) - timedelta(microseconds=1)


async def _name(doors: Doors, account: UUID) -> str:
    return (await doors.reading.stored(str(account))).parsed().account.name
