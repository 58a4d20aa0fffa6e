"""Screens and forms for what people say: on an account's page, the inbox of doubts, the overrides of all accounts.

A form that was taken leads back to the page; one that was not comes back with what was typed.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import get_args
from urllib.parse import urlencode
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from milepost_runtime.problems import Problem
from scoring_api.ahead.milestone_views import Because, Completion
from scoring_api.ahead.steering import PlanAgainst
from scoring_api.dependencies import Doors
from scoring_api.entering import Visit
from scoring_api.pages import people as said
from scoring_api.pages.forms import NOTHING_TYPED, FormRefused, Typed, read
from scoring_api.people import people_views as views
from scoring_api.people.doubting import FeedbackAnswered
from scoring_api.people.feedback_views import AnswerRequest, FeedbackRequest, FeedbackState, NoteRequest
from scoring_api.people.speaking import Speaker, WordRefused
from scoring_api.routers.account_page import account_screen
from scoring_api.routers.screens import for_visitors, for_writers, html, read_form, safely
from scoring_api.routers.segments import PageSegments

PAGE_SIZE = 25
Fields = Mapping[str, str]
Saying = Callable[[Doors, str, Fields, Speaker], Awaitable[None]]


def people_routes() -> list[Route]:
    """Return the routes of these screens, to stand before the page of an account."""
    forms = {
        "override": _override,
        "override/end": _end_override,
        "pulse": _pulse,
        "pulse/take-back": _take_pulse_back,
        "notes": _note,
        "notes/delete": _delete_note,
        "feedback": _doubt,
        "milestones/complete": _complete,
        "milestones/reopen": _reopen,
    }
    return [
        Route("/feedback", safely(for_visitors(show_inbox)), methods=["GET"]),
        Route("/feedback/{feedback}/answer", safely(for_writers(answer)), methods=["POST"]),
        Route("/overrides", safely(for_visitors(show_overrides)), methods=["GET"]),
        *(
            PageSegments(f"/accounts/{{asked}}/{path}", safely(for_writers(_form(path, saying))), methods=["POST"])
            for path, saying in forms.items()
        ),
    ]


def _form(path: str, saying: Saying) -> Callable[[Request, Doors, Visit], Awaitable[Response]]:
    """Return what takes one form of an account's page; `path` also names the form, its first part the place of it."""

    async def take(request: Request, doors: Doors, visit: Visit) -> Response:
        fields, asked = await read_form(request), request.path_params["asked"]
        try:
            await saying(doors, asked, fields, _speaker(request, visit))
        except (FormRefused, WordRefused) as error:
            return await account_screen(request, doors, visit, Typed(path, fields, _errors(error)))
        return RedirectResponse(f"/app/accounts/{asked}#{path.partition('/')[0]}", 303)

    return take


async def _override(doors: Doors, asked: str, fields: Fields, speaker: Speaker) -> None:
    await doors.people.overriding.begin(asked, read(views.OverrideRequest, fields), speaker)


async def _end_override(doors: Doors, asked: str, fields: Fields, speaker: Speaker) -> None:
    await doors.people.overriding.end(asked, read(views.EndRequest, fields), speaker)


async def _pulse(doors: Doors, asked: str, fields: Fields, speaker: Speaker) -> None:
    await doors.people.pulsing.give(asked, read(views.PulseRequest, fields), speaker)


async def _take_pulse_back(doors: Doors, asked: str, fields: Fields, speaker: Speaker) -> None:
    wanted = read(views.EndRequest, fields)
    await doors.people.pulsing.take_back(asked, fields.get("pulse", ""), wanted, speaker)


async def _note(doors: Doors, asked: str, fields: Fields, speaker: Speaker) -> None:
    await doors.people.noting.write(asked, read(NoteRequest, fields), speaker)


async def _delete_note(doors: Doors, asked: str, fields: Fields, speaker: Speaker) -> None:
    await doors.people.noting.delete(asked, _id(fields.get("note", ""), "note"), speaker)


async def _doubt(doors: Doors, asked: str, fields: Fields, speaker: Speaker) -> None:
    await doors.people.doubting.ask(asked, read(FeedbackRequest, fields), speaker)


async def _complete(doors: Doors, asked: str, fields: Fields, speaker: Speaker) -> None:
    wanted = read(Completion, fields)
    try:
        await doors.steering.complete(asked, fields.get("milestone", ""), wanted, speaker)
    except PlanAgainst as error:
        raise FormRefused({"evidence": f"{error}."}) from None


async def _reopen(doors: Doors, asked: str, fields: Fields, speaker: Speaker) -> None:
    wanted = read(Because, fields)
    try:
        await doors.steering.reopen(asked, fields.get("milestone", ""), wanted, speaker)
    except PlanAgainst as error:
        raise FormRefused({"reason": f"{error}."}) from None


async def show_inbox(request: Request, doors: Doors, visit: Visit) -> Response:
    """Doubts about scores, what waits longest first."""
    return await _inbox(request, doors, visit, NOTHING_TYPED)


async def answer(request: Request, doors: Doors, visit: Visit) -> Response:
    """Take the answer to a doubt."""
    fields, feedback = await read_form(request), request.path_params["feedback"]
    try:
        wanted = read(AnswerRequest, fields)
        await doors.people.doubting.answer(_id(feedback, "feedback"), wanted, _speaker(request, visit))
    except FormRefused as error:
        return await _inbox(request, doors, visit, Typed(feedback, fields, error.errors))
    except FeedbackAnswered as error:
        return await _inbox(request, doors, visit, Typed("", {}, {"": f"{error}."}))
    return RedirectResponse(f"/app/feedback?{urlencode(_place(request))}", 303)


async def _inbox(request: Request, doors: Doors, visit: Visit, typed: Typed) -> Response:
    asked = request.query_params
    state = asked.get("state") or "open"
    if state not in get_args(FeedbackState):
        raise Problem(422, "bad_parameter", "Doubts are open or answered: there is no other state to list.")
    owner = asked.get("owner", "").strip()[:200]
    found = await doors.people.doubting.page(state, owner or None, asked.get("cursor") or None, PAGE_SIZE)
    following = {"state": state, "owner": owner, "cursor": found.next_cursor}
    page = said.Inbox(
        doubts=found.data,
        state=state,
        owner=owner,
        owners=tuple(await doors.people.doubting.owners()),
        waiting=found.open,
        next=f"/app/feedback?{urlencode(following)}" if found.next_cursor else None,
        writes=visit.writes,
        signed_as=visit.name,
        typed=typed,
    )
    now, status = await doors.listing.now(), 422 if typed.errors else 200
    return html(request, "feedback.html", status, page=page, now=now, here="feedback", session=visit.session)


async def show_overrides(request: Request, doors: Doors, visit: Visit) -> Response:
    """Who overrules the model where, and how often it helped."""
    active = request.query_params.get("active", "true") != "false"
    listed = await doors.people.overriding.page(active or None, request.query_params.get("cursor") or None, PAGE_SIZE)
    following = urlencode({"active": str(active).lower(), "cursor": listed.next_cursor})
    page = said.Overruled(
        listed=listed,
        active=active,
        next=f"/app/overrides?{following}" if listed.next_cursor else None,
        review=await doors.people.overriding.statistics(None, None),
    )
    return html(
        request, "overrides.html", page=page, now=await doors.listing.now(), here="overrides", session=visit.session
    )


def _speaker(request: Request, visit: Visit) -> Speaker:
    return Speaker.of(visit.name, None, request.scope.get("state", {}).get("request_id", ""))


def _errors(error: FormRefused | WordRefused) -> Mapping[str, str]:
    if isinstance(error, FormRefused):
        return error.errors
    text = str(error)
    ended = text if text.endswith("?") else f"{text}."
    return {error.part: f"{ended[:1].upper()}{ended[1:]}"}


def _id(text: str, kind: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Problem(404, f"{kind}_unknown", f"There is no such {kind}.") from None


def _place(request: Request) -> dict[str, str]:
    """Return the part of the address that says which list a form was sent from."""
    return {name: request.query_params[name][:2000] for name in ("state", "owner") if request.query_params.get(name)}
