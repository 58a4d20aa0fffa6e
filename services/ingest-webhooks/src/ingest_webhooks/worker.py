"""The working process: relays what was kept; it takes no request from outside."""

from collections.abc import Sequence

from ingest_webhooks.jobs import lanes
from ingest_webhooks.service import build
from ingest_webhooks.settings import SCHEMA, IngestSettings
from milepost_runtime.database import Pool
from milepost_runtime.entry import refusals_in_one_line
from milepost_runtime.lanes import Lane
from milepost_runtime.queue import Hints
from milepost_runtime.settings import load
from milepost_runtime.worker import run, run_worker

SERVICE = "ingest-webhooks"


def work(settings: IngestSettings) -> None:
    """Work until told to stop. Raises SchemaTooOld, RolesMissing, StoreUnusable."""

    def build_lanes(pool: Pool, hints: Hints) -> Sequence[Lane]:
        return lanes(build(settings, pool, hints))

    run(run_worker(SERVICE, settings, SCHEMA, build_lanes, health_port=settings.ingest_worker_port))


def main() -> None:
    """Run the worker until it is told to stop."""
    with refusals_in_one_line(SERVICE, "worker"):
        work(load(IngestSettings))


if __name__ == "__main__":
    main()
