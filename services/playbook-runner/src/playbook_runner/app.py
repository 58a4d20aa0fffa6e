"""The web process of the runner: `python -m playbook_runner.app`; it works through no lane."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from milepost_runtime.database import open_pool, require_schema
from milepost_runtime.entry import refusals_in_one_line
from milepost_runtime.health import Readiness
from milepost_runtime.hot import Application
from milepost_runtime.idempotency import Idempotency
from milepost_runtime.keys import KeyRing
from milepost_runtime.queue import Hints
from milepost_runtime.secrets import Vault
from milepost_runtime.settings import load
from milepost_runtime.web import RequestContext, add_operations, announced, new_app, serve
from playbook_runner.problems import TABLE
from playbook_runner.routers import (
    approvals,
    control,
    destinations,
    effects,
    in_app,
    ledger,
    outlets,
    people,
    playbooks,
    policy,
    rehearsals,
    runs,
    samples,
    suppressions,
    tasks,
    unsubscribe,
)
from playbook_runner.service import build_runner, scoring_http
from playbook_runner.settings import SCHEMA, RunnerSettings

DESCRIPTION = """Outreach that is never sent twice and can say why it was not sent. Playbooks answer changes of an
account's health; every reason to write to somebody ends in the ledger."""
TAGS = {
    "playbooks": "The documents that say when to write, to whom, and when to stop.",
    "runs": "One playbook at work for one account, step by step.",
    "ledger": "What became of every reason to write, and why somebody was not written to.",
    "in-app": "Messages that a product shows to its own people.",
    "effects": "Changes outside, each performed once; those in doubt wait for a person.",
    "tasks": "Work for people: who does it, by when, and what became of it.",
    "approvals": "Gates before steps, which a person opens or keeps shut.",
    "outlets": "Connections to where effects go, and what CRMs are told of health.",
    "suppressions": "Who is left alone, by whose word, and until when.",
    "unsubscribe": "The way out below every mail.",
    "policy": "How often and at which hours people are written to.",
    "people": "Who works here, where they live in time, and who stands in.",
    "rehearsals": "What a playbook would have done, or would do; nothing comes of it.",
    "control": "The one switch over all outreach.",
}
ROUTES = (
    playbooks, runs, ledger, effects, outlets, destinations, control, in_app, samples, tasks, approvals, rehearsals,
    suppressions, unsubscribe, policy, people,
)  # fmt: skip


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
            app.state.idempotency = Idempotency(pool, Vault(settings.secret_key.get_secret_value()))
            app.state.readiness = Readiness(pool, hints, SCHEMA, settings.run_id)
            app.state.runner = build_runner(settings, pool, hints, client)
            stack.push_async_callback(app.state.runner.setting_up.admitting.settled)
            await stack.enter_async_context(announced("playbook-runner"))
            yield

    app = new_app("Milepost playbook API", DESCRIPTION, lifespan, TABLE, tags=TAGS)
    for routes in ROUTES:
        app.include_router(routes.router)
    app.include_router(playbooks.deciding)
    app.include_router(runs.making)
    add_operations(app)
    return RequestContext(app, app)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    with refusals_in_one_line("playbook-runner", "web"):
        settings = load(RunnerSettings)
        serve("playbook-runner", settings, build(settings), settings.runner_port)


if __name__ == "__main__":
    main()
