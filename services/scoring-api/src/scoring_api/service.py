"""The use cases that make scores, built once from settings; it starts nothing."""

from dataclasses import dataclass
from datetime import timedelta

from milepost_runtime.database import Pool
from milepost_runtime.queue import Hints
from milepost_runtime.secrets import Vault
from scoring_api.past.restating import Restating
from scoring_api.queries.marks import Arrival
from scoring_api.scores import rescoring
from scoring_api.scores.crossing import ARRIVES_WITHIN
from scoring_api.scores.gathering import Gathering
from scoring_api.scores.housekeeping import Housekeeping
from scoring_api.scores.lineup import LineUps
from scoring_api.scores.recording import Recording
from scoring_api.scores.rescoring import Rescoring
from scoring_api.settings import ScoringSettings


@dataclass(frozen=True)
class Scoring:
    """What the scoring service does without being asked."""

    recording: Recording
    housekeeping: Housekeeping
    rescoring: Rescoring
    restating: Restating


def build(settings: ScoringSettings, lineups: LineUps, pool: Pool, hints: Hints) -> Scoring:
    """Return the use cases over one pool, judging by the models in charge."""
    judge = Rescoring(
        pool=pool,
        hints=hints,
        lineups=lineups,
        base_url=settings.public_url_scoring.rstrip("/"),
        look_again=timedelta(hours=settings.scoring_look_again_hours),
    )
    recorder = Recording(
        pool=pool,
        hints=hints,
        arrival=Arrival(timedelta(hours=settings.scoring_late_after_hours), ARRIVES_WITHIN),
        rescore_lane=rescoring.LANE,
        look_back=judge.mark_outdated,
    )
    gathering = Gathering(pool, hints, lineups, timedelta(hours=settings.scoring_peers_hours), rescoring.LANE)
    restating = Restating(pool, hints, lineups, Vault(settings.secret_key.get_secret_value()))
    return Scoring(recorder, Housekeeping(pool, gathering), judge, restating)
