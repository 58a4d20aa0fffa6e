"""The screens under /app: portfolio, account, evidence, sign-in; they read through the same use cases as the API."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from milepost_runtime.problems import Problem
from scoring_api.answers.listing import ORDERS
from scoring_api.dependencies import Doors
from scoring_api.entering import COOKIE, SESSION_LASTS, Visit, refuse_foreign_form, safe_next
from scoring_api.pages import charts, evidence, portfolio
from scoring_api.pages.rendering import Renderer
from scoring_api.queries.lists import Filter
from scoring_api.routers.account_page import show_account
from scoring_api.routers.accounts import bands_of
from scoring_api.routers.asking_pages import asking_routes
from scoring_api.routers.model_pages import model_routes
from scoring_api.routers.people_pages import people_routes
from scoring_api.routers.screens import SMALL_FORM, for_visitors, html, not_routed, read_form, safely
from scoring_api.routers.segments import PageSegments

PAGE_SIZE = 50


def pages_app() -> Starlette:
    """Return the application to mount at /app; the lifespan puts the use cases into `state.doors`."""
    app = Starlette(
        routes=[
            Route("/", safely(for_visitors(show_portfolio))),
            Route("/sign-in", safely(show_sign_in), methods=["GET"]),
            Route("/sign-in", safely(sign_in), methods=["POST"]),
            Route("/sign-out", safely(sign_out), methods=["POST"]),
            Route("/static/{digest}/{name}", safely(static_file)),
            *people_routes(),
            *model_routes(),
            *asking_routes(),
            PageSegments("/accounts/{asked}/evidence/{signal}", safely(for_visitors(show_evidence))),
            PageSegments("/accounts/{asked}", safely(for_visitors(show_account))),
        ],
        exception_handlers={HTTPException: not_routed},
    )
    app.router.redirect_slashes = False
    app.state.renderer = Renderer()
    return app


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
        shown=portfolio.shown(len(listed), asked, tally), limits=await _limits(doors),
    )  # fmt: skip
    doubts = await doors.people.doubting.waiting(asked.owner or None)
    return html(request, "portfolio.html", page=page, doubts=doubts, now=now, here="portfolio", session=visit.session)


async def show_evidence(request: Request, doors: Doors, visit: Visit) -> Response:
    """What stands behind one driver."""
    asked, signal = request.path_params["asked"], request.path_params["signal"]
    found = await doors.evidencing.evidence(asked, signal, 50)
    document = (await doors.reading.stored(asked)).parsed()
    page = evidence.evidence_page(found, document)
    return html(request, "evidence.html", page=page, session=visit.session)


async def show_sign_in(request: Request) -> Response:
    """The form that takes a key."""
    target = safe_next(request.query_params.get("next", "/app/"))
    return html(request, "sign_in.html", signed_in=False, refused="", next=target)


async def sign_in(request: Request) -> Response:
    """Open a session for a key that may read; the key goes no further."""
    refuse_foreign_form(request.headers)
    doors: Doors = request.app.state.doors
    form = await read_form(request, SMALL_FORM)
    target = safe_next(form.get("next", "/app/"))
    try:
        session = await doors.entering.open_session(form.get("key", ""))
    except Problem as problem:
        return html(request, "sign_in.html", problem.status, signed_in=False, refused=problem.detail, next=target)
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


def _asked(request: Request) -> portfolio.Asked:
    """Return what the address asks for; a word that pages do not know is left aside rather than refused."""
    names = ("q", "band", "segment", "stage", "owner", "sort", "cursor")
    values = {name: request.query_params.get(name, "").strip()[:2000] for name in names}
    values["sort"] = values["sort"] if values["sort"] in ORDERS else "urgency"
    return portfolio.Asked(**values)


async def _limits(doors: Doors) -> charts.Thresholds:
    bands = (await doors.catalogue.in_charge()).models[-1].bands
    return charts.Thresholds(bands.yellow, bands.green)
