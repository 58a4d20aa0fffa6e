"""What the scoring service needs to know beyond the house's settings; it reads nothing by itself."""

from pydantic import Field

from milepost_runtime.database import Schema
from milepost_runtime.settings import RuntimeSettings

SCHEMA = Schema(name="scoring", role="milepost_scoring", package="scoring_api", one_plan=True)


class ScoringSettings(RuntimeSettings):
    """Settings of `scoring_api`, read by both of its processes."""

    scoring_port: int = Field(default=8000, ge=0, le=65535)
    scoring_worker_port: int = Field(default=8100, ge=0, le=65535)
    public_url_scoring: str = ""
    # The score model that judges: the id of a shipped model, or the path of a file.
    scoring_model: str = "b2b-onboarding"
    # Who answers doubts about the scores of accounts that have no owner.
    scoring_steward: str = Field(default="model owner", min_length=1, max_length=200)
    # Told later than this after it happened, an event is history: it starts no outreach.
    scoring_late_after_hours: float = Field(default=48.0, gt=0)
    # So often the peers are gathered that percentiles and medians compare with.
    scoring_peers_hours: float = Field(default=1.0, gt=0)
    # Silence is looked at when it moves a score; however quiet an account is, its score is looked at after this long.
    scoring_look_again_hours: float = Field(default=24.0, gt=0)
    # Health documents that are ready in the memory of the web process take up to this many MiB; 0 remembers none.
    scoring_memory_mib: int = Field(default=128, ge=0, le=16_384)
