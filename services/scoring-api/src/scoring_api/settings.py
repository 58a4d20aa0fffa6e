"""What the scoring service needs to know beyond the house's settings; it reads nothing by itself."""

from pydantic import Field

from milepost_runtime.database import Schema
from milepost_runtime.settings import RuntimeSettings

SCHEMA = Schema(name="scoring", role="milepost_scoring", package="scoring_api")


class ScoringSettings(RuntimeSettings):
    """Settings of `scoring_api`, read by both of its processes."""

    scoring_port: int = Field(default=8000, ge=0, le=65535)
    scoring_worker_port: int = Field(default=8100, ge=0, le=65535)
    public_url_scoring: str = ""
    # The score model that judges: the id of a shipped model, or the path of a file.
    scoring_model: str = "b2b-onboarding"
    # Told later than this after it happened, an event is history: it starts no outreach.
    scoring_late_after_hours: float = Field(default=48.0, gt=0)
    # However quiet an account is, its score is looked at again after this long.
    scoring_look_again_hours: float = Field(default=6.0, gt=0)
