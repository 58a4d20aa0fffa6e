"""Where accounts stood before the first day that is to be restated, so that bands do not depend on where it begins.

It judges nothing: it replays points that were restated before, and keeps none.
"""

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from math import ceil
from uuid import UUID

from milepost_core.model import Band, Bands, ScoreModel
from milepost_core.transitions import BandState, advance_band
from milepost_runtime.database import Connection
from scoring_api.queries import restated
from scoring_api.queries.restated import Stood


async def stood_before(
    connection: Connection, models: Sequence[ScoreModel], asked: Sequence[tuple[UUID, date, ScoreModel | None]]
) -> dict[UUID, BandState]:
    """Return the state of accounts before a day each, by what these models said of days before it.

    Args:
        models: who may have judged them.
        asked: account, first day, and who judges it on that day; where several judged an earlier day this one counts.

    Whoever has no earlier point with a band is missing. What waits for its dwell time has waited no longer than that
    by the last point with a band, so nothing older is read, and that much only of those who wait at all.
    """
    if not asked:
        return {}
    bands = {(one.id, one.version): one.bands for one in models}
    wanted = {account: (account, day, "" if model is None else model.id) for account, day, model in asked}
    found = _states(bands, await restated.before(connection, list(wanted.values()), list(bands), 0))
    waiting = [wanted[account] for account, state in found.items() if state.direction is not None]
    if waiting:
        dwell = max(max(one.dwell_up_days, one.dwell_down_days) for one in bands.values())
        found |= _states(bands, await restated.before(connection, waiting, list(bands), ceil(dwell) + 1))
    return found


def _states(bands: dict[tuple[str, int], Bands], rows: Sequence[Stood]) -> dict[UUID, BandState]:
    return {account: _state(bands, list(own)) for account, own in groupby(rows, key=lambda row: row.account_id)}


def _state(bands: dict[tuple[str, int], Bands], points: Sequence[Stood]) -> BandState:
    """Replay points, the first of them with a band; the band that was kept has the last word."""
    state: BandState | None = None
    for point in points:
        kept, known = Band(point.band), point.band != Band.UNKNOWN.value
        state = BandState(kept) if state is None else state
        judge = bands[point.model_id, point.model_version]
        state = advance_band(state, judge, point.score, not known, point.as_of)
        if known and state.band is not kept:
            state = BandState(kept)
    assert state is not None
    return state
