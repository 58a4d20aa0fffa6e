"""The feed `scoring.change`: what moved on an account's score, as other services read it.

It never says what to do about a change, and it never carries the reasons: those are asked for over HTTP.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from milepost_contracts.health import Band

FEED = "scoring.change"

ChangeKind = Literal[
    "first_score",
    "band_changed",
    "score_moved",
    "journey_moved",
    "milestone_moved",
    "went_stale",
    "fresh_again",
]
Cause = Literal["live", "backfill", "silence", "model", "human"]


class ChangeRow(BaseModel):
    """One published row, in the order of `id`; a reader passes over a `kind` that it does not know.

    `cause` says what made the score move: `live` events, a `backfill` of history (steer nobody by it),
    `silence` (time passed and nothing came), another `model`, or a person's word (`human`: an override, a pulse).
    Bands are effective bands. `subject` names what moved if it is not the score: of `milestone_moved` the milestone,
    of `went_stale` and `fresh_again` the inputs; `detail` says from what to what (`journey_moved`: on_track, behind,
    stuck, done; `milestone_moved`: ahead, waiting, due, late, stuck, done; from done: it was taken back).
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    id: int
    account_id: UUID
    kind: ChangeKind | str
    from_band: Band | None = None
    to_band: Band
    from_score: float | None = None
    to_score: float | None = None
    cause: Cause
    model_id: str
    model_version: int
    as_of: datetime
    computed_at: datetime
    correlation_id: str = ""
    subject: str | None = None
    detail: dict[str, Any] = {}


# The columns of the published table in the order of ChangeRow, for readers that select by name.
COLUMNS = (
    "id, account_id, kind, from_band, to_band, from_score, to_score, cause, "
    "model_id, model_version, as_of, computed_at, correlation_id, subject, detail"
)
