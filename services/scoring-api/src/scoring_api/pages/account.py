"""What the account page shows, ready for the template; it asks no store."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from milepost_contracts.health import Driver, HealthDocument, Milestones, MilestoneView, Path, PathStep
from milepost_core.explanation import show_value
from milepost_core.model.document import ScoreModel
from scoring_api.answers.listing import DayScore
from scoring_api.pages import charts, wording
from scoring_api.pages.asking import marks_of
from scoring_api.past.history_views import Marker

_WORTH = re.compile(r", worth [\d.]+ points?\Z")
TREND_DAYS = 120
SHORTEST_DAYS = 28
BASELINES = {
    "fixed": "Baseline (the model's reference account)",
    "cohort_median": "Baseline (a typical account)",
    "previous": "Baseline (the score before)",
}
NO_WAY = "The model knows no action that would lead to the next band."
NO_PATH = {
    "green": "It is in the best band already.",
    "unknown": "With more data there will be a band, and then a way to the next one.",
}
BY_WORD = "A person's word sets the band, and ends by itself; by the score there is no better band to reach."


@dataclass(frozen=True)
class Movement:
    """The trend in words: a word to stand out, and the figures behind it."""

    lead: str
    rest: str


@dataclass(frozen=True)
class Fact:
    """What is known of an account: a value that somebody typed, between our own words."""

    value: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class PlanRow:
    """A milestone with its state in words."""

    state: str
    label: str
    words: str


@dataclass(frozen=True)
class InputRow:
    """A signal with its value as people read it, its target, and what it is worth."""

    signal: str
    label: str
    value: str
    target: str
    y: float
    points: float
    lost: float


@dataclass(frozen=True)
class AccountPage:
    """The whole page."""

    document: HealthDocument
    facts: tuple[Fact, ...]
    summary: str
    way: str
    steps: tuple[tuple[str, float], ...]
    inputs: tuple[InputRow, ...]
    confidence: str
    movement: Movement
    band_note: str
    waterfall: charts.Waterfall | None
    trend: charts.Trend
    baseline: str
    no_path: str
    milestones: str
    plan: tuple[PlanRow, ...]


def account_page(
    document: HealthDocument,
    days: Sequence[DayScore],
    model: ScoreModel,
    now: datetime,
    markers: Sequence[Marker] = (),
) -> AccountPage:
    """Return the page of one account at this moment; `markers` are drawn into its course."""
    limits = charts.Thresholds(model.bands.yellow, model.bands.green)
    points = [charts.Point(day.at, day.score, day.band, day.restated) for day in days]
    window, effective = trend_window(points, now), document.effective_band
    return AccountPage(
        document=document,
        facts=facts(document),
        summary=summary(document),
        way=way(document.path),
        steps=tuple(step_row(step) for step in document.path.steps) if document.path else (),
        inputs=tuple(input_row(driver, model) for driver in document.drivers),
        confidence=confidence(document),
        movement=movement(document),
        band_note=band_note(document),
        waterfall=charts.waterfall(document),
        trend=replace(charts.trend(points, window, limits), marks=marks_of(markers, window)),
        baseline=BASELINES[model.baseline.kind],
        no_path=BY_WORD if effective.because == "override" else NO_PATH.get(effective.band, NO_WAY),
        milestones=milestone_summary(document.milestones),
        plan=tuple(plan_row(item, now) for item in document.milestones.items),
    )


def trend_window(points: Sequence[charts.Point], now: datetime) -> charts.Window:
    """Return the stretch that the trend shows: from the first day known, at least 28 and at most 120 days."""
    known = (now - points[0].at).days + 1 if points else SHORTEST_DAYS
    return charts.window_ending(now, min(TREND_DAYS, max(SHORTEST_DAYS, known)))


def facts(document: HealthDocument) -> tuple[Fact, ...]:
    """Return the line under the name: day, stage, segment, owner, as far as known."""
    who = document.account
    found = [
        None if who.age_days is None else Fact(f"Day {who.age_days}"),
        Fact(wording.sentence(who.stage), after=" stage") if who.stage else None,
        Fact(who.segment) if who.segment else None,
        Fact(who.owner, before="Owner ") if who.owner else Fact("No owner"),
    ]
    return tuple(fact for fact in found if fact)


def confidence(document: HealthDocument) -> str:
    """Return how far to trust the score, in words with the figures that say so."""
    trust = document.confidence
    low, high = trust.range
    text = f"{wording.percent(trust.coverage)} of the expected data is there"
    if trust.freshness < 0.75:
        text += ", part of it is old"
    if high - low >= 0.1:
        text += f"; with all of it the score would lie between {wording.number(low)} and {wording.number(high)}"
    return text


def movement(document: HealthDocument) -> Movement:
    """Return the trend as a word and its changes over 7 and 28 days."""
    trend = document.trend
    lead = f"{wording.sentence(wording.TRENDS[trend.word])}:" if trend.word != "unknown" else "No trend yet:"
    spans = ((trend.change_7d, "7 days"), (trend.change_28d, "28 days"))
    parts = [f"{wording.signed(points)} in {span}" for points, span in spans if points is not None]
    return Movement(lead, ", ".join(parts) or "too few days are known")


def band_note(document: HealthDocument) -> str:
    """Return why the acting band is another than the one of today's figure; empty when they agree."""
    effective = document.effective_band
    if effective.band in {document.band, "unknown"}:
        return ""
    if effective.sentence:
        return wording.sentence(wording.in_words(effective.sentence)) + "."
    plain, acting = wording.BANDS[document.band].word, wording.BANDS[effective.band].word
    return f"The figure alone says “{plain}”; the {effective.because} makes it “{acting}”."


def summary(document: HealthDocument) -> str:
    """Return what the document's summary adds to score and band, which stand above it already."""
    head, _, rest = document.summary.partition(";")
    return f"{wording.sentence(rest)}." if rest else wording.in_words(head)


def way(path: Path | None) -> str:
    """Return where the path leads; what it does not promise is said once, below the steps."""
    if path is None:
        return ""
    return wording.in_words(path.sentence.removesuffix("Arithmetic on the score, no promise.").strip())


def step_row(step: PathStep) -> tuple[str, float]:
    """Return a step's sentence and its gain, which has a column of its own."""
    return wording.sentence(_WORTH.sub("", step.sentence)), step.gain


def input_row(driver: Driver, model: ScoreModel) -> InputRow:
    """Return one signal of the table; a signal that this version of the model lacks keeps its plain figure."""
    if driver.signal in model.signal_index:
        value = show_value(model.signal(driver.signal), driver.value)
    else:
        value = f"{wording.plain(driver.value)} {driver.unit}".strip()
    value = "assumed" if driver.evidence.imputed else value.replace("-", wording.MINUS, 1)
    return InputRow(
        driver.signal, driver.label, value, driver.target or wording.NONE, driver.y, driver.points, driver.points_lost
    )


def milestone_summary(plan: Milestones) -> str:
    """Return progress in words: how many of the plan are done, due and late."""
    text = f"{plan.done} of {wording.count(len(plan.items), 'milestone')} done"
    return f"{text}, {plan.late} late" if plan.late else f"{text}, none late"


def plan_row(item: MilestoneView, now: datetime) -> PlanRow:
    """Return a milestone with its state in words and days; a milestone without a day only ever gets done."""
    if item.state == "done":
        when = f"done {wording.day(item.done_at)}" if item.done_at else "done"
        words = f"{when}, {_late(item.days_late)}" if item.days_late else when
    elif item.due_at is None:
        words = "no day set"
    elif item.state in ("late", "stuck"):
        words = f"{item.state}: was due {wording.day(item.due_at)}, {wording.until(item.due_at, now)}"
    else:
        words = f"due {wording.day(item.due_at)}, {wording.until(item.due_at, now)}"
    return PlanRow(item.state, item.label, words)


def _late(days: int) -> str:
    return f"{wording.count(days, 'day')} late"
