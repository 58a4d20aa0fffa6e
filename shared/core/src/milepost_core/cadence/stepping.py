"""Stepping: what a run does next at the step where it stands, and how far it comes without anybody's help.

It never looks at a clock or talks to anyone: `now` is an argument, and who carries a step out is the caller's business.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from milepost_core.cadence.exits import exit_by_facts, looks_at_facts, looks_beyond_health, stands
from milepost_core.cadence.situation import CHANGE, Ask, Go, Leave, Move, Perform, Situation, Wait, event_word
from milepost_core.events import ATTRIBUTE_TYPES
from milepost_core.playbooks.conditions import answer, sentence
from milepost_core.playbooks.document import (
    END,
    ApprovalStep,
    BandTrigger,
    BranchStep,
    CrmStep,
    EmailStep,
    InAppStep,
    Playbook,
    SlackStep,
    Step,
    TaskStep,
    WaitStep,
    WebhookStep,
)
from milepost_core.schedules import DATE_FORM, LATEST, due_of, read_date

Outward = EmailStep | SlackStep | WebhookStep | CrmStep | InAppStep
LOOK_AGAIN: Final = timedelta(hours=6)
"""How long something may come true without anybody being told of it."""
LOOK_AT_DATES: Final = timedelta(days=1)
"""How long a date of an account may have become another one without anybody being told of it."""
LOOK_SOON: Final = timedelta(minutes=5)
"""By then what was told of an account is known wherever it is asked for."""
REJECTED: Final = ("rejected", "expired_rejected")
TIMED_OUT: Final = "timed_out"


def needs_facts(playbook: Playbook, path: str) -> bool:
    """Return whether what happens at a step depends on what is known of the account at that moment.

    Whoever sends something asks for the account's health in any case, so a step that goes out needs no facts but
    those that health does not tell.
    """
    step = playbook.step(path)
    if step is None or step.only_if is not None:
        return step is not None
    if isinstance(step, Outward):
        return looks_beyond_health(playbook)
    if looks_at_facts(playbook):
        return True
    if isinstance(step, WaitStep):
        local = step.until is not None or step.business_days is not None or step.attribute is not None
        return local or step.condition is not None
    return bool(step.cases) if isinstance(step, BranchStep) else isinstance(playbook.trigger, BandTrigger)


def advance(playbook: Playbook, at: Situation, now: datetime) -> Move:
    """Decide what a run does at the step where it stands, once somebody looks at it.

    A step that has an outcome is over; else exits come first, then the step's own condition, then the step. `now` is
    the clock that decides what is due.
    """
    step = playbook.step(at.path)
    if step is None:
        return Leave("failed", f"version {playbook.version} of the playbook has no step {at.path}")
    if at.outcome is not None and not isinstance(step, WaitStep | BranchStep):
        return _ended(playbook, step, at.outcome)
    return exit_by_facts(playbook, at) or _standing(playbook, step, at, now)


def _standing(playbook: Playbook, step: Step, at: Situation, now: datetime) -> Move:
    """Decide at a step that is not over while no exit is open."""
    if step.only_if is not None and not answer(step.only_if, at.facts or {}).holds:
        return Go(_after(playbook, step), f"passed over, as not: {sentence(step.only_if)}", carried=False)
    match step:
        case WaitStep():
            return _waiting(playbook, step, at, now)
        case BranchStep():
            return _branching(playbook, step, at, now)
        case _:
            return stands(playbook, at) or Perform(step)


@dataclass(frozen=True)
class Passed:
    """A step that was over as soon as the run came to it."""

    path: str
    kind: str
    carried: bool
    because: str


@dataclass(frozen=True)
class Walk:
    """How far a run came: the steps that it passed, where it stands (None: at its end), and what it does there."""

    passed: tuple[Passed, ...]
    path: str | None
    move: Move


def walk(playbook: Playbook, at: Situation, now: datetime) -> Walk:
    """Advance a run through all that is over at once, to the first step that takes time, a hand or more knowledge.

    Whoever comes with no facts to a step that depends on them stands there with `Ask`. No path is taken twice.
    """
    passed: list[Passed] = []
    seen: set[str] = set()
    while True:
        move = Ask() if _lacks_facts(playbook, at) else advance(playbook, at, now)
        if not isinstance(move, Go):
            return Walk(tuple(passed), at.path, move)
        step = playbook.step(at.path)
        assert step is not None, "a step that is over is one of the playbook's"
        passed.append(Passed(at.path, step.kind, move.carried, move.because))
        seen.add(at.path)
        if move.path is None:
            return Walk(tuple(passed), None, move)
        if move.path in seen:
            return Walk(tuple(passed), at.path, Leave("failed", f"the playbook leads back to its step {move.path}"))
        at = Situation(move.path, now, at.facts, at.calendar, at.attributes, None, at.trigger_kind, at.band)


def _lacks_facts(playbook: Playbook, at: Situation) -> bool:
    step = playbook.step(at.path)
    # That something was told of an account says nothing of its date.
    told = at.outcome is not None and not (isinstance(step, WaitStep) and step.attribute is not None)
    return at.facts is None and not told and needs_facts(playbook, at.path)


def wakes_of(step: Step) -> tuple[str, ...]:
    """Return what may wake a run that stands at a step before its time."""
    match step:
        case WaitStep() if step.event_types:
            return tuple(event_word(kind) for kind in step.event_types)
        case WaitStep() if step.condition is not None:
            return (CHANGE,)
        case WaitStep() if step.attribute is not None:
            return tuple(event_word(kind) for kind in ATTRIBUTE_TYPES)
        case BranchStep():
            return (CHANGE,)
        case _:
            return ()


def _after(playbook: Playbook, step: Step) -> str | None:
    following = playbook.after(step.id)
    return following.id if following is not None else None


def _to(path: str) -> str | None:
    return None if path == END else path


def _ended(playbook: Playbook, step: Step, outcome: str) -> Move:
    if isinstance(step, ApprovalStep) and outcome in REJECTED:
        return Go(_to(step.rejected), "it was not approved")
    said = "the task was closed" if isinstance(step, TaskStep) else outcome.replace("_", " ")
    return Go(_after(playbook, step), said)


def _waiting(playbook: Playbook, step: WaitStep, at: Situation, now: datetime) -> Move:
    due = due_of(step, at.since, at.calendar, at.attributes)
    came = _came(step, at)
    if came is not None:
        return Go(_after(playbook, step), came)
    if step.event_types or step.condition is not None:
        return _until(playbook, step, due, now)
    if due is None:
        return _undated(playbook, step, at, now)
    if due <= now:
        return Go(_after(playbook, step), "its time came")
    if step.attribute is not None:
        return _looking(step, at, due, now, f"{_sentence(step)}, {due:%Y-%m-%d %H:%M} UTC")
    return Wait(due, (), _sentence(step))


def _looking(step: WaitStep, at: Situation, until: datetime, now: datetime, because: str) -> Wait:
    """Wait until a moment that hangs on a date, looking whether the date has become another one meanwhile."""
    look = LOOK_AT_DATES if at.outcome is None else LOOK_SOON
    return Wait(min(until, now + look), wakes_of(step), because)


def _undated(playbook: Playbook, step: WaitStep, at: Situation, now: datetime) -> Move:
    """Never go on as if a date had come that nobody can tell: wait for it, go the other way, or end the run."""
    assert step.attribute is not None, "only dates may be unknown"
    leave = _no_date(step.attribute, at)
    deadline = at.since + timedelta(days=step.timeout_days or 0)
    if now < deadline:
        return _looking(step, at, deadline, now, leave.sentence)
    return leave if step.on_timeout is None else Go(_to(step.on_timeout), leave.sentence, carried=False)


def _no_date(name: str, at: Situation) -> Leave:
    if name not in at.attributes:
        return Leave("date_missing", f"the account has no date {name}")
    told = str(at.attributes[name])[:40]
    if read_date(at.attributes[name]) is None:
        return Leave("date_unreadable", f"the account's {name}, {told!r}, is no date: write {DATE_FORM}")
    return Leave("date_too_far", f"the account's {name}, {told!r}, is more than {LATEST.days} days away")


def _came(step: WaitStep, at: Situation) -> str | None:
    """Return in words that what a step waits for has happened or come true, or None: it has not."""
    if step.event_types and at.outcome in wakes_of(step):
        return f"it happened: {(at.outcome or '').partition(':')[2]}"
    if step.condition is not None and answer(step.condition, at.facts or {}).holds:
        return f"it came true: {sentence(step.condition)}"
    return None


def _until(playbook: Playbook, step: WaitStep, deadline: datetime | None, now: datetime) -> Move:
    """Wait for something: at most until its deadline, looking again meanwhile where nobody would tell."""
    if deadline is not None and deadline <= now:
        return Go(_timed_out(playbook, step), TIMED_OUT)
    looks = None if step.event_types else now + LOOK_AGAIN
    moments = [moment for moment in (deadline, looks) if moment is not None]
    return Wait(min(moments, default=None), wakes_of(step), _sentence(step))


def _timed_out(playbook: Playbook, step: WaitStep) -> str | None:
    return _to(step.on_timeout) if step.on_timeout is not None else _after(playbook, step)


def _sentence(step: WaitStep) -> str:
    if step.event_types:
        return f"it waits for {' or '.join(step.event_types)}"
    if step.condition is not None:
        return f"it waits until {sentence(step.condition)}"
    if step.business_days is not None:
        return f"it waits for {step.business_days} working days"
    if step.until is not None:
        return f"it waits until {step.until:%H:%M} local time"
    if step.attribute is not None:
        return f"it waits for the date {step.attribute}"
    return f"it waits for {step.days:g} days"


def _branching(playbook: Playbook, step: BranchStep, at: Situation, now: datetime) -> Move:
    for case in step.cases:
        found = answer(case.when, at.facts or {})
        if found.holds:
            return Go(_to(case.next), f"as {sentence(case.when)}")
        deadline = at.since + timedelta(days=step.timeout_days)
        # What comes first in the list goes first, so nothing after a case that cannot be known is decided yet.
        if found.holds is None and now < deadline:
            return Wait(
                min(deadline, now + LOOK_AGAIN), wakes_of(step), f"it cannot be known yet: {sentence(case.when)}"
            )
    return Go(_to(step.otherwise), "no case held")
