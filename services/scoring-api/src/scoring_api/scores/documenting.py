"""Builds the health document of one account from its verdict; it computes no figure of the score itself."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from milepost_contracts import health
from milepost_core.explanation import Advice, Driver, advise, missing_inputs, summary, uncounted_inputs
from milepost_core.milestones import Plan
from milepost_core.scoring import SignalState
from milepost_core.trends import change_over, trend
from scoring_api.scores import phrasing
from scoring_api.scores.addressing import Behind, account_url, page_prefix
from scoring_api.scores.judging import Verdict
from scoring_api.scores.planning import milestones_of, path_of

# A hint that wins back less than this is not worth somebody's day.
WORTH_DOING = 0.5
_HALF_A_SECOND = timedelta(milliseconds=500)
_PENDING = int(SignalState.PENDING)
# What stands in `missing` though it was measured: too little else of its dimension was.
UNCOUNTED = "missing:dimension_unavailable"
ANOTHER_JUDGE = "Scores by another model or version are not compared with this one; restated by this one they would be."


@dataclass(frozen=True)
class Subject:
    """Who the document speaks of, and what was known of them before."""

    account_id: UUID
    name: str
    segment: str | None
    owner: str | None
    start_at: datetime
    references: tuple[str, ...]
    plan: Plan | None
    course: Mapping[int, float | None]


def build_document(
    verdict: Verdict, subject: Subject, fresh_until: datetime, base_url: str, *, past: bool = False
) -> health.HealthDocument:
    """Return the whole document; drivers stand by the points they lose, the dearest first.

    Of a `past` moment the links to evidence lead to the records of that moment.
    """
    behind = Behind(account_url(subject.account_id, base_url), verdict.as_of if past else None)
    scores, row = verdict.judged.scores, verdict.row
    model, explanation = verdict.judged.model, verdict.explanation
    shown = explanation.displayed if explanation else None
    return health.HealthDocument(
        account=_account(verdict, subject),
        score=verdict.display,
        band=scores.band_word(row).value,
        effective_band=effective_band_of(verdict),
        confidence=_confidence(verdict),
        as_of=verdict.as_of,
        computed_at=verdict.as_of,
        fresh_until=fresh_until,
        model=health.ModelRef(id=model.id, version=model.version),
        trend=trend_of(verdict.display, subject.course),
        dimensions=dimensions_of(verdict),
        drivers=_drivers(verdict, behind),
        baseline=shown.baseline if shown else None,
        gates=gates_of(verdict, behind),
        missing=_missing(verdict),
        pending=_pending(verdict),
        path=path_of(verdict),
        milestones=milestones_of(subject.plan, verdict.as_of),
        next_steps=_next_steps(verdict),
        summary=summary(explanation, model, scores.band_word(row)),
        links=_links(subject.account_id, base_url),
        notes=phrasing.peer_notes(verdict),
    )


def effective_band_of(verdict: Verdict) -> health.EffectiveBand:
    """Return the band that acts, with what made it so."""
    effective = verdict.effective
    return health.EffectiveBand(
        band=effective.band.value, because=effective.because, sentence=phrasing.effective_sentence(verdict)
    )


def _account(verdict: Verdict, subject: Subject) -> health.AccountView:
    stage = int(verdict.judged.scores.stage[verdict.row])
    return health.AccountView(
        id=subject.account_id,
        name=subject.name or _named_after(subject),
        segment=subject.segment,
        stage=verdict.judged.model.stages[stage].id if stage >= 0 else None,
        owner=subject.owner,
        references=subject.references,
        start_at=subject.start_at,
        age_days=int(verdict.judged.population.age_days[verdict.row]),
    )


def _named_after(subject: Subject) -> str:
    """An account that nobody has named is called by its domain, else by any reference, else by its id."""
    domains = [one for one in subject.references if one.startswith("domain:")]
    names = [one.partition(":")[2] for one in domains] + list(subject.references)
    return names[0] if names else f"Account {str(subject.account_id)[-8:]}"


def _confidence(verdict: Verdict) -> health.Confidence:
    scores, row = verdict.judged.scores, verdict.row
    return health.Confidence(
        word=cast(health.ConfidenceWord, scores.confidence_word(row)),
        value=round(float(scores.confidence[row]), 2),
        coverage=round(float(scores.coverage[row]), 2),
        freshness=round(float(scores.freshness[row]), 2),
        range=(round(float(scores.low[row]), 1), round(float(scores.high[row]), 1)),
    )


def trend_of(display: float | None, course: Mapping[int, float | None]) -> health.Trend:
    """Return the trend word and the changes; `course` holds the scores of so many whole weeks ago.

    A score of another model or version (None) is left out: a switch is no fall and no rise.
    """
    if display is None:
        return health.Trend(word="unknown")
    known = [(-7.0 * weeks, score) for weeks in sorted(course, reverse=True) if (score := course[weeks]) is not None]
    days, values = [day for day, _ in known] + [0.0], [score for _, score in known] + [display]
    week, month = change_over(days, values, 7.0), change_over(days, values, 28.0)
    return health.Trend(
        word=trend(days, values).value,
        change_7d=None if week is None else round(week, 1),
        change_28d=None if month is None else round(month, 1),
        note=ANOTHER_JUDGE if None in course.values() else None,
    )


def dimensions_of(verdict: Verdict) -> tuple[health.DimensionView, ...]:
    """Return the dimensions with their weights of today's stage, scores and coverage."""
    scores, row = verdict.judged.scores, verdict.row
    return tuple(
        health.DimensionView(
            id=one.id,
            label=one.label,
            weight=round(weight, 1),
            score=_rounded(points, 1),
            coverage=_rounded(covered, 2) or 0.0,
        )
        for one, weight, points, covered in zip(
            verdict.judged.model.dimensions,
            scores.dimension_weight[row].tolist(),
            scores.dimension_score[row].tolist(),
            scores.dimension_coverage[row].tolist(),
            strict=True,
        )
    )


def _drivers(verdict: Verdict, behind: Behind) -> tuple[health.Driver, ...]:
    if verdict.explanation is None:
        return ()
    drivers = (_driver(verdict, behind, one) for one in verdict.explanation.drivers)
    # By the figures as shown: what nobody can see must not decide an order.
    return tuple(sorted(drivers, key=lambda one: (-one.points_lost, -abs(one.points), one.signal)))


def _driver(verdict: Verdict, behind: Behind, driver: Driver) -> health.Driver:
    assert verdict.explanation is not None
    model = verdict.judged.model
    signal = model.signal(driver.signal)
    points = verdict.explanation.displayed.lines[driver.signal]
    return health.Driver(
        signal=driver.signal,
        label=signal.label,
        dimension=driver.dimension,
        value=_shown_value(driver.raw, signal.texts.format),
        unit=signal.texts.unit.other,
        points=points,
        points_lost=round(driver.points_lost, 1),
        direction="up" if points > 0 else "down" if points < 0 else "neutral",
        sentence=phrasing.driver_sentence(verdict, driver),
        evidence=health.Evidence(
            newest_at=_newest_at(verdict.as_of, driver.age_days),
            imputed=driver.imputed,
            href=behind.signal(driver.signal),
        ),
        target=signal.texts.target,
        y=round(driver.y, 1),
        weight=round(driver.weight * 100.0, 1),
    )


def _shown_value(raw: float | str | None, form: str) -> float | str | None:
    """A raw value as exact as people read it: time that merely passes must not make a new document each minute."""
    return round(raw, 3 if form == "percent" else 1) if isinstance(raw, float) else raw


def _newest_at(as_of: datetime, age: float) -> datetime | None:
    """The newest record's moment, to the second; a state (an open ticket) is of now, and has none."""
    if math.isnan(age) or not age:
        return None
    moment = as_of - timedelta(days=age) + _HALF_A_SECOND
    return moment.replace(microsecond=0)


def gates_of(verdict: Verdict, behind: Behind | None = None) -> tuple[health.GateView, ...]:
    """Return the fired gates; their displayed points share out what the explanation shows for all gates.

    `behind` leads to the records that fired them; what is only supposed has none.
    """
    if verdict.explanation is None:
        return ()
    lines = verdict.explanation.gates
    left = verdict.explanation.displayed.lines["gates"]
    views = []
    for place, line in enumerate(lines):
        points = round(left, 1) if place == len(lines) - 1 else round(line.points, 1)
        left -= points
        text = phrasing.gate_sentence(verdict.judged.model, line)
        rows = None if behind is None else behind.gate(line.id)
        views.append(
            health.GateView(id=line.id, label=line.label, points=points, hard=line.hard, sentence=text, evidence=rows)
        )
    return tuple(views)


def _missing(verdict: Verdict) -> tuple[health.Missing, ...]:
    """Every signal that takes no part though it could, or only by a stand-in; in the model's order."""
    model, scores, row = verdict.judged.model, verdict.judged.scores, verdict.row
    found = {
        one.signal: (
            one.status.sentence + ("; a stand-in value is used" if one.imputed else ""),
            f"missing:{one.status.reason}",
        )
        for one in missing_inputs(model, scores, row)
    }
    found |= {one.signal: (phrasing.uncounted_sentence(one), UNCOUNTED) for one in uncounted_inputs(model, scores, row)}
    return tuple(
        health.Missing(signal=signal.id, label=signal.label, dimension=signal.dimension, why=why, code=code)
        for signal in model.signals
        if signal.id in found
        for why, code in [found[signal.id]]
    )


def _pending(verdict: Verdict) -> tuple[health.Missing, ...]:
    model, scores = verdict.judged.model, verdict.judged.scores
    return tuple(
        health.Missing(
            signal=signal.id,
            label=signal.label,
            dimension=signal.dimension,
            why=phrasing.pending_sentence(signal),
            code="pending",
        )
        for signal, state in zip(model.signals, scores.state[verdict.row].tolist(), strict=True)
        if state == _PENDING and signal.weight > 0
    )


def _next_steps(verdict: Verdict) -> tuple[health.NextStep, ...]:
    if verdict.explanation is None:
        return ()
    judged = verdict.judged
    found = advise(judged.model, judged.scores, verdict.row, verdict.explanation)
    return tuple(_next_step(verdict, one) for one in found if one.points >= WORTH_DOING)


def _next_step(verdict: Verdict, advice: Advice) -> health.NextStep:
    assert verdict.explanation is not None
    drivers = {one.signal: one for one in verdict.explanation.drivers}
    return health.NextStep(
        label=advice.step,
        because=phrasing.because_sentence(verdict, advice, drivers),
        signal=advice.id if advice.about == "signal" else None,
        points=round(advice.points, 1),
        about=advice.about,
        guide=advice.guide,
        playbook=advice.playbook,
    )


def _links(account_id: UUID, base_url: str) -> dict[str, str]:
    account = account_url(account_id, base_url)
    return {
        "self": f"{account}/health",
        "page": page_prefix(base_url) + str(account_id),
        "explanation": f"{account}/explanation",
        "history": f"{account}/history",
    }


def _rounded(value: float, digits: int) -> float | None:
    return None if math.isnan(value) else round(value, digits)
