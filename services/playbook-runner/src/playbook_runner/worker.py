"""The working process of the runner: `python -m playbook_runner.worker`; it serves no API."""

from milepost_runtime import logging
from milepost_runtime.database import open_pool, require_schema
from milepost_runtime.entry import refusals_in_one_line
from milepost_runtime.settings import load
from milepost_runtime.worker import run, run_worker
from playbook_runner.actions import message
from playbook_runner.documents.checking import PlaybookDocumentInvalid, shipped
from playbook_runner.documents.keeping import ACTIVE_AT_FIRST, Keeping
from playbook_runner.jobs import lanes
from playbook_runner.runs.starting import ensure_feed_cursor
from playbook_runner.runs.waking import ensure_wake_cursors
from playbook_runner.runs.watching import ensure_watching
from playbook_runner.service import build_runner, scoring_http
from playbook_runner.settings import SCHEMA, RunnerSettings

SERVICE = "playbook-runner"


async def prepare(settings: RunnerSettings) -> None:
    """Bring in the shipped playbooks and a cursor. Raises SchemaTooOld, PlaybookDocumentInvalid, MailBuilderUnsafe."""
    message.self_test()
    pool = await open_pool(settings.database_url, SCHEMA, process=f"{SERVICE} preparing", size=1)
    async with pool:
        await require_schema(pool, SCHEMA)
        await Keeping(pool).stock(shipped(), ACTIVE_AT_FIRST)
        await ensure_feed_cursor(pool)
        await ensure_watching(pool)
        await ensure_wake_cursors(pool)


async def work(settings: RunnerSettings) -> None:
    """Prepare, then work until told to stop."""
    logging.configure(SERVICE, "worker", settings)
    await prepare(settings)
    async with scoring_http(settings) as client:
        await run_worker(
            SERVICE,
            settings,
            SCHEMA,
            lambda pool, hints: lanes(build_runner(settings, pool, hints, client)),
            health_port=settings.runner_worker_port,
        )


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    with refusals_in_one_line(SERVICE, "worker", PlaybookDocumentInvalid, message.MailBuilderUnsafe):
        run(work(load(RunnerSettings)))


if __name__ == "__main__":
    main()
