"""The worker process of the scoring service: `python -m scoring_api.worker`; it holds no rule of the domain."""

import asyncio
from collections.abc import Sequence

from milepost_runtime.database import Pool
from milepost_runtime.lanes import Lane
from milepost_runtime.queue import Hints
from milepost_runtime.settings import load
from milepost_runtime.worker import run_worker
from scoring_api import jobs
from scoring_api.cataloguing import load_catalogue
from scoring_api.service import build
from scoring_api.settings import SCHEMA, ScoringSettings


def main() -> None:
    """Read settings and model, then work until told to stop; both are refused before anything is touched."""
    settings = load(ScoringSettings)
    model = load_catalogue(settings.scoring_model).active

    def lanes(pool: Pool, hints: Hints) -> Sequence[Lane]:
        return jobs.lanes(build(settings, model, pool, hints))

    asyncio.run(run_worker("scoring-api", settings, SCHEMA, lanes, health_port=settings.scoring_worker_port))


if __name__ == "__main__":
    main()
