"""Shows what lies ahead of an account: its milestones, and the way to the next band; it searches for neither."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from milepost_contracts import health
from milepost_core.explanation import in_sentence
from scoring_api import phrasing
from scoring_api.judging import Verdict

# A milestone is called due from this long before its day.
SOON = timedelta(days=7)


def path_of(verdict: Verdict) -> health.Path | None:
    """Return the way to the next band, gates first; None where there is none to show."""
    path = verdict.path
    if path is None:
        return None
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


def milestones_of(rows: Sequence[Mapping[str, Any]], as_of: datetime) -> health.Milestones:
    """Return the plan as of a moment; `next` is the open milestone that is due first, late ones included."""
    items = tuple(_milestone(row, as_of) for row in rows)
    return health.Milestones(
        done=sum(one.state == "done" for one in items),
        due=sum(one.due_at is not None and one.due_at <= as_of for one in items),
        late=sum(one.state == "late" for one in items),
        next=next((one for one in items if one.state != "done"), None),
        items=items,
    )


def _milestone(row: Mapping[str, Any], as_of: datetime) -> health.MilestoneView:
    due, done = row["due_at"], row["done_at"]
    late = (done or as_of) - due if due is not None else timedelta(0)
    return health.MilestoneView(
        id=row["milestone_id"],
        label=row["label"],
        state=_state(done, due, as_of),
        due_at=due,
        done_at=done,
        days_late=max(0, late.days),
    )


def _state(done: datetime | None, due: datetime | None, as_of: datetime) -> health.MilestoneState:
    if done is not None:
        return "done"
    if due is None or due > as_of + SOON:
        return "ahead"
    return "due" if due >= as_of else "late"
