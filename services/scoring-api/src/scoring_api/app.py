"""The web process of the scoring service: API, pages and their lifespan put together; it decides nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import RedirectResponse, Response

from milepost_runtime.database import Pool, open_pool, require_schema
from milepost_runtime.entry import refusals_in_one_line
from milepost_runtime.health import Readiness
from milepost_runtime.hot import Application, HotRoutes
from milepost_runtime.keys import KeyRing
from milepost_runtime.queue import Hints
from milepost_runtime.secrets import Vault
from milepost_runtime.settings import load
from milepost_runtime.web import RequestContext, add_operations, announced, new_app, serve
from scoring_api.cataloguing import Catalogue, load_catalogue
from scoring_api.dependencies import Doors, NoKeysInAddresses
from scoring_api.entering import Entering
from scoring_api.evidencing import Evidencing
from scoring_api.lineup import KeptLineUps
from scoring_api.listing import Listing
from scoring_api.models import ModelDocumentInvalid
from scoring_api.problems import TABLE
from scoring_api.reading import Reading
from scoring_api.restating import Restating
from scoring_api.routers import accounts, changes, health, models, restatements
from scoring_api.routers.pages import pages_app
from scoring_api.service import build
from scoring_api.settings import SCHEMA, ScoringSettings

NAME = "scoring-api"
DESCRIPTION = """Health scores of customer accounts that explain themselves. Every figure comes with its band,
its confidence, its reasons, the version of the model that made it, and the moment it speaks of."""

TAGS = {
    "accounts": "Scores of accounts: one, many, over time, and why.",
    "changes": "What moved, as a feed to follow.",
    "models": "The policy behind the scores, as documents.",
    "restatements": "The past, told anew with today's model.",
}


def create(settings: ScoringSettings, catalogue: Catalogue) -> Application:
    """Return the whole web application; connections are opened by its lifespan."""
    pages = pages_app()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            pool = await stack.enter_async_context(await _pool(settings, settings.database_pool_size, 5))
            patient = await stack.enter_async_context(await _pool(settings, 1, 60))
            await require_schema(pool, SCHEMA)
            hints = Hints(settings.redis_url)
            await hints.start()
            stack.push_async_callback(hints.close)
            restating = build(settings, KeptLineUps(catalogue.founding), patient, hints).restating
            app.state.keys = KeyRing(pool, SCHEMA)
            app.state.readiness = Readiness(pool, hints, SCHEMA, settings.run_id)
            app.state.doors = pages.state.doors = open_doors(settings, catalogue, app.state.keys, restating)
            await stack.enter_async_context(announced(NAME))
            yield

    app = new_app("Milepost scoring API", DESCRIPTION, lifespan, TABLE, tags=TAGS, home="/app/")
    for part in (accounts, changes, models, restatements):
        app.include_router(part.router)
    add_operations(app)
    _add_pages(app, pages)
    behind = RequestContext(app, app)
    return NoKeysInAddresses(HotRoutes(behind, [health.hot_route(app.state)]))


def _add_pages(app: FastAPI, pages: Starlette) -> None:
    """Put the screens beside the API."""
    for path in ("/", "/app"):
        app.add_api_route(path, _to_portfolio, methods=["GET"], include_in_schema=False)
    app.mount("/app", pages)


def open_doors(settings: ScoringSettings, catalogue: Catalogue, keys: KeyRing, restating: Restating) -> Doors:
    """Return the use cases over the pool of the keys; restating brings its own, with longer patience."""
    vault = Vault(settings.secret_key.get_secret_value())
    reading = Reading(keys.pool)
    return Doors(
        reading=reading,
        listing=Listing(keys.pool, vault),
        evidencing=Evidencing(keys.pool, reading, catalogue),
        catalogue=catalogue,
        entering=Entering(keys.pool, keys, vault, settings.environment),
        restating=restating,
        restating_now=asyncio.Lock(),
    )


async def _pool(settings: ScoringSettings, size: int, statement_timeout_s: float) -> Pool:
    return await open_pool(
        settings.database_url, SCHEMA, process=f"{NAME} web", size=size, statement_timeout_s=statement_timeout_s
    )


def main() -> None:
    """Serve until told to stop; settings and model are refused before anything is opened."""
    with refusals_in_one_line(NAME, "web", ModelDocumentInvalid, FileNotFoundError):
        settings = load(ScoringSettings)
        serve(NAME, settings, create(settings, load_catalogue(settings.scoring_model)), settings.scoring_port)


async def _to_portfolio() -> Response:
    return RedirectResponse("/app/", 307)


if __name__ == "__main__":
    main()
