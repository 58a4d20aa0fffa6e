"""What a scored panel is worth: ranking, calibration, warning in time, stability; and what may be said of it in words.

Everything fitted (the probability) comes from training rows; every figure is of test rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from milepost_core.model import Band, ScoreModel
from milepost_core.transitions import BandState, advance_band
from milepost_core.validation import (
    Area,
    average_precision,
    brier,
    calibration_error,
    clustered_auc,
    fit_platt,
    kolmogorov_smirnov,
    lift,
)
from scoring_api.evaluating.panels import SIDES
from scoring_api.evaluating.scoring import Scored

Floats = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
TRAIN, TEST = SIDES.index("train"), SIDES.index("test")
DAY_S = 86400.0
_BANDS = (Band.RED, Band.YELLOW, Band.GREEN, Band.UNKNOWN)


def ranking(scored: Scored, rows: Flags) -> dict[str, Any]:
    """How well scores rank who leaves, over some rows; rows without a score are counted and left out."""
    known = rows & ~np.isnan(scored.exact)
    risk, label = -scored.exact[known], scored.label[known]
    found = {"rows": int(rows.sum()), "scored": int(known.sum()), "leaving": int(label.sum())}
    if not label.any() or label.all():
        return found | {"auc": None}
    area = clustered_auc(risk, label, scored.account[known])
    return found | {
        "accounts": int(np.unique(scored.account[known]).size),
        "base_rate": float(label.mean()),
        "auc": area_document(area),
        "average_precision": average_precision(risk, label),
        "lift_at_10_percent": lift(risk, label),
        "ks": kolmogorov_smirnov(risk, label),
    }


def area_document(area: Area) -> dict[str, float]:
    """An area with its interval as plain data."""
    return {"value": area.value, "low": area.low, "high": area.high}


def probability(scored: Scored) -> dict[str, Any] | None:
    """Fit the probability of leaving on training rows, and see how true it is on test rows; None without either."""
    known = ~np.isnan(scored.exact)
    train, test = known & (scored.side == TRAIN), known & (scored.side == TEST)
    if not train.any() or not test.any() or not scored.label[train].any() or scored.label[train].all():
        return None
    platt = fit_platt(scored.exact[train], scored.label[train])
    p, label = platt.probability(scored.exact[test]), scored.label[test]
    base = np.full(label.size, float(scored.label[train].mean()))
    return {
        "intercept": platt.intercept,
        "slope": platt.slope,
        "brier": brier(p, label),
        "brier_of_base_rate": brier(base, label),
        "ece": calibration_error(p, label),
        "predicted": float(p.mean()),
        "observed": float(label.mean()),
        "bins": _bins(p, label),
    }


def _bins(p: Floats, label: Flags) -> list[dict[str, float]]:
    order = np.argsort(p, kind="stable")
    parts = zip(np.array_split(p[order], 10), np.array_split(label[order], 10), strict=True)
    return [
        {"predicted": float(one.mean()), "observed": float(its.mean()), "rows": int(one.size)}
        for one, its in parts
        if one.size
    ]


def over_time(scored: Scored, journey: Sequence[Sequence[float]], looks: Sequence[str]) -> dict[str, Any]:
    """The ranking look by look, and over stretches of the journey (days since the start, both ends in)."""
    test = scored.side == TEST
    by_look = [
        {"look": name, "day": float(np.nanmedian(scored.age[mine])), **ranking(scored, mine)}
        for number, name in enumerate(looks)
        if (mine := test & (scored.look == number)).any()
    ]
    stretches = [
        {"from": low, "to": high, **ranking(scored, mine)}
        for low, high in journey
        if (mine := test & (scored.age >= low - 1e-6) & (scored.age <= high + 1e-6)).any()
    ]
    return {"looks": by_look, "journey": stretches}


@dataclass(frozen=True)
class Banded:
    """Bands of test rows as they follow one another: codes of `BANDS`, and how often they changed."""

    code: np.ndarray[Any, np.dtype[np.int8]]
    rows: np.ndarray[Any, np.dtype[np.int64]]
    changes: int


def follow_bands(scored: Scored, model: ScoreModel) -> Banded:
    """Let bands follow one another account by account, look by look, by the model's margins and dwell times."""
    rows = np.flatnonzero(scored.side == TEST)
    rows = rows[np.lexsort((scored.moment[rows], scored.account[rows]))]
    code, changes = np.empty(rows.size, np.int8), 0
    account, display, lit = scored.account[rows].tolist(), scored.display[rows].tolist(), scored.lit[rows].tolist()
    moments = [datetime.fromtimestamp(at, UTC) for at in scored.moment[rows].tolist()]
    state: BandState | None = None
    for at in range(rows.size):
        before = state if at and account[at] == account[at - 1] else None
        shown = display[at] if display[at] == display[at] else None
        state = advance_band(before, model.bands, shown, not lit[at] or shown is None, moments[at])
        known = lit[at] and shown is not None
        code[at] = _BANDS.index(state.band) if known else 3
        changes += before is not None and before.band is not Band.UNKNOWN and before.band is not state.band
    return Banded(code, rows, changes)


def warnings(scored: Scored, banded: Banded, left_at: Floats) -> dict[str, Any]:
    """Who was warned of before leaving, how long before, and how steady bands were.

    `left_at` is the moment each account left, in seconds; NaN for those who stayed. Who leaves is who was looked at
    within the horizon before leaving; caught is who was in the band at any look before that.
    """
    account, moment, label = scored.account[banded.rows], scored.moment[banded.rows], scored.label[banded.rows]
    leavers = np.unique(account[label])
    stayers = np.setdiff1d(np.unique(account), np.unique(account[~np.isnan(left_at[account])]))
    found: dict[str, Any] = {"leavers": int(leavers.size), "stayers": int(stayers.size)}
    for name, wanted in (("red", (0,)), ("yellow_or_red", (0, 1))):
        inside = np.isin(banded.code, wanted)
        first = _first(account[inside], moment[inside], left_at.size)
        lead = (left_at[leavers] - first[leavers]) / DAY_S
        caught = lead > 0
        found[name] = {
            "caught": float(caught.mean()) if leavers.size else None,
            "caught_30_days_before": float((lead >= 30).mean()) if leavers.size else None,
            "median_lead_days": float(np.median(lead[caught])) if caught.any() else None,
            "lead_days": [round(float(one), 2) for one in lead[caught]],
            "stayers_ever": float(np.isin(stayers, account[inside]).mean()) if stayers.size else None,
        }
    return found | _by_band(banded, label) | _steadiness(account, moment, banded.changes)


def _first(account: np.ndarray[Any, Any], moment: Floats, accounts: int) -> Floats:
    first = np.full(accounts, np.inf)
    np.minimum.at(first, account, moment)
    return first


def _by_band(banded: Banded, label: Flags) -> dict[str, Any]:
    bands = {}
    for code, band in enumerate(_BANDS):
        mine = banded.code == code
        rate = float(label[mine].mean()) if mine.any() else None
        bands[band.value] = {"rows": int(mine.sum()), "share": float(mine.mean()), "leaving": rate}
    return {"bands": bands}


def _steadiness(account: np.ndarray[Any, Any], moment: Floats, changes: int) -> dict[str, Any]:
    """Changes of band a year of observation: from an account's first look to its last."""
    same = account[1:] == account[:-1]
    years = float((moment[1:] - moment[:-1])[same].sum()) / DAY_S / 365.25
    return {"band_changes": changes, "band_changes_per_account_year": changes / years if years else None}


def verdict_of(ranked: Mapping[str, Any]) -> dict[str, str]:
    """Say in words what the ranking allows to say: for machines a code, for people a sentence."""
    area = ranked.get("auc")
    if area is None:
        scored = ranked.get("scored", 0)
        why = "too few rows have a score" if not scored else "nobody, or everybody, leaves among those with a score"
        return {"code": "no_evidence", "text": f"No evidence that this score ranks churn here: {why}."}
    interval = f"AUC {area['value']:.3f}, 95 % interval {area['low']:.3f} to {area['high']:.3f}"
    if area["low"] <= 0.5 <= area["high"]:
        return {"code": "no_evidence", "text": f"No evidence that this score ranks churn here ({interval})."}
    if area["high"] < 0.5:
        told = f"No evidence that this score ranks churn here; if anything, the wrong way round ({interval})."
        return {"code": "no_evidence", "text": told}
    strength = "ranks churn well" if area["value"] >= 0.7 else "ranks churn somewhat"
    return {"code": "ranks", "text": f"This score {strength} here ({interval})."}
