"""The web process of the scoring service: API, pages and their lifespan put together; it decides nothing."""

import contextlib
import functools
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import RedirectResponse, Response

from milepost_runtime.database import Pool, open_connection, open_pool, require_schema
from milepost_runtime.entry import refusals_in_one_line
from milepost_runtime.health import Readiness
from milepost_runtime.hot import Application, HotRoutes
from milepost_runtime.idempotency import Idempotency
from milepost_runtime.keys import KeyRing
from milepost_runtime.queue import Hints
from milepost_runtime.secrets import Vault
from milepost_runtime.settings import load
from milepost_runtime.tagging import ContentTags
from milepost_runtime.web import RequestContext, add_operations, announced, new_app, serve
from scoring_api.ahead.charting import Charting
from scoring_api.ahead.steering import Steering
from scoring_api.ahead.supposing import Supposing
from scoring_api.ahead.surveying import Surveying
from scoring_api.answers.listing import Listing
from scoring_api.answers.matching import Matching
from scoring_api.answers.memory import Memory
from scoring_api.answers.reading import Reading
from scoring_api.answers.remembering import Remembering, Watch
from scoring_api.dependencies import Doors, NoKeysInAddresses
from scoring_api.documents.activating import Activating
from scoring_api.documents.cataloguing import Catalogue
from scoring_api.documents.checking import ModelDocumentInvalid
from scoring_api.documents.founding import FirstModelMissing, Founding, VersionTaken, read_founding
from scoring_api.documents.previewing import Previewing
from scoring_api.entering import Entering
from scoring_api.evidencing import Evidencing
from scoring_api.past.comparing import Comparing
from scoring_api.past.recalling import Recalling
from scoring_api.past.recounting import Recounting
from scoring_api.past.restating import Restating
from scoring_api.people.speaking import Speaking
from scoring_api.people.words import People
from scoring_api.problems import TABLE
from scoring_api.routers import (
    accounts,
    audiences,
    changes,
    explaining,
    feedback,
    health,
    milestones,
    models,
    people,
    restatements,
    short,
)
from scoring_api.routers.pages import pages_app
from scoring_api.scores import rescoring
from scoring_api.scores.lineup import KeptLineUps, LineUps
from scoring_api.service import build
from scoring_api.settings import SCHEMA, ScoringSettings

NAME = "scoring-api"
DESCRIPTION = """Health scores of customer accounts that explain themselves. Every figure comes with its band,
its confidence, its reasons, the version of the model that made it, and the moment it speaks of."""

TAGS = {
    "accounts": "Scores of accounts: one and many.",
    "explanations": "Why, when, what changed, and what if.",
    "people": "What people say above a score: overrides, pulses, notes, doubts and answers.",
    "milestones": "Plans: what is reached, what is late and through whom, when the rest may be done.",
    "changes": "What moved, as a feed to follow.",
    "models": "The policy behind the scores, as documents.",
    "restatements": "The past, told anew with today's records by any model, beside what was known.",
}


def create(settings: ScoringSettings, founding: Founding) -> Application:
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
            lineups = KeptLineUps(founding)
            await lineups.found(patient)
            restating = build(settings, lineups, pool, hints).restating
            app.state.keys = KeyRing(pool, SCHEMA)
            app.state.readiness = Readiness(pool, hints, SCHEMA, settings.run_id)
            app.state.idempotency = Idempotency(pool, Vault(settings.secret_key.get_secret_value()))
            app.state.doors = pages.state.doors = open_doors(settings, lineups, app.state.keys, hints, restating)
            await stack.enter_async_context(_watch(settings, app.state.doors.remembering.memory).running())
            await stack.enter_async_context(announced(NAME))
            yield

    app = new_app("Milepost scoring API", DESCRIPTION, lifespan, TABLE, tags=TAGS, home="/app/")
    _add_routes(app)
    _add_pages(app, pages)
    behind = RequestContext(ContentTags(app), app)
    return NoKeysInAddresses(HotRoutes(behind, [health.hot_route(app.state)]))


def _add_routes(app: FastAPI) -> None:
    """Put every door of the API in its place."""
    app.include_router(models.public)
    for part in (accounts, audiences, milestones, explaining, people, feedback, changes, models, restatements):
        app.include_router(part.router)
    for router in (models.deciding, models.documents):
        app.include_router(router)
    # Last: what is asked for in the place of an account is its name, unless another route says otherwise.
    app.include_router(short.router)
    add_operations(app)


def _add_pages(app: FastAPI, pages: Starlette) -> None:
    """Put the screens beside the API."""
    for path in ("/", "/app"):
        app.add_api_route(path, _to_portfolio, methods=["GET"], include_in_schema=False)
    app.mount("/app", pages)


def open_doors(settings: ScoringSettings, lineups: LineUps, keys: KeyRing, hints: Hints, restating: Restating) -> Doors:
    """Return the use cases over the pool of the keys."""
    vault = Vault(settings.secret_key.get_secret_value())
    reading = Reading(keys.pool)
    recalling = Recalling(keys.pool, reading, lineups, settings.public_url_scoring.rstrip("/"))
    catalogue = Catalogue(keys.pool, lineups, vault)
    speaking, charting = Speaking(keys.pool, hints, vault, reading), Charting(keys.pool, reading, lineups)
    return Doors(
        reading=reading,
        remembering=Remembering(reading, Memory(settings.scoring_memory_mib * 2**20)),
        listing=Listing(keys.pool, vault),
        matching=Matching(keys.pool),
        evidencing=Evidencing(keys.pool, reading, catalogue, recalling),
        catalogue=catalogue,
        activating=Activating(keys.pool, hints, catalogue, rescoring.LANE),
        previewing=Previewing(keys.pool, catalogue),
        entering=Entering(keys.pool, keys, vault, settings.environment),
        recalling=recalling,
        comparing=Comparing(recalling),
        supposing=Supposing(recalling),
        recounting=Recounting(keys.pool, reading),
        people=People.over(speaking, lineups, settings.scoring_steward),
        charting=charting,
        steering=Steering(speaking, charting),
        surveying=Surveying(keys.pool, lineups),
        restating=restating,
    )


def _watch(settings: ScoringSettings, memory: Memory) -> Watch:
    connect = functools.partial(open_connection, settings.database_url, SCHEMA, process=f"{NAME} memory")
    return Watch(memory, connect)


async def _pool(settings: ScoringSettings, size: int, statement_timeout_s: float) -> Pool:
    return await open_pool(
        settings.database_url, SCHEMA, process=f"{NAME} web", size=size, statement_timeout_s=statement_timeout_s
    )


def main() -> None:
    """Serve until told to stop; settings and model are refused before anything is opened."""
    with refusals_in_one_line(NAME, "web", ModelDocumentInvalid, FirstModelMissing, VersionTaken):
        settings = load(ScoringSettings)
        serve(NAME, settings, create(settings, read_founding(settings.scoring_model)), settings.scoring_port)


async def _to_portfolio() -> Response:
    return RedirectResponse("/app/", 307)


if __name__ == "__main__":
    main()
