"""The lanes that the worker drains, in the order in which one event passes them; the use cases do the work."""

from collections.abc import Sequence

from milepost_runtime.lanes import Lane
from scoring_api.service import Scoring


def lanes(scoring: Scoring) -> Sequence[Lane]:
    """Return the lanes: first what happened is recorded, then the accounts that it touched are rescored."""
    return scoring.recording.lane, scoring.rescoring.lane, scoring.housekeeping.lane, scoring.restating.lane
