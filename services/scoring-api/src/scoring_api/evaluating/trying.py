"""Tries a score model on a study from the first event to the report; it changes no model and keeps nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from milepost_core.model import ScoreModel, parse_model
from milepost_runtime.database import Connection, Pool
from scoring_api.evaluating import judging
from scoring_api.evaluating.fitting import banded, fitted
from scoring_api.evaluating.panels import SIDES, Measured, Measuring, Progress, Rows, only, panel
from scoring_api.evaluating.scoring import Scored, score_panel
from scoring_api.evaluating.storing import store
from scoring_api.evaluating.studies import Study
from scoring_api.verifying.measuring import recording

Json = dict[str, Any]
TRAIN, TEST = SIDES.index("train"), SIDES.index("test")


class NothingToEvaluate(Exception):
    """There are no rows to train on or to test on; the text says which."""


@dataclass(frozen=True)
class Candidate:
    """A model to try, as a document; `adapted`: it was written for this data set, so curves are fitted to it."""

    document: Mapping[str, Any]
    adapted: bool


@dataclass(frozen=True)
class Trial:
    """A study in a store of its own."""

    study: Study
    feed: Connection
    pool: Pool
    progress: Progress

    async def run(self, candidate: Candidate, reference: ScoreModel) -> Json:
        """Return the report: of the candidate, and of the untouched reference model beside it.

        Raises NothingToEvaluate and ModelInvalid.
        """
        rows = panel(self.study)
        self._refuse(rows)
        ids, events = await store(self.feed, self.pool, recording(self.pool), self.study, self.progress)
        measuring = Measuring(self.pool, ids, self.study.subjects, self.progress)
        report = _about(self.study, rows, events)
        report["model"] = await self._candidate(measuring, rows, candidate)
        if (reference.id, reference.version) != (report["model"]["id"], report["model"]["version"]):
            report["reference"] = await self._reference(measuring, rows, reference)
        report["verdict"] = report["model"]["verdict"]
        return report

    def _refuse(self, rows: Sequence[Rows]) -> None:
        for side in ("train", "test"):
            if not any((one.sides == SIDES.index(side)).any() for one in rows):
                raise NothingToEvaluate(f"no account is looked at on the side '{side}': see panel, split and horizon")

    async def _candidate(self, measuring: Measuring, rows: Sequence[Rows], candidate: Candidate) -> Json:
        model = parse_model(candidate.document)
        measured = await measuring.measure(model, rows, f"measuring by {model.id}")
        curves: Json = {}
        if candidate.adapted:
            document, curves = fitted(candidate.document, self.study.settings.get("fit") or {}, model, measured)
            model = parse_model(document)
        scored = self._scored(model, measured)
        bands = self.study.settings["bands"]
        train = scored.display[scored.side == TRAIN]
        try:
            judged = banded(model, train, float(bands["red"]), float(bands["yellow"]))
        except ValueError as error:
            return _summary(model, scored) | {"curves": curves, "bands_refused": str(error)}
        found = self._warnings(scored, judged)
        thresholds = {"green": judged.bands.green, "yellow": judged.bands.yellow}
        return _summary(model, scored) | self._course(scored) | {
            "curves": curves, "thresholds": thresholds, "warnings": found, "observed": dict(scored.observed),
        }  # fmt: skip

    async def _reference(self, measuring: Measuring, rows: Sequence[Rows], model: ScoreModel) -> Json:
        """The untouched model, on test rows: it speaks of what it knows, which may be little."""
        tested = [mine for one in rows if (mine := only(one, "test")).places.size]
        scored = self._scored(model, await measuring.measure(model, tested, f"measuring by {model.id}"))
        return _summary(model, scored) | {"observed": dict(scored.observed)}

    def _scored(self, model: ScoreModel, measured: Sequence[Measured]) -> Scored:
        self.progress(0, 0, "scoring")
        return score_panel(self.study, model, measured)

    def _course(self, scored: Scored) -> Json:
        names = [one.name for one in self.study.looks]
        journey = self.study.settings.get("journey") or []
        return {"probability": judging.probability(scored), **judging.over_time(scored, journey, names)}

    def _warnings(self, scored: Scored, model: ScoreModel) -> Json:
        """Bands over time; an account leaves at its first outcome after it was first looked at in the test."""
        test = scored.side == TEST
        first = np.full(len(self.study.subjects), np.inf)
        np.minimum.at(first, scored.account[test], scored.moment[test])
        left = np.full(len(self.study.subjects), np.nan)
        for place, subject in enumerate(self.study.subjects):
            later = [one.timestamp() for one in subject.outcomes if one.timestamp() > first[place]]
            if later:
                left[place] = min(later)
        return judging.warnings(scored, judging.follow_bands(scored, model), left)


def _summary(model: ScoreModel, scored: Scored) -> Json:
    test = scored.side == TEST
    ranked = judging.ranking(scored, test)
    return {
        "id": model.id,
        "version": model.version,
        "title": model.title,
        "verdict": judging.verdict_of(ranked),
        "test": ranked,
        "train": judging.ranking(scored, scored.side == TRAIN),
        "coverage": float(scored.coverage[test].mean()),
        "unknown": float((~scored.lit[test]).mean()),
    }


def _about(study: Study, rows: Sequence[Rows], events: int) -> Json:
    sides = {name: sum(int((one.sides == SIDES.index(name)).sum()) for one in rows) for name in ("train", "test")}
    settings = study.settings
    return {
        "format": "score-evaluation/1",
        "dataset": study.name,
        "title": study.title,
        "citation": study.citation,
        "outcome": settings.get("outcome", "leaves"),
        "horizon_days": study.horizon.days,
        "split": study.split_words,
        "accounts": len(study.subjects),
        "events": events,
        "looks": len(rows),
        "rows": sides,
        "findings": [
            {"what": one.what, "found": one.found, "of": one.of, "share": one.share} for one in study.findings
        ],
        "is_default": list(settings.get("default") or ()),
        "is_adapted": list(settings.get("adapted") or ()),
        "analogy": settings.get("analogy", ""),
    }
