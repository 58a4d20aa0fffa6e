"""The worker process of the scoring service: `python -m scoring_api.worker`; it holds no rule of the domain."""

import asyncio
from collections.abc import Sequence

from milepost_runtime.database import Pool
from milepost_runtime.entry import refusals_in_one_line
from milepost_runtime.lanes import Lane
from milepost_runtime.queue import Hints
from milepost_runtime.settings import load
from milepost_runtime.worker import run_worker
from scoring_api import jobs
from scoring_api.cataloguing import load_catalogue
from scoring_api.lineup import KeptLineUps
from scoring_api.models import ModelDocumentInvalid
from scoring_api.service import build
from scoring_api.settings import SCHEMA, ScoringSettings

SERVICE = "scoring-api"


def work(settings: ScoringSettings) -> None:
    """Read the model, then work until told to stop. Raises SchemaTooOld, RolesMissing, StoreUnusable, and as
    `load_catalogue`.
    """
    lineups = KeptLineUps(load_catalogue(settings.scoring_model).founding)

    def lanes(pool: Pool, hints: Hints) -> Sequence[Lane]:
        return jobs.lanes(build(settings, lineups, pool, hints))

    asyncio.run(run_worker(SERVICE, settings, SCHEMA, lanes, health_port=settings.scoring_worker_port))


def main() -> None:
    """Run until told to stop; settings and model are refused before anything is touched."""
    with refusals_in_one_line(SERVICE, "worker", ModelDocumentInvalid, FileNotFoundError):
        work(load(ScoringSettings))


if __name__ == "__main__":
    main()
