"""The law by itself: a million accounts of twenty signals on one core, beside a bare sketch of the arithmetic.

Run it: `python tests/benchmarks/law_alone.py [accounts] [rows at once]`. It needs no store and starts nothing.
"""

import os
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402 - the libraries read the number of threads when they are loaded

from milepost_core.explanation.contributions import contributions, dearest  # noqa: E402
from milepost_core.model import ScoreModel, parse_model  # noqa: E402
from milepost_core.readings import Readings, Status  # noqa: E402
from milepost_core.scoring import Population, score  # noqa: E402

ACCOUNTS = 1_000_000
ROWS = 16_384
CEILING_S = 4.0
CEILING_BYTES = 2 * 1024**3
WEIGHTS = {
    "early": [15, 45, 15, 20, 5],
    "activation": [30, 25, 20, 15, 10],
    "value": [40, 10, 20, 15, 15],
}
DIMENSIONS = ["usage", "onboarding", "support", "engagement", "commercial"]
CURVES: list[dict[str, Any]] = [
    {"kind": "piecewise", "points": [[0, 0], [3, 70], [9, 100]]},
    {"kind": "piecewise", "points": [[1, 100], [5, 20], [6, 0]]},
    {"kind": "band", "low": 0, "ok_from": 2, "ok_to": 4, "high": 9, "floor_low": 10, "floor_high": 5},
    {"kind": "saturating", "half_at": 2},
    {"kind": "piecewise", "points": [[0, 0], [2, 40], [5, 80], [10, 100]]},
]


@dataclass(frozen=True)
class Took:
    seconds: float
    kept: int


def model_of_twenty() -> ScoreModel:
    """Five dimensions of four signals each, three stages that fade into one another, two gates."""
    days = [0, 30, 90, None]
    return parse_model(
        {
            "format": "health-score-model/1",
            "id": "twenty",
            "version": 1,
            "min_coverage": 0.5,
            "dimensions": [{"id": name, "weight": 20, "min_coverage": 0.4} for name in DIMENSIONS],
            "stages": [
                {
                    "id": name,
                    "age_days": days[place : place + 2],
                    "weights": dict(zip(DIMENSIONS, weights, strict=True)),
                    "transition_days": 10 if place else 0,
                }
                for place, (name, weights) in enumerate(WEIGHTS.items())
            ],
            "signals": [_signal(place) for place in range(20)],
            "gates": [_gate("capped", cap_score=69.9), _gate("minus", subtract=15)],
            "bands": {"green": 70, "yellow": 40},
        }
    )


def _signal(place: int) -> dict[str, Any]:
    more: dict[str, Any] = {"missing": "neutral"} if place in (7, 13) else {}
    if place == 5:
        more["stale"] = {"half_life_days": 90}
    return {
        "id": f"s{place}",
        "dimension": DIMENSIONS[place % 5],
        "weight": 1 + place % 3,
        "source": {"agg": "time_to_first" if place == 11 else "last", "where": {"type": f"t{place}"}},
        "normalise": CURVES[1 if place == 11 else place % 5],
        **more,
    }


def _gate(name: str, **effect: float) -> dict[str, Any]:
    source = {"agg": "count", "where": {"type": name}}
    return {"id": name, "when": {"source": source, "op": ">=", "value": 1}, **effect}


def readings_of(model: ScoreModel, accounts: int, missing: float = 0.2) -> tuple[Readings, np.ndarray[Any, Any]]:
    """Readings of which a share is missing, one signal still awaited by many, a gate fired by a few, and ages."""
    rng = np.random.default_rng(5)
    shape = (accounts, len(model.columns))
    raw = np.empty(shape, order="F")
    status = np.zeros(shape, dtype=np.uint8, order="F")
    ages = np.empty(shape, order="F")
    for place in range(shape[1]):
        raw[:, place] = rng.random(accounts) * 10
        ages[:, place] = rng.random(accounts) * 60
        if place >= len(model.signals):
            raw[:, place] = rng.random(accounts) < 0.05
            continue
        gone = rng.random(accounts) < missing
        raw[gone, place] = np.nan
        status[gone, place] = Status.NEVER
    censored = np.zeros(shape, dtype=np.bool_, order="F")
    censored[:, 11] = (status[:, 11] == Status.OK) & (rng.random(accounts) < 0.5)
    return Readings(raw, None, status, censored, ages), rng.random(accounts) * 200


def batches(accounts: int, rows: int) -> Iterator[slice]:
    for start in range(0, accounts, rows):
        yield slice(start, min(start + rows, accounts))


def law(model: ScoreModel, readings: Readings, ages: np.ndarray[Any, Any], rows: int) -> Took:
    """Score everybody with drivers against a fixed baseline; keep score, band and the three dearest of each."""
    baseline = np.full(len(model.signals), 55.0)
    displays, bands = np.empty(ages.size), np.empty(ages.size, dtype=np.uint8)
    drivers = np.empty((ages.size, 3), dtype=np.int64)
    off = 0.0
    began = time.perf_counter()
    for part in batches(ages.size, rows):
        scores = score(model, Population(ages[part]), readings.slice(part))
        told = contributions(scores, baseline)
        places, _ = dearest(scores)
        displays[part], bands[part], drivers[part] = scores.display, scores.band, places
        off = max(off, _off(scores, told, baseline))
    seconds = time.perf_counter() - began
    assert off <= 1e-9, off
    return Took(seconds, int((~np.isnan(displays)).sum()))


def _off(scores: Any, told: np.ndarray[Any, Any], baseline: np.ndarray[Any, Any]) -> float:
    """How far baseline and drivers are from the first score of a batch."""
    weight = scores.effective_weight[0]
    total = float((weight * baseline).sum() + told[0].sum())
    return 0.0 if np.isnan(scores.raw_score[0]) else abs(total - float(scores.raw_score[0]))


def sketch(model: ScoreModel, readings: Readings, rows: int) -> Took:
    """The bare arithmetic: curves, weights, bands, the three dearest; nothing missing, no stages, no gates."""
    values = np.nan_to_num(readings.raw[:, : len(model.signals)], nan=3.0)
    weights = np.array([signal.weight for signal in model.signals])
    weights /= weights.sum()
    displays, drivers = np.empty(len(readings)), np.empty((len(readings), 3), dtype=np.int64)
    began = time.perf_counter()
    for part in batches(len(readings), rows):
        xs, ys = np.array([0.0, 3.0, 9.0]), np.array([0.0, 70.0, 100.0])
        y = np.empty((part.stop - part.start, len(model.signals)), order="F")
        for place in range(y.shape[1]):
            y[:, place] = np.interp(values[part, place], xs, ys)
        displays[part] = np.floor(np.round(y @ weights * 10.0, 8) + 0.5) / 10.0
        np.digitize(displays[part], (40.0, 70.0))
        (y - 55.0) * weights
        lost = (100.0 - y) * weights
        drivers[part] = np.argpartition(-lost, 3, axis=1)[:, :3]
    return Took(time.perf_counter() - began, displays.size)


def main(accounts: int = ACCOUNTS, rows: int = ROWS) -> int:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    model = model_of_twenty()
    readings, ages = readings_of(model, accounts)
    law(model, readings.slice(slice(0, rows)), ages[:rows], rows)
    took = min((law(model, readings, ages, rows) for _ in range(3)), key=lambda one: one.seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    bare = min((sketch(model, readings, rows) for _ in range(3)), key=lambda one: one.seconds)
    print(f"accounts              {accounts:>12,}  of 20 signals, {rows:,} at once, one core")
    print(f"law                   {took.seconds:>12.2f}  s (ceiling {CEILING_S:g}); {took.kept:,} have a score")
    print(f"peak of the process   {peak / 1024**2:>12,.0f}  MB with all readings in it (ceiling 2,048)")
    print(f"bare sketch           {bare.seconds:>12.2f}  s without missing values, stages, gates")
    print(f"law over sketch       {took.seconds / bare.seconds:>12.2f}  times")
    return 0 if took.seconds < CEILING_S and peak < CEILING_BYTES else 1


if __name__ == "__main__":
    sys.exit(main(*(int(one) for one in sys.argv[1:])))
