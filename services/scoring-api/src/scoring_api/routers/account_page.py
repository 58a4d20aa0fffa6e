"""The screen of one account: its explained score, what people said of it, and their forms."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scoring_api.dependencies import Doors
from scoring_api.entering import Visit
from scoring_api.pages import account
from scoring_api.pages import people as said
from scoring_api.pages.asking import asking_part, days_to_compare
from scoring_api.pages.forms import NOTHING_TYPED, Typed
from scoring_api.past.comparing import USUAL_SPAN
from scoring_api.routers.screens import html

NOTES_SHOWN = 20


async def show_account(request: Request, doors: Doors, visit: Visit) -> Response:
    """One account's explained score; an account known by a reference is shown under its id."""
    asked = request.path_params["asked"]
    stored = await doors.reading.stored(asked)
    if asked != str(stored.account_id):
        return RedirectResponse(f"/app/accounts/{stored.account_id}", 303)
    return await account_screen(request, doors, visit, NOTHING_TYPED)


async def account_screen(request: Request, doors: Doors, visit: Visit, typed: Typed) -> Response:
    """The whole screen, with what was typed into a form that could not be taken, and what is wrong with it."""
    stored = await doors.reading.stored(request.path_params["asked"])
    now = await doors.listing.now()
    days = await doors.listing.days([stored.account_id], now, account.TREND_DAYS)
    document = stored.parsed()
    model = await doors.catalogue.closest(document.model.id, document.model.version)
    begins = now - timedelta(days=account.TREND_DAYS)
    markers = await doors.recounting.markers(stored.account_id, begins, now)
    page = account.account_page(document, days[stored.account_id], model, now, markers)
    known = [day.at for day in days[stored.account_id] if not day.restated]
    own = await doors.reading.own_band(document)
    asking = asking_part(document, own, markers, days_to_compare(known, now, USUAL_SPAN))
    asked = str(stored.account_id)
    people = said.PeoplePart(
        writes=visit.writes,
        signed_as=visit.name,
        overrides=await doors.people.overriding.of_account(asked),
        pulses=await doors.people.pulsing.of_account(asked),
        notes=await doors.people.noting.page(asked, None, None, NOTES_SHOWN),
        feedback=await doors.people.doubting.of_account(asked),
        signals=said.signals_of(document),
        typed=typed,
    )
    status = 422 if typed.errors else 200
    shown = {"page": page, "people": people, "asking": asking, "now": now}
    return html(request, "account.html", status, **shown, session=visit.session)
