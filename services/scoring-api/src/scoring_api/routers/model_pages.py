"""Screens about score models: which there are and who put them in charge, and one version in words and curves."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from milepost_runtime.problems import Problem
from scoring_api.dependencies import Doors
from scoring_api.entering import Visit
from scoring_api.pages import policy
from scoring_api.routers.screens import for_visitors, html, safely

PAGE_SIZE = 25
LARGEST = 2**31 - 1


def model_routes() -> list[Route]:
    """Return the routes of these screens."""
    return [
        Route("/models", safely(for_visitors(show_models))),
        Route("/models/{model_id}", safely(for_visitors(show_newest))),
        Route("/models/{model_id}/{version}", safely(for_visitors(show_model))),
    ]


async def show_models(request: Request, doors: Doors, visit: Visit) -> Response:
    """All models, and the log of who was put in charge."""
    cursor = request.query_params.get("cursor", "")[:500] or None
    log = await doors.catalogue.activations(cursor, None, PAGE_SIZE)
    following = f"/app/models?{urlencode({'cursor': log.next_cursor})}" if log.next_cursor else None
    page = policy.policies_page(await doors.catalogue.listed(), log, following)
    return html(request, "models.html", page=page, here="models", session=visit.session)


async def show_newest(request: Request, doors: Doors, _visit: Visit) -> Response:
    """A model by its id: the version in charge, else the newest."""
    known = await doors.catalogue.one(request.path_params["model_id"])
    return RedirectResponse(f"/app/models/{known.id}/{known.in_charge or known.versions[-1]}", 303)


async def show_model(request: Request, doors: Doors, visit: Visit) -> Response:
    """One version, and with `against` what it says otherwise than another one."""
    known = await doors.catalogue.one(request.path_params["model_id"])
    version = _number(request.path_params["version"])
    read = await doors.catalogue.read(known.id, version)
    other = request.query_params.get("against", "")
    diff = None
    if other:
        before, after = sorted((_number(other), version))
        diff = await doors.catalogue.compare(known.id, before, after)
    page = policy.policy_page(read.parsed, known, diff)
    return html(request, "model.html", page=page, here="models", session=visit.session)


def _number(text: str) -> int:
    """Return the number of a version. Raises Problem 404 for what cannot be one."""
    if text.isascii() and text.isdecimal() and 0 < int(text[:11]) <= LARGEST:
        return int(text)
    raise Problem(404, "not_found", f"There is no version '{text[:40]}'.")
