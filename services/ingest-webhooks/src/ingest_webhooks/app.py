"""The web process: the front door and the inbox's API; it relays nothing."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from ingest_webhooks.problems import PROBLEMS
from ingest_webhooks.routers import (
    accounts,
    analytics,
    books,
    connections,
    deliveries,
    erasures,
    events,
    imports,
    mappings,
    replays,
    samples,
    webhooks,
)
from ingest_webhooks.service import build
from ingest_webhooks.settings import SCHEMA, IngestSettings
from milepost_runtime.database import open_pool, require_schema
from milepost_runtime.entry import refusals_in_one_line
from milepost_runtime.health import Readiness
from milepost_runtime.hot import Answer, Application, HotRoute, HotRoutes, Receive, Scope
from milepost_runtime.idempotency import Idempotency
from milepost_runtime.keys import KeyRing
from milepost_runtime.queue import Hints
from milepost_runtime.secrets import Vault
from milepost_runtime.settings import load
from milepost_runtime.web import RequestContext, add_operations, announced, new_app, serve

NAME = "ingest-webhooks"
DESCRIPTION = """The front door: providers deliver their webhooks here, and anyone with a key may tell what happened.
An answer comes after the commit, so what was accepted is kept; telling the same thing twice changes nothing."""
TAGS = {
    "webhooks": "Where providers deliver; the address of a connection is its `webhook_url`.",
    "events": "What happened, in our own plain words, from anywhere.",
    "analytics": "What people do in the product, from the analytics library that it has: only the host changes.",
    "connections": "A provider's account with its secret, which signs what it delivers.",
    "deliveries": "The inbox: what came and what became of it.",
    "books": "Whether all that was accepted is accounted for, and how fresh, late, much and whole each source is.",
    "imports": "History from a file, line by line, as fast as the database takes it.",
    "identity": "Which customer a reference means, and what waits until somebody says so.",
}


# Where bodies may last as long as their lines keep coming.
STREAMS = ((b"/imports/", b"/lines"),)


def create(settings: IngestSettings) -> Application:
    """Return the whole application, hot route first; its lifespan opens and closes everything."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool = await open_pool(settings.database_url, SCHEMA, process=f"{NAME} web", size=settings.database_pool_size)
        hints = Hints(settings.redis_url)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(pool.close)
            await require_schema(pool, SCHEMA)
            service = build(settings, pool, hints)
            await service.housekeeping.ready()
            for part in (hints, service.doors, service.intake, service.measuring):
                await part.start()
                stack.push_async_callback(part.close)
            await service.doors.refresh()
            app.state.service = service
            app.state.webhooks = webhooks.Webhooks(service)
            app.state.keys = KeyRing(pool, SCHEMA)
            app.state.idempotency = Idempotency(pool, Vault(settings.secret_key.get_secret_value()))
            app.state.readiness = Readiness(pool, hints, SCHEMA, settings.run_id)
            await stack.enter_async_context(announced(NAME))
            yield

    app = new_app("Milepost ingest API", DESCRIPTION, lifespan, PROBLEMS, tags=TAGS)
    doors = (webhooks, events, analytics, connections, mappings, samples, imports)
    for part in (*doors, deliveries, replays, books, accounts, erasures):
        app.include_router(part.router)
    add_operations(app)

    async def accept(scope: Scope, receive: Receive, request_id: str) -> Answer:
        door: webhooks.Webhooks = app.state.webhooks
        return await door.accept(scope, receive, request_id)

    hot = HotRoute(frozenset({"POST"}), webhooks.PREFIX, b"", "/webhooks/{source}/{connection}", accept)
    return HotRoutes(RequestContext(app, app), [hot])


def main() -> None:
    """Serve until told to stop."""
    with refusals_in_one_line(NAME, "web"):
        settings = load(IngestSettings)
        serve(NAME, settings, create(settings), settings.ingest_port, streams=STREAMS)


if __name__ == "__main__":
    main()
