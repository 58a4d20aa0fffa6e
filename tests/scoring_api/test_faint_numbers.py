"""Claims about numbers next to nothing and beyond all counting: each account still gets a score that can be kept."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import numpy as np
import pytest
from support.feed_reading import Feed, Look, read_feed
from support.histories import Told, new_account, tell

from milepost_core.model import ScoreModel, parse_model
from milepost_core.readings import Status
from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from scoring_api.queries.signals.measuring import Batch, measure
from scoring_api.queries.signals.statement import compile_model
from scoring_api.scores.recording import Recording

MAKE = Callable[[ScoreModel], Recording]
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=205)
USED = {"type": "feature.used"}
OVER_SEATS = {"agg": "ratio", "num": {"agg": "sum", "where": USED}, "den": "seats"}
FADED = {"agg": "decayed_sum", "where": USED, "half_life": 1}
SOURCES: dict[str, dict[str, Any]] = {
    "plain": OVER_SEATS,
    "capped": OVER_SEATS | {"max": 3},
    "told": OVER_SEATS | {"zero_den": 0.25},
    "sum": {"agg": "sum", "where": USED},
    "mean": {"agg": "mean", "where": USED},
    "own": {"agg": "sum", "where": USED, "value": "amount"},
    "faded": FADED,
    "quickly": FADED | {"half_life": 0.15},
    "both": {"agg": "ratio", "num": FADED, "den": FADED | {"half_life": 1.01}},
    "progress": {"agg": "milestone_progress", "late_penalty_per_day": 0.3, "late_floor": 0.1},
}
LARGE, SMALLEST = 9e14, 5e-324


def every_source() -> ScoreModel:
    curve = {"kind": "saturating", "half_at": 3}
    signals = [{"id": name, "dimension": "d", "source": one, "normalise": curve} for name, one in SOURCES.items()]
    return parse_model({"dimensions": [{"id": "d", "weight": 1}], "signals": signals})


async def found(
    owner: asyncpg.Connection, pool: Pool, make: MAKE, seats: float, values: list[float]
) -> dict[str, tuple[Status, float]]:
    """What each source reads, after the statement and the slow reading have agreed on all of them."""
    model, account = every_source(), new_account()
    weighed = {"weight": SMALLEST, "due_at": (START + timedelta(days=1)).isoformat()}
    told = [
        Told(account, "account.started", START, properties={"seats": seats}, event_id=f"{account}:start"),
        Told(account, "milestone.planned", START, item="k", properties=weighed, event_id=f"{account}:plan"),
        Told(account, "milestone.completed", START + timedelta(days=3), item="k", event_id=f"{account}:done"),
        *(
            Told(account, "feature.used", START + timedelta(hours=at), value=one, properties={"amount": one},
                 event_id=f"{account}:{at}")
            for at, one in enumerate(values)
        ),
    ]  # fmt: skip
    await tell(owner, told)
    await drain(pool, make(model).lane)
    async with pool.acquire() as connection:
        readings, _ = await measure(connection, compile_model(model), Batch([account], [NOW]))
    slow, _ = read_feed(Feed([one for one in told if one.type != "milestone.planned"]), model, Look(NOW))
    places = {name: place for place, name in enumerate(SOURCES) if name != "progress"}
    for name, place in places.items():
        assert readings.status[0, place] == slow.status[0, place], name
        assert readings.raw[0, place] == pytest.approx(slow.raw[0, place], rel=1e-9, abs=1e-305, nan_ok=True), name
    assert not np.isinf(readings.raw).any()
    return {name: (Status(int(readings.status[0, at])), float(readings.raw[0, at])) for at, name in enumerate(SOURCES)}


@pytest.mark.parametrize("seats", [1e-320, 1e-300])
async def test_what_is_divided_by_next_to_nothing_is_divided_by_nothing(
    owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE, seats: float
) -> None:
    read = await found(owner, scoring_pool, recorder, seats, [LARGE])
    assert read["plain"][0] is Status.ZERO_DENOMINATOR
    assert read["told"] == (Status.OK, 0.25)


async def test_a_cap_holds_however_small_the_denominator(
    owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE
) -> None:
    assert (await found(owner, scoring_pool, recorder, 1e-300, [LARGE]))["capped"] == (Status.OK, 3.0)
    assert (await found(owner, scoring_pool, recorder, 1e-300, [-LARGE]))["capped"][0] is Status.ZERO_DENOMINATOR


async def test_numbers_next_to_nothing_add_up_to_nothing(
    owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE
) -> None:
    read = await found(owner, scoring_pool, recorder, 5, [SMALLEST, 0, 0, 1e-300])
    assert read["faded"] == (Status.OK, 0.0)
    assert read["mean"] == (Status.OK, pytest.approx(2.5e-301))
    assert (await found(owner, scoring_pool, recorder, 5, [SMALLEST, 0, 0]))["mean"] == (Status.OK, 0.0)


async def test_a_milestone_that_weighs_next_to_nothing_weighs_nothing(
    owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE
) -> None:
    assert (await found(owner, scoring_pool, recorder, 5, [1]))["progress"][0] is Status.NOTHING_DUE


async def test_a_sum_fades_for_a_thousand_half_lives_and_its_ratio_stays(
    owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE
) -> None:
    read = await found(owner, scoring_pool, recorder, 5, [3])
    assert read["faded"] == (Status.OK, pytest.approx(3 * 2.0**-205, rel=1e-12))
    assert read["both"] == (Status.OK, pytest.approx(2.0 ** (205 / 1.01 - 205), rel=1e-12))
    assert read["quickly"] == (Status.OK, 0.0), "1,367 half-lives are beyond what a float holds"


async def test_what_has_no_end_is_no_measurement(owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE) -> None:
    model, account = every_source(), new_account()
    await tell(owner, [Told(account, "feature.used", START, value=1)])
    await drain(scoring_pool, recorder(model).lane)
    await owner.execute("update scoring.record set value = 'infinity' where account_id = $1", account)
    async with scoring_pool.acquire() as connection:
        readings, _ = await measure(connection, compile_model(model), Batch([account], [NOW]))
    place = list(SOURCES).index("sum")
    assert (readings.status[0, place], np.isnan(readings.raw[0, place])) == (Status.NO_DATA, True)
