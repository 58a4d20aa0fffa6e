"""The web process of the runner: `python -m playbook_runner.app`; it works through no lane."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from milepost_runtime.database import open_pool, require_schema
from milepost_runtime.entry import refusals_in_one_line
from milepost_runtime.health import Readiness
from milepost_runtime.hot import Application
from milepost_runtime.keys import KeyRing
from milepost_runtime.queue import Hints
from milepost_runtime.settings import load
from milepost_runtime.web import RequestContext, add_operations, announced, new_app, serve
from playbook_runner.problems import TABLE
from playbook_runner.routers import control, effects, ledger, playbooks, runs
from playbook_runner.service import build_runner, scoring_http
from playbook_runner.settings import SCHEMA, RunnerSettings

DESCRIPTION = """Outreach that is never sent twice and can say why it was not sent. Playbooks answer changes of an
account's health; every reason to write to somebody ends in the ledger."""
TAGS = {
    "playbooks": "The documents that say when to write, to whom, and when to stop.",
    "runs": "One playbook at work for one account, step by step.",
    "ledger": "What became of every reason to write, and why somebody was not written to.",
    "effects": "Changes outside, each performed once; those in doubt wait for a person.",
    "control": "The one switch over all outreach.",
}


def build(settings: RunnerSettings) -> Application:
    """Return the whole web application; connections are opened by its lifespan."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            pool = await stack.enter_async_context(
                await open_pool(settings.database_url, SCHEMA, process="runner web", size=settings.database_pool_size)
            )
            await require_schema(pool, SCHEMA)
            hints = Hints(settings.redis_url)
            await hints.start()
            stack.push_async_callback(hints.close)
            client = await stack.enter_async_context(scoring_http(settings))
            app.state.keys = KeyRing(pool, SCHEMA)
            app.state.readiness = Readiness(pool, hints, SCHEMA, settings.run_id)
            app.state.runner = build_runner(settings, pool, hints, client)
            await stack.enter_async_context(announced("playbook-runner"))
            yield

    app = new_app("Milepost playbook API", DESCRIPTION, lifespan, TABLE, tags=TAGS)
    for router in (playbooks.router, runs.router, ledger.router, effects.router, control.router):
        app.include_router(router)
    add_operations(app)
    return RequestContext(app, app)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    with refusals_in_one_line("playbook-runner", "web"):
        settings = load(RunnerSettings)
        serve("playbook-runner", settings, build(settings), settings.runner_port)


if __name__ == "__main__":
    main()
