"""The worker process of the scoring service: `python -m scoring_api.worker`; it holds no rule of the domain."""

from collections.abc import Sequence

from milepost_runtime.database import Pool
from milepost_runtime.entry import refusals_in_one_line
from milepost_runtime.lanes import Lane
from milepost_runtime.queue import Hints
from milepost_runtime.settings import load
from milepost_runtime.worker import run, run_worker
from scoring_api import jobs
from scoring_api.documents.checking import ModelDocumentInvalid
from scoring_api.documents.founding import FirstModelMissing, VersionTaken, read_founding
from scoring_api.scores.lineup import KeptLineUps
from scoring_api.service import build
from scoring_api.settings import SCHEMA, ScoringSettings

SERVICE = "scoring-api"


def work(settings: ScoringSettings) -> None:
    """Read the model, then work until told to stop. Raises SchemaTooOld, RolesMissing, StoreUnusable, and as
    `read_founding`.
    """
    lineups = KeptLineUps(read_founding(settings.scoring_model))

    def lanes(pool: Pool, hints: Hints) -> Sequence[Lane]:
        return jobs.lanes(build(settings, lineups, pool, hints))

    port = settings.scoring_worker_port
    run(run_worker(SERVICE, settings, SCHEMA, lanes, health_port=port, begin=lineups.found))


def main() -> None:
    """Run until told to stop; settings and model are refused before anything is touched."""
    with refusals_in_one_line(SERVICE, "worker", ModelDocumentInvalid, FirstModelMissing, VersionTaken):
        work(load(ScoringSettings))


if __name__ == "__main__":
    main()
