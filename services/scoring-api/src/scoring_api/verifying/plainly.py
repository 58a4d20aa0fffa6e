"""Examples that need no account: bands over a series of scores, two profiles, rounding what is shown; pure law."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from milepost_core.explanation import GATES
from milepost_core.explanation.rounding import apportion
from milepost_core.model import Band, Bands
from milepost_core.transitions import BandState, advance_band
from scoring_api.verifying.cases import REMARKS, Json, NotUnderstood, unknown_keys
from scoring_api.verifying.comparing import Either, alike
from scoring_api.verifying.moments import required
from scoring_api.verifying.reasoning import movement, profile_from

FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_PARAMETERS = tuple(one.name for one in fields(Bands))
_EVALUATION = ("day", "t", "at", "score", "display", "gated", "gate", "unknown", "band")
_LINES = ("contributions", "lines", "phi", "drivers", "points")
_SIDES = (("before", "after"), ("earlier", "later"), ("profile_0", "profile_1"), ("t0", "t1"), ("first", "second"))
_COLUMNS = (("e0", "y0", "e1", "y1"), ("weights_0", "points_0", "weights_1", "points_1"),
            ("weights_before", "points_before", "weights_after", "points_after"),
            ("weights_before", "y_before", "weights_after", "y_after"),
            ("e_before", "y_before", "e_after", "y_after"))  # fmt: skip


def is_plain(said: Json) -> bool:
    """Tell whether an example speaks of no account."""
    return not any(key in said for key in ("account", "accounts"))


def answer_plain(said: Json) -> dict[str, Any]:
    """Return what the law says of an example without accounts. Raises NotUnderstood."""
    given = said["input"] if isinstance(said.get("input"), Mapping) else said
    remarks = REMARKS | {"expected", "tolerance", "input"}
    if "series" in given:
        unknown_keys(given, remarks | {"series", "params", "bands", "model", "start"}, "")
        return _series(given)
    sides = _profiles(given)
    if sides is not None:
        unknown_keys(given, remarks | {name for pair in (*_SIDES, *_COLUMNS) for name in pair}, "")
        before, after = (profile_from(one, f"/{name}") for name, one in zip(("before", "after"), sides, strict=True))
        return movement(before, after, [*before.weights, *after.weights])
    if any(key in given for key in _LINES):
        unknown_keys(given, remarks | {*_LINES, "baseline", "baseline_score", "S0", "score", "S", "gates"}, "")
        return _shown(given)
    raise NotUnderstood("/: speaks of no account, no series of scores, no two profiles and no lines to show")


def _series(given: Json) -> dict[str, Any]:
    bands = _parameters(given)
    state: BandState | None = None
    told: list[str] = []
    moves: list[list[Any]] = []
    waiting: list[str | None] = []
    for place, (at, said_at, score, gated) in enumerate(_evaluations(given["series"])):
        was = state
        state = advance_band(state, bands, score, score is None, at, gated)
        told.append(Band.UNKNOWN.value if score is None else state.band.value)
        waiting.append(state.direction)
        if place and was is not None and was.band is not state.band:
            moves.append([said_at, state.band.value])
    return {
        **alike(("bands", "band", "series"), told),
        **alike(("final", "final_band", "last"), told[-1] if told else None),
        **alike(("changes", "band_changes", "n_changes", "commits"), Either((len(moves), moves))),
        **alike(("pending", "direction", "directions"), waiting),
    }


def _parameters(given: Json) -> Bands:
    said = given.get("params") or given.get("bands") or (given.get("model") or {}).get("bands") or {}
    unknown_keys(said, _PARAMETERS, "/params")
    return Bands(**{"green": 70.0, "yellow": 40.0, **said})


def _evaluations(series: Sequence[Any]) -> Iterator[tuple[datetime, Any, float | None, bool]]:
    """Yield moment, the moment as it was written, displayed score (None: unknown), and whether a gate holds it."""
    for place, one in enumerate(series):
        if isinstance(one, Mapping):
            unknown_keys(one, _EVALUATION, f"/series/{place}")
            at = next((one[key] for key in ("day", "t", "at") if key in one), place)
            score = None if one.get("unknown") else one.get("display", one.get("score"))
            gated = bool(one.get("gated", one.get("gate", False)))
        elif isinstance(one, list) and len(one) in (2, 3):
            at, score, gated = one[0], one[1], bool(one[2]) if len(one) == 3 else False
        else:
            at, score, gated = place, one, False
        if score == Band.UNKNOWN.value:
            score = None
        if score is not None and (isinstance(score, bool) or not isinstance(score, int | float)):
            raise NotUnderstood(f"/series/{place}: is no score")
        yield required(at, FIRST_DAY), at, score, gated


def _profiles(given: Json) -> tuple[Json, Json] | None:
    """Both sides of a comparison as an example gives them by their numbers; None if it gives none."""
    for first, second in _SIDES:
        if isinstance(given.get(first), Mapping) and isinstance(given.get(second), Mapping):
            return given[first], given[second]
    for e0, y0, e1, y1 in _COLUMNS:
        if all(isinstance(given.get(key), Mapping) for key in (e0, y0, e1, y1)):
            return {"weights": given[e0], "points": given[y0]}, {"weights": given[e1], "points": given[y1]}
    return None


def _shown(given: Json) -> dict[str, Any]:
    """Lines as they are shown: tenths that add up."""
    lines = next(given[key] for key in _LINES if key in given)
    baseline = next((given[key] for key in ("baseline", "baseline_score", "S0") if key in given), None)
    if not isinstance(lines, Mapping) or not isinstance(baseline, int | float):
        raise NotUnderstood("/contributions: no lines by signal with a baseline")
    exact = {name: float(points) for name, points in lines.items()}
    if isinstance(given.get("gates"), int | float):
        exact[GATES] = float(given["gates"])
    score = next((given[key] for key in ("score", "S") if key in given), baseline + sum(exact.values()))
    shown = apportion(float(baseline), exact, float(score))
    return {
        **alike(("display_contributions", "contributions", "displayed", "lines", "shown"), dict(shown.lines)),
        **alike(("display_baseline", "baseline"), shown.baseline),
        **alike(("display_score", "score", "display"), shown.score),
        **alike(("display_sum", "sum"), round(shown.baseline + sum(shown.lines.values()), 9)),
        "sum_check": round(shown.baseline + sum(shown.lines.values()) - shown.score, 9),
    }
