"""Playing: what a playbook would do for an account over a span of time, by the same law that live runs go by.

It looks at no clock, draws no lots and does nothing outside: the same scene ends the same way every time. What people
would do is assumed, and said so.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from milepost_core.arbiter import Allow, Defer, Hours, Policy, Request, Standing, Touched, arbitrate
from milepost_core.cadence import (
    EXIT_EVENTS,
    Go,
    Leave,
    Perform,
    Pursuit,
    Situation,
    Wait,
    advance,
    event_word,
    exit_by_facts,
    exit_by_happening,
)
from milepost_core.cadence.admitting import Admitted, Applicant, Occasion, admit
from milepost_core.playbooks.document import (
    OUTWARD,
    TO_PERSONS,
    ApprovalStep,
    EmailStep,
    InAppStep,
    Playbook,
    Step,
    TaskStep,
)
from milepost_core.playbooks.starting import Declines, digest
from milepost_core.rehearsal.scene import Assumed, Line, Scene
from milepost_core.worktime import Worktime, hours_after

APPROVED_AFTER_HOURS: Final = 1.0
MOST_MOVES: Final = 2_000
"""A run that has not come to an end after so many is shown as it stands."""
DONE: Final = "done"


@dataclass
class _Run:
    """One run under way in a rehearsal; the only thing here that changes."""

    playbook: Playbook
    scene: Scene
    policy: Policy
    assumed: Assumed
    until: datetime
    occasion: Occasion
    admitted: Admitted
    path: str
    at: datetime
    since: datetime
    touches: list[Touched]
    outcome: str | None = None
    lines: list[Line] = field(default_factory=list)

    def say(self, code: str, sentence: str, step: Step | None = None, minutes: float = 0.0) -> None:
        kind, path = (step.kind, step.id) if step is not None else (None, self.path)
        self.lines.append(Line(self.at, code, sentence, path, kind, minutes))

    @property
    def worktime(self) -> Worktime:
        """The hours in which people work on it: those of the policy, where the account lives."""
        return Worktime(self.scene.calendar, self.policy.opens, self.policy.closes)

    @property
    def situation(self) -> Situation:
        return Situation(
            path=self.path,
            since=self.since,
            facts=self.scene.facts(self.at),
            calendar=self.scene.calendar,
            attributes=dict(self.scene.attributes),
            outcome=self.outcome,
            trigger_kind=self.occasion.kind,
            band=self.admitted.band,
        )


def rehearse(playbook: Playbook, scene: Scene, until: datetime, policy: Policy, assumed: Assumed) -> tuple[Line, ...]:
    """Return what would happen for one account until a moment (aware), in its order.

    Every occasion is admitted or declined as live ones are; runs follow one another, and touches of all of them count.
    """
    lines: list[Line] = []
    pursuit = Pursuit(open_run=False, last_started_at=None)
    began: list[datetime] = []
    open_until: datetime | None = None
    touches: list[Touched] = []
    for occasion in scene.occasions:
        at = occasion.happened_at
        pursuit = replace(
            pursuit, open_run=open_until is not None and at < open_until, recent=_recent(playbook, began, at)
        )
        verdict = admit(playbook, occasion, Applicant(scene.account, scene.facts(at), pursuit), at)
        if isinstance(verdict, Declines):
            lines.append(Line(at, verdict.code, verdict.sentence))
            continue
        run = _Run(playbook, scene, policy, assumed, until, occasion, verdict, verdict.start, at, at, touches)
        open_until = _play(run)
        began.append(at)
        pursuit = replace(pursuit, last_started_at=at)
        lines += run.lines
    return tuple(sorted(lines, key=lambda line: line.at))


def _recent(playbook: Playbook, began: list[datetime], now: datetime) -> int:
    span = playbook.re_entry.per_days
    return len(began) if span is None else sum(now - one <= timedelta(days=span) for one in began)


def _play(run: _Run) -> datetime:
    """Carry a run to its end or to the end of the span; return when it was over."""
    tier = run.admitted.tier.tier
    run.say("started", f"it starts at {run.path}" + (f", tier {tier}" if tier else ""))
    for _ in range(MOST_MOVES):
        if run.at > run.until or not _move(run):
            break
    else:
        run.say("standing", f"it is not shown any further than {MOST_MOVES} moves")
    return run.at


def _move(run: _Run) -> bool:
    """Make one move; False when the run has ended, or stands beyond the span."""
    move = advance(run.playbook, run.situation, run.at)
    step = run.playbook.step(run.path)
    match move:
        case Leave(code, sentence):
            run.say(code, sentence, step)
            return False
        case Go(path, because, carried):
            if not carried or run.outcome is None:
                run.say("passed" if carried else "skipped", because, step)
            run.outcome, run.since = None, run.at
            if path is None:
                run.say("completed", "every step is done")
                return False
            run.path = path
            return True
        case Wait(until, wakes_on, because):
            return _wait(run, until, wakes_on, because)
        case Perform(performed):
            return _perform(run, performed)
        case _:
            raise AssertionError("a scene knows its facts, so nothing is left to be asked")


def _wait(run: _Run, until: datetime | None, wakes_on: tuple[str, ...], because: str) -> bool:
    if not run.lines or (run.lines[-1].code, run.lines[-1].sentence) != ("waits", because):
        run.say("waits", because, run.playbook.step(run.path))
    woken = next(
        ((at, event_word(kind)) for at, kind in run.scene.events if at > run.at and event_word(kind) in wakes_on), None
    )
    target = min((moment for moment in (until, woken[0] if woken else None) if moment is not None), default=None)
    if not _pass_until(run, target):
        return False
    if woken is not None and run.at == woken[0]:
        run.outcome = woken[1]
    return True


def _pass_until(run: _Run, target: datetime | None) -> bool:
    """Let time pass; False when an exit opens meanwhile, or when the span ends first."""
    end = run.until if target is None else min(target, run.until)
    for moment, leave in _exits(run, end):
        run.at = moment
        run.say(leave.code, leave.sentence)
        return False
    if target is None or target > run.until:
        run.at = run.until
        run.say("standing", "it stands there when the span ends")
        # Beyond the span, so that what happens later in it is not taken for a second run.
        run.at = run.until + timedelta(microseconds=1)
        return False
    run.at = target
    return True


def _exits(run: _Run, end: datetime) -> Iterator[tuple[datetime, Leave]]:
    """Yield what would end the run between now and then, oldest first."""
    moments = [(at, kind) for at, kind in run.scene.events if run.at < at <= end and kind in EXIT_EVENTS]
    moments += [(since, "") for since, _ in run.scene.known if run.at < since <= end]
    for at, kind in sorted(moments):
        if kind:
            leave = exit_by_happening(run.playbook, EXIT_EVENTS[kind])
        else:
            leave = exit_by_facts(run.playbook, replace(run.situation, facts=run.scene.facts(at)))
        if leave is not None:
            yield at, leave


def _perform(run: _Run, step: Step) -> bool:
    match step:
        case TaskStep():
            return _task(run, step)
        case ApprovalStep():
            return _approval(run, step)
        case _ if step.kind in TO_PERSONS:
            return _message(run, step)
        case _:
            assert step.kind in OUTWARD, "waits and branches are never performed"
            run.say("sent", f"{step.kind} goes out", step)
            run.outcome = DONE
            return True


def _task(run: _Run, step: TaskStep) -> bool:
    run.say("task", f"somebody is asked: {step.title}", step, step.effort_minutes)
    if step.waits:
        due = hours_after(run.at, step.finish_hours, run.worktime)
        if not _pass_until(run, due if run.assumed.people == "act" else None):
            return False
    run.outcome = DONE
    return True


def _approval(run: _Run, step: ApprovalStep) -> bool:
    run.say("approval", f"somebody is asked whether {step.about} may go out", step)
    if run.assumed.people == "act":
        outcome, target = "approved", hours_after(run.at, APPROVED_AFTER_HOURS, run.worktime)
    else:
        outcome = "expired_approved" if step.otherwise == "approve" else "expired_rejected"
        target = run.at + timedelta(hours=step.expires_hours)
    if not _pass_until(run, target):
        return False
    run.outcome = outcome
    return True


def _message(run: _Run, step: Step) -> bool:
    """Ask the arbiter, as of then, with what this playbook has sent before; other playbooks' messages are not known."""
    verdict = arbitrate(_request(run, step), _standing(run, step), run.policy, run.at)
    if isinstance(verdict, Allow):
        run.say("sent", f"{step.kind} goes out", step)
        run.touches.append(Touched(_person(run, step), run.at, step.kind, _colleague(step)))
        run.outcome = DONE
    elif isinstance(verdict, Defer):
        run.say("deferred", verdict.sentence, step)
        return _pass_until(run, max(verdict.until, run.at + timedelta(seconds=1)))
    else:
        run.say(verdict.outcome, verdict.sentence, step)
        run.outcome = "skipped"
    return True


def _request(run: _Run, step: Step) -> Request:
    return Request(
        key=digest("rehearsal", run.playbook.id, run.scene.account, step.id, run.since.isoformat()),
        account=run.scene.account,
        person=_person(run, step),
        channel=step.kind,
        asked_at=run.since,
        priority=run.playbook.priority,
        transactional=isinstance(step, EmailStep) and step.transactional,
        colleague=_colleague(step),
    )


def _standing(run: _Run, step: Step) -> Standing:
    hours = None if _colleague(step) else Hours(run.scene.calendar, run.policy.opens, run.policy.closes)
    return Standing(hours=hours, touches=tuple(run.touches))


def _colleague(step: Step) -> bool:
    """Whether a message goes to one of us, as far as its words tell."""
    if isinstance(step, EmailStep):
        return step.to == "owner" or step.to.startswith("role:")
    return not isinstance(step, InAppStep)


def _person(run: _Run, step: Step) -> str:
    if isinstance(step, EmailStep):
        return step.to if _colleague(step) and step.to != "owner" else f"{run.scene.account}/{step.to}"
    return f"{run.scene.account}/{step.kind}"
