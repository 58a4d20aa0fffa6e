"""What every screen under /app has in common: who may see it, forms, and a page that helps when something is wrong."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from milepost_runtime.problems import TITLES, Problem, unforeseen
from scoring_api.answers.guessing import Near
from scoring_api.answers.reading import AccountUnknown
from scoring_api.dependencies import Doors
from scoring_api.entering import COOKIE, Visit, refuse_foreign_form, safe_next
from scoring_api.pages.rendering import Renderer
from scoring_api.problems import as_problem

SMALL_FORM = 8192
LARGEST_FORM = 64 * 1024
MOST_FIELDS = 20
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
    "Vary": "Cookie, Authorization",
}
Answer = Callable[[Request], Awaitable[Response]]
Page = Callable[[Request, Doors, Visit], Awaitable[Response]]


def safely(answer: Answer) -> Answer:
    """Turn whatever goes wrong into a page that helps."""

    async def answer_or_help(request: Request) -> Response:
        try:
            return await answer(request)
        except Exception as error:
            problem = as_problem(error) or unforeseen(error, request.url.path)
            near = error.near if isinstance(error, AccountUnknown) else ()
            return _help(request, problem, getattr(request.state, "visit", None), near)

    return answer_or_help


def for_visitors(page: Page) -> Answer:
    """Let a page be read by those who may; send others to the sign-in page, and back here afterwards."""

    async def answer(request: Request) -> Response:
        visit = await visit_of(request)
        if visit is None:
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return _to_sign_in(target)
        request.state.visit = visit
        return await page(request, request.app.state.doors, visit)

    return answer


def for_writers(page: Page) -> Answer:
    """Let a form of ours be sent by those who may write; who is signed out goes to the sign-in page."""

    async def answer(request: Request) -> Response:
        refuse_foreign_form(request.headers)
        visit = await visit_of(request)
        if visit is None:
            return _to_sign_in("/app/")
        request.state.visit = visit
        if not visit.writes:
            raise Problem(403, "forbidden", "Your key lacks the scope 'write': it may look, and say nothing.")
        return await page(request, request.app.state.doors, visit)

    return answer


async def visit_of(request: Request) -> Visit | None:
    """Return who looks at a page, None if nobody we know. Raises Problem for a key that may not."""
    doors: Doors = request.app.state.doors
    peer = request.client.host if request.client else None
    return await doors.entering.admit(peer, request.headers, request.cookies.get(COOKIE))


async def read_form(request: Request, largest: int = LARGEST_FORM, most_fields: int = MOST_FIELDS) -> dict[str, str]:
    """Return the fields of a form. Raises Problem 413 for a large one, 422 for one that is not ours."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > largest:
            raise Problem(413, "body_too_large", f"The form is larger than {largest} bytes.")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=most_fields, errors="strict"))
    except ValueError:
        raise Problem(422, "bad_form", "This is no form of ours.") from None


async def not_routed(request: Request, error: Exception) -> Response:
    """Answer an address or a method that no screen has."""
    assert isinstance(error, HTTPException)
    detail = "There is no page at this address." if error.status_code == 404 else str(error.detail)
    problem = Problem(error.status_code, "http_error", detail, headers=dict(error.headers or {}))
    try:
        visit = await visit_of(request)
    except Problem as refused:
        problem, visit = refused, None
    return _help(request, problem, visit, ())


def html(request: Request, template: str, status: int = 200, /, **values: Any) -> Response:
    """Return a screen."""
    renderer: Renderer = request.app.state.renderer
    return HTMLResponse(renderer.render(template, **values), status, headers=HEADERS)


def _to_sign_in(target: str) -> Response:
    address = f"/app/sign-in?{urlencode({'next': safe_next(target)})}"
    return RedirectResponse(address, 303, headers={"Cache-Control": "no-store"})


def _help(request: Request, problem: Problem, visit: Visit | None, near: tuple[Near, ...]) -> Response:
    shown = {"status": problem.status, "title": problem.title or TITLES.get(problem.status, "Error")}
    request_id = request.scope.get("state", {}).get("request_id", "") if problem.status >= 500 else ""
    answer = html(
        request,
        "lost.html",
        problem.status,
        problem=shown | {"detail": problem.detail.removesuffix(" See `errors` for what looks like it.")},
        near=near,
        asked=request.path_params.get("asked", "")[:200],
        signed_in=visit is not None,
        session=visit is not None and visit.session,
        request_id=request_id,
    )
    answer.headers.update(problem.headers)
    return answer
