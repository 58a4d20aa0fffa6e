"""Shows what lies ahead of an account: its milestones, and the way to the next band; it searches for neither."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from milepost_contracts import health
from milepost_core.explanation import in_sentence
from milepost_core.forecasting import Forecast, forecast_of, local_day
from milepost_core.milestones import (
    SOON,
    JourneyState,
    MilestoneState,
    Plan,
    PlannedMilestone,
    Progress,
    progress_of,
    states_of,
)
from milepost_core.what_if import Path
from scoring_api.scores import phrasing
from scoring_api.scores.judging import Verdict

# Late is what is later than its day.
_TICK = timedelta(microseconds=1)
# Everybody is looked at again within so many days anyway.
LOOKING_AHEAD = timedelta(days=32)


def path_of(verdict: Verdict) -> health.Path | None:
    """Return the way to the next band, gates first; None where there is none to show."""
    return None if verdict.path is None else path_view(verdict, verdict.path)


def path_view(verdict: Verdict, path: Path) -> health.Path:
    """Return a way to a band as outsiders read it, gates first."""
    model = verdict.judged.model
    lifted = [_lifted(verdict, gate) for gate in path.gates]
    steps = [
        health.PathStep(
            signal=step.signal,
            label=model.signal(step.signal).label,
            from_value=round(step.start, 2),
            to_value=round(step.to, 2),
            unit=model.signal(step.signal).texts.unit.other,
            gain=round(step.gain, 1),
            sentence=phrasing.step_sentence(model, step),
        )
        for step in path.steps
    ]
    return health.Path(
        to=path.to.value,
        possible=path.reachable,
        steps=(*lifted, *steps),
        holds_for_days=path.holds_for_days,
        sentence=phrasing.path_sentence(verdict, path),
    )


def _lifted(verdict: Verdict, gate_id: str) -> health.PathStep:
    gate = next(one for one in verdict.judged.model.gates if one.id == gate_id)
    lines = verdict.explanation.gates if verdict.explanation else ()
    gain = sum(-line.points for line in lines if line.id == gate_id)
    text = f"First clear what holds the score down: {in_sentence(gate.label)}"
    return health.PathStep(signal=gate.id, label=gate.label, gain=round(gain, 1), sentence=text)


def milestones_of(plan: Plan | None, as_of: datetime) -> health.Milestones:
    """Return the plan as of a moment; `next` is the open milestone that is due first, late ones included."""
    if plan is None or not plan.milestones:
        return health.Milestones(done=0, due=0, late=0)
    course = course_of(plan, as_of)
    items = tuple(_milestone(plan, one, course) for one in plan.milestones)
    return health.Milestones(
        done=sum(one.state == "done" for one in items),
        due=sum(one.due_at is not None and one.due_at <= as_of for one in items),
        late=sum(one.state in ("late", "stuck") for one in items),
        next=next((one for one in items if one.state != "done"), None),
        items=items,
        journey=course.progress.state.value,
        since=course.progress.since,
        sentence=journey_sentence(plan, course),
        target_at=plan.target_at,
        forecast=_forecast(plan, course.forecast),
    )


@dataclass(frozen=True)
class Course:
    """All that a plan says of itself at one moment."""

    as_of: datetime
    states: Mapping[str, MilestoneState]
    forecast: Forecast
    progress: Progress


def course_of(plan: Plan, as_of: datetime) -> Course:
    """Return how a plan of at least one milestone stands at a moment; a forecast is made once a day."""
    forecast = forecast_of(plan, _midnight(plan, as_of))
    progress = progress_of(plan, as_of, forecast.slip_days)
    assert progress is not None
    return Course(as_of, states_of(plan, as_of), forecast, progress)


def _milestone(plan: Plan, one: PlannedMilestone, course: Course) -> health.MilestoneView:
    end, due = local_day(one.done_at or course.as_of, plan.zone), one.due_at
    return health.MilestoneView(
        id=one.id,
        label=one.label,
        state=course.states[one.id].value,
        due_at=one.due_at,
        done_at=one.done_at,
        days_late=0 if due is None else max(0, end - local_day(due, plan.zone)),
        required=one.required,
        owner=one.owner,
        side=one.side,
        waits_for=plan.open_before(one) if one.done_at is None else (),
        expected_on=_expected(plan, one.id, course),
    )


def _forecast(plan: Plan, forecast: Forecast) -> health.JourneyForecast:
    """Days, not moments: what is not done yet moves with every second, and nobody plans by it."""
    finish = forecast.finish
    return health.JourneyForecast(
        likely_on=None if finish is None else _day(finish.at_own_pace, plan),
        earliest_on=None if finish is None else _day(finish.earliest, plan),
        latest_on=None if finish is None else _day(finish.latest, plan),
        slip_days=forecast.slip_days,
        pace=round(forecast.pace, 2),
        seen=forecast.seen,
        critical=forecast.critical,
        because=forecast.because,
    )


def journey_sentence(plan: Plan, course: Course) -> str:
    """Return how the journey stands, in one sentence."""
    progress, forecast = course.progress, course.forecast
    labels = {one.id: one.label for one in plan.milestones}
    blamed = in_sentence(labels.get(progress.milestone or "", ""))
    match progress.because:
        case "stuck":
            return f"Stuck: {blamed} is late, and nothing was reached since {_day(plan.reached_at, plan)}."
        case "late":
            return f"Behind: {blamed} is late."
        case "slipping":
            assert forecast.slip_days is not None
            return f"Behind: at this pace the plan ends {_days(forecast.slip_days)} after its target."
    if progress.state is JourneyState.DONE:
        return "Done: every milestone that counts is reached."
    return "On track."


def next_turn(plan: Plan, as_of: datetime) -> datetime | None:
    """Return the next moment at which a plan shows something else although nothing happens; None: there is none.

    That is when a milestone becomes due or late, when the journey falls behind or is stuck, and the next midnight if it
    moves a forecast, or a milestone that is late by another day.
    """
    if not plan.milestones:
        return None
    limits, turns = plan.journey, [one.due_at for one in plan.milestones if one.due_at is not None]
    ahead = [one.due_at for one in plan.milestones if one.done_at is None and one.due_at is not None]
    for span in (-SOON, _TICK, timedelta(days=limits.behind_after_days) + _TICK):
        # Only what is still to come is counted out: a day at the calendar's edge has no week before it.
        turns += [due_at + span for due_at in ahead if due_at > as_of - span]
    if ahead:
        turns.append(plan.reached_at + timedelta(days=limits.stuck_after_days))
    turns += _moving_midnight(plan, as_of)
    return min((turn for turn in turns if turn > as_of), default=None)


def _moving_midnight(plan: Plan, as_of: datetime) -> Iterator[datetime]:
    """Yield the first midnight at which forecasts, or days late, may be others; nothing far away."""
    tomorrow = _midnight(plan, as_of, days=1)
    if any(one.done_at is None and one.due_at is not None and one.due_at < as_of for one in plan.milestones):
        yield tomorrow
        return
    expected = forecast_of(plan, _midnight(plan, as_of)).milestones.values()
    still = min((one.still_until for one in expected), default=None)
    if still is not None and still < as_of + LOOKING_AHEAD:
        yield max(tomorrow, _midnight(plan, still, days=1))


def _midnight(plan: Plan, as_of: datetime, days: int = 0) -> datetime:
    """When the day began on which a moment falls by the plan's own clock, or so many days later."""
    day = as_of.astimezone(plan.zone).date() + timedelta(days=days)
    return datetime.combine(day, time(0), plan.zone).astimezone(as_of.tzinfo)


def _expected(plan: Plan, name: str, course: Course) -> date | None:
    expected = course.forecast.milestones.get(name)
    return None if expected is None else _day(expected.at_own_pace, plan)


def _day(moment: datetime, plan: Plan) -> date:
    return date.fromordinal(local_day(moment, plan.zone))


def _days(number: int) -> str:
    return f"{number} day" if number == 1 else f"{number} days"
