"""From readings to a verdict on one account: score, reasons, band over time, news; it touches no store."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np

from milepost_core.explanation import Explanation, explain, fixed_points
from milepost_core.model import Band, ScoreModel
from milepost_core.overrides import EffectiveBand, Override, effective_band
from milepost_core.readings import Readings
from milepost_core.scoring import Population, Scores, score
from milepost_core.scoring.columns import half_up
from milepost_core.silence import still_speaking
from milepost_core.transitions import BandState, Change, Standing, advance_band, compare, plain_band
from milepost_core.what_if import Path, Situation, next_band, paths_to
from scoring_api.scores.peering import LEAST_PEERS, NOBODY, Among, KeptPeers, among_later

NEWS = ("first_score", "band_changed", "score_moved")
Floats = np.ndarray[Any, np.dtype[np.float64]]
Against = Literal["cohort_median", "fixed", "previous", "neutral"]
NEUTRAL: Final = 50.0


@dataclass(frozen=True)
class Before:
    """Where an account stood when it was last looked at, and a person's word on it that is in force now."""

    state: BandState | None
    effective_band: Band | None
    published_score: float | None
    override: Override | None = None


@dataclass(frozen=True)
class Reference:
    """What drivers are measured against: points per signal [m]; NaN: the signal's own, so that it tells nothing.

    `neutral` stands in for the median of peers while there are too few of them: 50 points for every signal.
    """

    against: Against
    points: Floats

    @classmethod
    def among(cls, model: ScoreModel, peers: KeptPeers | None) -> "Reference":
        """What a model chooses that looks at no score before this one: its fixed profile, or the median of peers."""
        if model.baseline.kind == "fixed":
            return cls("fixed", fixed_points(model))
        if model.baseline.kind == "cohort_median" and peers is not None and peers.accounts >= LEAST_PEERS:
            return cls("cohort_median", peers.median_points(model))
        return cls("neutral", np.full(len(model.signals), NEUTRAL))

    @classmethod
    def previous(cls, model: ScoreModel, points: Mapping[str, float]) -> "Reference":
        """What a model chooses that looks at the score before this one; a signal that had no points tells nothing."""
        return cls("previous", np.array([points.get(one.id, np.nan) for one in model.signals], dtype=np.float64))


@dataclass(frozen=True)
class Judged:
    """One batch scored by one model; `row` picks an account of it."""

    model: ScoreModel
    population: Population
    readings: Readings
    scores: Scores
    among: Among = NOBODY
    segment: str | None = None
    """Which segment's view of the model `model` is; None: the plain one."""
    paths: dict[tuple[int, Band], Path | None] = field(default_factory=dict, repr=False, compare=False)
    """The way of a row to a band, as far as it was looked for."""

    @cached_property
    def speaking(self) -> Floats:
        """How much of each score's evidence still speaks [n]."""
        return still_speaking(self.model, self.readings, self.scores)


@dataclass(frozen=True)
class Verdict:
    """All that today's records say about one account."""

    judged: Judged
    row: int
    as_of: datetime
    state: BandState
    effective: EffectiveBand
    explanation: Explanation | None
    change: Change | None
    before: Before
    reference: Reference

    @property
    def override(self) -> Override | None:
        """The person's word in force, whether or not a gate beats it."""
        return self.before.override

    @property
    def display(self) -> float | None:
        """The score as shown, None if there is none."""
        return number(self.judged.scores.display[self.row])

    @property
    def word(self) -> Override | None:
        """The person's word that sets the band; None while none does."""
        return self.before.override if self.effective.because == "override" else None

    @property
    def ahead(self) -> Band | None:
        """The band above the one that acts. No step ends a person's word: under one, the band above the score's own."""
        if self.word is None:
            return next_band(self.effective.band)
        unknown = self.display is None or self.judged.scores.band_word(self.row) is Band.UNKNOWN
        return None if unknown else next_band(self.state.band)

    @property
    def path(self) -> Path | None:
        """The way to the band ahead; None from green, from unknown, and without a score."""
        to = self.ahead
        if to is None:
            return None
        if (self.row, to) not in self.judged.paths:
            find_paths([self])
        return self.judged.paths[self.row, to]


def find_paths(verdicts: Iterable[Verdict]) -> None:
    """Look for the ways of many accounts at once, which costs little more than for one."""
    asked: list[tuple[Verdict, Band]] = []
    for one in verdicts:
        to = one.ahead
        if to is not None:
            asked.append((one, to))
    for (one, to), path in zip(asked, paths_to([(_situation(one), to) for one, to in asked]), strict=True):
        one.judged.paths[one.row, to] = path


def _situation(one: Verdict) -> Situation:
    judged = one.judged
    return Situation(judged.model, judged.population, judged.readings, judged.scores, one.row, judged.among.cohort)


def judge_batch(
    model: ScoreModel, readings: Readings, ages: Floats, among: Among = NOBODY, segment: str | None = None
) -> Judged:
    """Score a batch of accounts by one model; `ages` in days. `segment` names whose view of the model it is."""
    population = Population(ages)
    return Judged(model, population, readings, score(model, population, readings, among.cohort), among, segment)


def verdict(judged: Judged, row: int, as_of: datetime, before: Before, reference: Reference) -> Verdict:
    """Judge one account of a batch: its band over time, its reasons, and what of it is news.

    A person's word decides the effective band alone: score, band, drivers and the band's state are the model's.
    """
    model, scores = judged.model, judged.scores
    display = number(scores.display[row])
    unknown = scores.band_word(row) is Band.UNKNOWN
    gated = is_gated(judged, row)
    state = advance_band(before.state, model.bands, display, unknown, as_of, gated)
    shown = Band.UNKNOWN if unknown or display is None else state.band
    hard = any(gate.hard and scores.gates_fired[row, place] for place, gate in enumerate(model.gates))
    said = before.override
    effective = effective_band(shown, bands=model.bands, gated=gated, hard_gate=hard, override=said, at=as_of)
    explanation = explain(model, scores, row, judged.readings, reference.points)
    change = _news(before, display, effective.band)
    return Verdict(judged, row, as_of, state, effective, explanation, change, before, reference)


def is_gated(judged: Judged, row: int) -> bool:
    """A fired gate pushes the displayed score into a lower band than the signals alone would."""
    scores, bands = judged.scores, judged.model.bands
    if not scores.gates_fired[row].any():
        return False
    display, raw = number(scores.display[row]), number(half_up(scores.raw_score[row : row + 1])[0])
    if display is None or raw is None:
        return False
    return plain_band(bands, display) is not plain_band(bands, raw)


def _news(before: Before, display: float | None, band: Band) -> Change | None:
    """The one thing worth publishing: the score is measured against the one that was published last."""
    last = None
    if before.effective_band is not None and before.published_score is not None:
        last = Standing(before.published_score, before.effective_band)
    news = compare(last, Standing(display, band))
    return next((one for one in news if one.kind in NEWS), None)


def cause_of(one: Verdict, fact: Mapping[str, Any], kind: str) -> str:
    """Return what made a piece of news: a person's word that began or ended and moved the band, else what marked it.

    A look that nobody asked for, by another version than the last one, differs because of the model.
    """
    told, said = fact["told_override_id"], one.override
    if kind == "band_changed" and (None if said is None else said.id) != (None if told is None else str(told)):
        return "human"
    judge = (one.judged.model.id, one.judged.model.version)
    switched = fact["judged_by"] is not None and (fact["judged_by"], fact["judged_by_version"]) != judge
    cause: str = fact["cause"]
    return "model" if switched and cause == "silence" else cause


def number(value: Any) -> float | None:
    """A float, or None for NaN."""
    known = float(value)
    return None if math.isnan(known) else known


def numbers(row: Floats) -> list[float | None]:
    """A row of a column, NaN as None."""
    return [None if math.isnan(value) else value for value in row.tolist()]


def readings_of(judged: Judged, row: int) -> dict[str, Any]:
    """All that went into one score beside the model and the peers, unrounded: `judged_again` makes the same of it."""
    readings, columns = judged.readings, judged.model.columns
    words = () if readings.category is None else readings.category[row]
    return {
        "columns": [column.id for column in columns],
        "raw": numbers(readings.raw[row]),
        "status": readings.status[row].tolist(),
        "age_days": numbers(readings.age_days[row]),
        "censored": np.flatnonzero(readings.censored[row]).tolist(),
        "words": {str(place): str(word) for place, word in enumerate(words) if word is not None},
        "account_age_days": number(judged.population.age_days[row]),
        "segment": judged.segment,
        "peers": {signal: keys[row] for signal, keys in judged.among.keys.items()},
    }


def judged_again(snapshot: Mapping[str, Any], model: ScoreModel, peers: KeptPeers | None) -> Judged:
    """Score one account once more from what its snapshot kept: the same bits as then, as a batch of one row.

    Args:
        snapshot: a row of `scoring.snapshot`, of which `readings` and `as_of` are read.
        model: the version that the row names, without any segment's view.
        peers: the row of `scoring.cohort` that the row names; None if it names none.
    """
    kept = snapshot["readings"]
    own = next((one.model for one in model.segments if one.id == kept["segment"]), model)
    readings = Readings.empty(own, 1)
    assert readings.category is not None
    readings.raw[0] = _floats(kept["raw"])
    readings.age_days[0] = _floats(kept["age_days"])
    readings.status[0] = kept["status"]
    readings.censored[0, kept["censored"]] = True
    for place, word in kept["words"].items():
        readings.category[0, int(place)] = word
    keys = {signal: [key] for signal, key in kept["peers"].items()}
    ages = _floats([kept["account_age_days"]])
    among = among_later(peers, keys, own, (readings, ages), snapshot["as_of"])
    return judge_batch(own, readings, ages, among, kept["segment"])


def _floats(values: Sequence[Any]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def digest(parts: Mapping[str, Any] | Sequence[Any] | bytes) -> str:
    """A short hash of content, the same for the same content."""
    raw = parts if isinstance(parts, bytes) else json.dumps(parts, sort_keys=True, default=str).encode()
    return hashlib.sha256(raw).hexdigest()[:32]
