"""The screens under /app: portfolio, account, evidence, sign-in; they read through the same use cases as the API."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from milepost_runtime.problems import TITLES, Problem, unforeseen
from scoring_api.dependencies import Doors
from scoring_api.entering import COOKIE, SESSION_LASTS, Visit, refuse_foreign_form, safe_next
from scoring_api.listing import ORDERS
from scoring_api.pages import account, charts, evidence, portfolio
from scoring_api.pages.rendering import Renderer
from scoring_api.problems import as_problem
from scoring_api.queries.reading import Filter
from scoring_api.reading import AccountUnknown, Near
from scoring_api.routers.accounts import bands_of

PAGE_SIZE = 50
LARGEST_FORM = 8192
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


def pages_app() -> Starlette:
    """Return the application to mount at /app; the lifespan puts the use cases into `state.doors`."""
    app = Starlette(
        routes=[
            Route("/", _safely(_for_visitors(show_portfolio))),
            Route("/sign-in", _safely(show_sign_in), methods=["GET"]),
            Route("/sign-in", _safely(sign_in), methods=["POST"]),
            Route("/sign-out", _safely(sign_out), methods=["POST"]),
            Route("/static/{digest}/{name}", _safely(static_file)),
            Route("/accounts/{asked:path}/evidence/{signal}", _safely(_for_visitors(show_evidence))),
            Route("/accounts/{asked:path}", _safely(_for_visitors(show_account))),
        ],
        exception_handlers={HTTPException: _not_routed},
    )
    app.router.redirect_slashes = False
    app.state.renderer = Renderer()
    return app


def _safely(answer: Answer) -> Answer:
    """Turn whatever goes wrong into a page that helps."""

    async def answer_or_help(request: Request) -> Response:
        try:
            return await answer(request)
        except Exception as error:
            problem = as_problem(error) or unforeseen(error, request.url.path)
            near = error.near if isinstance(error, AccountUnknown) else ()
            return _help(request, problem, getattr(request.state, "visit", None), near)

    return answer_or_help


def _for_visitors(page: Page) -> Answer:
    """Let a page be read by those who may; send others to the sign-in page, and back here afterwards."""

    async def answer(request: Request) -> Response:
        visit = await _visit(request)
        if visit is None:
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            address = f"/app/sign-in?{urlencode({'next': safe_next(target)})}"
            return RedirectResponse(address, 303, headers={"Cache-Control": "no-store"})
        request.state.visit = visit
        return await page(request, request.app.state.doors, visit)

    return answer


async def show_portfolio(request: Request, doors: Doors, visit: Visit) -> Response:
    """The ranked list with its filters."""
    asked = _asked(request)
    wanted = Filter(
        bands_of(asked.band), asked.segment or None, asked.stage or None, asked.owner or None, asked.q or None
    )
    listed, following = await doors.listing.rows(wanted, asked.sort, asked.cursor or None, PAGE_SIZE)
    tally, now = await doors.listing.tally(), await doors.listing.now()
    known = await doors.listing.choices()
    days = await doors.listing.days([one.document.account.id for one in listed], now, portfolio.SPARK_DAYS)
    page = portfolio.Portfolio(
        heading=portfolio.heading(tally.act), rule=portfolio.RULE, tally=tally, newest=tally.newest,
        shares=portfolio.shares(tally, asked), choices=portfolio.choices(asked, known),
        groups=portfolio.groups(listed, days, now, tally if asked.sort == "urgency" and not asked.filtered else None),
        asked=asked, filtered=asked.filtered, size=PAGE_SIZE,
        first=asked.href() if asked.cursor else None,
        next=asked.href(cursor=following) if following else None,
        shown=portfolio.shown(len(listed), asked, tally), limits=_limits(doors),
    )  # fmt: skip
    return _html(request, "portfolio.html", page=page, now=now, here="portfolio", session=visit.session)


async def show_account(request: Request, doors: Doors, visit: Visit) -> Response:
    """One account's explained score; an account known by a reference is shown under its id."""
    asked = request.path_params["asked"]
    stored = await doors.reading.stored(asked)
    if asked != str(stored.account_id):
        return RedirectResponse(f"/app/accounts/{stored.account_id}", 303)
    now = await doors.listing.now()
    days = await doors.listing.days([stored.account_id], now, account.TREND_DAYS)
    document = stored.parsed()
    model = doors.catalogue.closest(document.model.id, document.model.version)
    page = account.account_page(document, days[stored.account_id], model, now)
    return _html(request, "account.html", page=page, now=now, session=visit.session)


async def show_evidence(request: Request, doors: Doors, visit: Visit) -> Response:
    """What stands behind one driver."""
    asked, signal = request.path_params["asked"], request.path_params["signal"]
    found = await doors.evidencing.evidence(asked, signal, 50)
    document = (await doors.reading.stored(asked)).parsed()
    page = evidence.evidence_page(found, document)
    return _html(request, "evidence.html", page=page, session=visit.session)


async def show_sign_in(request: Request) -> Response:
    """The form that takes a key."""
    target = safe_next(request.query_params.get("next", "/app/"))
    return _html(request, "sign_in.html", signed_in=False, refused="", next=target)


async def sign_in(request: Request) -> Response:
    """Open a session for a key that may read; the key goes no further."""
    refuse_foreign_form(request.headers)
    doors: Doors = request.app.state.doors
    form = await _form(request)
    target = safe_next(form.get("next", "/app/"))
    try:
        session = await doors.entering.open_session(form.get("key", ""))
    except Problem as problem:
        return _html(request, "sign_in.html", problem.status, signed_in=False, refused=problem.detail, next=target)
    answer = RedirectResponse(target, 303, headers={"Cache-Control": "no-store"})
    lasts, https = int(SESSION_LASTS.total_seconds()), request.url.scheme == "https"
    answer.set_cookie(COOKIE, session, max_age=lasts, path="/app", httponly=True, samesite="strict", secure=https)
    return answer


async def sign_out(request: Request) -> Response:
    """End the session of this browser."""
    refuse_foreign_form(request.headers)
    answer = RedirectResponse("/app/sign-in", 303, headers={"Cache-Control": "no-store"})
    answer.delete_cookie(COOKIE, path="/app", httponly=True, samesite="strict")
    return answer


async def static_file(request: Request) -> Response:
    """A style sheet or picture; its address changes with its content, so it may be kept for a year."""
    renderer: Renderer = request.app.state.renderer
    found = renderer.assets.get(request.path_params["name"])
    if found is None or request.url.path != found.path:
        raise Problem(404, "not_found", "There is no such file.")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(found.content, media_type=found.media_type, headers=headers)


async def _visit(request: Request) -> Visit | None:
    doors: Doors = request.app.state.doors
    peer = request.client.host if request.client else None
    return await doors.entering.admit(peer, request.headers, request.cookies.get(COOKIE))


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a small form. Raises Problem 413 for a large one."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_FORM:
            raise Problem(413, "body_too_large", f"The form is larger than {LARGEST_FORM} bytes.")
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _asked(request: Request) -> portfolio.Asked:
    """Return what the address asks for; a word that pages do not know is left aside rather than refused."""
    names = ("q", "band", "segment", "stage", "owner", "sort", "cursor")
    values = {name: request.query_params.get(name, "").strip()[:2000] for name in names}
    values["sort"] = values["sort"] if values["sort"] in ORDERS else "urgency"
    return portfolio.Asked(**values)


def _limits(doors: Doors) -> charts.Thresholds:
    bands = doors.catalogue.active.bands
    return charts.Thresholds(bands.yellow, bands.green)


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = "There is no page at this address." if error.status_code == 404 else str(error.detail)
    problem = Problem(error.status_code, "http_error", detail, headers=dict(error.headers or {}))
    try:
        visit = await _visit(request)
    except Problem as refused:
        problem, visit = refused, None
    return _help(request, problem, visit, ())


def _help(request: Request, problem: Problem, visit: Visit | None, near: tuple[Near, ...]) -> Response:
    shown = {"status": problem.status, "title": problem.title or TITLES.get(problem.status, "Error")}
    request_id = request.scope.get("state", {}).get("request_id", "") if problem.status >= 500 else ""
    answer = _html(
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


def _html(request: Request, template: str, status: int = 200, /, **values: Any) -> Response:
    renderer: Renderer = request.app.state.renderer
    return HTMLResponse(renderer.render(template, **values), status, headers=HEADERS)
