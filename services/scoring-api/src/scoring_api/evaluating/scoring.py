"""Scores a measured panel by the law, accounts of one moment being each other's peers; it looks at no outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from milepost_core.cohorts import Cohort, CohortColumn
from milepost_core.model import Band, ScoreModel
from milepost_core.readings import Readings
from milepost_core.scoring import BAND_WORDS, Population, score
from scoring_api.evaluating.panels import Measured, views
from scoring_api.evaluating.studies import Study
from scoring_api.scores.peering import peers_at

Floats = np.ndarray[Any, np.dtype[np.float64]]
UNKNOWN = BAND_WORDS.index(Band.UNKNOWN)


@dataclass(frozen=True)
class Scored:
    """All rows of a panel by column: account, look, days since the start, label, side, and what the law said.

    `plain` is the band by the model's own thresholds; `lit` whether enough was known for one.
    """

    account: np.ndarray[Any, np.dtype[np.int64]]
    look: np.ndarray[Any, np.dtype[np.int64]]
    moment: np.ndarray[Any, np.dtype[np.float64]]
    age: Floats
    label: np.ndarray[Any, np.dtype[np.bool_]]
    side: np.ndarray[Any, np.dtype[np.int8]]
    display: Floats
    exact: Floats
    coverage: Floats
    plain: np.ndarray[Any, np.dtype[np.uint8]]
    observed: Mapping[str, float]
    """Share of rows in which a signal was observed."""

    @property
    def lit(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Rows of which enough was known for a band."""
        return np.asarray(self.plain != UNKNOWN)


def score_panel(study: Study, model: ScoreModel, panel: Sequence[Measured]) -> Scored:
    """Score every look of a panel; an account's peers are all accounts of the same look."""
    parts: dict[str, list[Any]] = {}
    seen = np.zeros(len(model.signals))
    for number, one in enumerate(panel):
        columns = _look(study, model, one)
        seen += columns.pop("seen")
        columns |= {"look": np.full(one.rows.places.size, number), "account": one.rows.places, "age": one.ages}
        columns |= {"label": one.rows.labels, "side": one.rows.sides}
        columns |= {"moment": np.array([moment.timestamp() for moment in one.rows.moments])}
        for name, column in columns.items():
            parts.setdefault(name, []).append(column)
    whole = {name: np.concatenate(each) for name, each in parts.items()}
    shares = seen / max(1, whole["account"].size)
    observed = {signal.id: float(share) for signal, share in zip(model.signals, shares, strict=True)}
    return Scored(**whole, observed=observed)


def _look(study: Study, model: ScoreModel, one: Measured) -> dict[str, Any]:
    subjects = [study.subjects[place] for place in one.rows.places]
    told = list(zip(subjects, one.rows.moments, strict=True))
    attributes: list[Mapping[str, Any]] = [subject.attributes_at(moment) for subject, moment in told]
    starts: list[datetime | None] = [subject.start_at(moment) for subject, moment in told]
    size = len(subjects)
    columns: dict[str, Any] = {name: np.full(size, np.nan) for name in ("display", "exact", "coverage")}
    columns |= {"plain": np.full(size, UNKNOWN, np.uint8), "seen": np.zeros(len(model.signals))}
    for view, at in views(model, attributes):
        # Peers are gathered over everybody: a view ranks its own accounts among all that are measured alike.
        cohort = _of(peers_at(view, one.readings, attributes, starts), at)
        scores = score(view, Population(one.ages[at]), _picked(one.readings, at), cohort)
        columns["display"][at], columns["exact"][at] = scores.display, scores.score
        columns["coverage"][at], columns["plain"][at] = scores.coverage, scores.band
        columns["seen"] += (scores.state == 0).sum(axis=0)
    return columns


def _picked(readings: Readings, at: np.ndarray[Any, np.dtype[np.int64]]) -> Readings:
    words = None if readings.category is None else readings.category[at]
    return Readings(readings.raw[at], words, readings.status[at], readings.censored[at], readings.age_days[at])


def _of(cohort: Cohort, at: np.ndarray[Any, np.dtype[np.int64]]) -> Cohort:
    return {name: CohortColumn(column.peers, column.group[at]) for name, column in cohort.items()}
