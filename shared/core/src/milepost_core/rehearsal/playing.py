"""Playing: what a playbook would do for an account over a span of time, by the same law that live runs go by.

It looks at no clock, draws no lots and does nothing outside: the same scene ends the same way every time. What people
would do is assumed, and said so.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from milepost_core.arbiter import Policy
from milepost_core.cadence import Go, Leave, Perform, Wait, advance, event_word
from milepost_core.cadence.admitting import Admitted, Applicant, HeldOut, admit
from milepost_core.playbooks.assigning import HOLDOUT, Assignment
from milepost_core.playbooks.document import ApprovalStep, Playbook
from milepost_core.playbooks.starting import Declines
from milepost_core.rehearsal.carrying import await_gate, await_task, perform
from milepost_core.rehearsal.course import Course, Table
from milepost_core.rehearsal.scene import Assumed, Line, Scene, Underway, Work

MOST_MOVES: Final = 2_000
"""A run that has not come to an end after so many is shown as it stands."""


def rehearse(playbook: Playbook, scene: Scene, until: datetime, policy: Policy, assumed: Assumed) -> tuple[Line, ...]:
    """Return what would happen for one account until a moment (aware), in its order.

    A run that is open already goes on; every occasion is admitted or declined as live ones are; runs follow one
    another, and touches of all of them count.
    """
    before = scene.before
    table = Table(tasks={one.reason: _open_until(one, until, assumed) for one in before.tasks})
    lines, began, open_until = list(scene.declined), list(before.began), before.open_until
    pursuit, kept = before.pursuit, before.kept

    def course(of: Playbook, path: str, at: datetime, since: datetime, kind: str) -> Course:
        return Course(of, scene, policy, assumed, until, table, path, at, since, kind)

    if (run := before.underway) is not None:
        resumed = course(run.playbook, run.path, run.at, run.since, run.trigger_kind)
        _resume(resumed, run, kept)
        open_until, lines = resumed.at, lines + resumed.lines
    for occasion in scene.occasions:
        at = occasion.happened_at
        running = open_until is not None and at < open_until
        pursuit = replace(pursuit, open_run=running, recent=_recent(playbook, began, at))
        verdict = admit(playbook, occasion, Applicant(scene.account, scene.facts(at), pursuit, kept), at)
        kept = _kept(verdict, kept)
        if isinstance(verdict, Declines):
            lines.append(Line(at, verdict.code, verdict.sentence))
            continue
        begun = course(playbook, verdict.start, at, at, occasion.kind)
        _begin(begun, verdict, kept)
        open_until, lines = begun.at, lines + begun.lines
        began.append(at)
        pursuit = replace(pursuit, last_started_at=at)
    return tuple(sorted(lines, key=lambda line: line.at))


def _open_until(task: Work, until: datetime, assumed: Assumed) -> datetime:
    if task.ended is not None:
        return task.ended
    return task.due if assumed.people == "act" else until + timedelta(days=1)


def _recent(playbook: Playbook, began: list[datetime], now: datetime) -> int:
    span = playbook.re_entry.per_days
    return len(began) if span is None else sum(now - one < timedelta(days=span) for one in began)


def _kept(verdict: Admitted | Declines, before: Assignment | None) -> Assignment | None:
    found = verdict.assignment if isinstance(verdict, Admitted | HeldOut) else None
    return found if found is not None else before


def _is_held_out(kept: Assignment | None) -> bool:
    return kept is not None and kept.arm == HOLDOUT


def _begin(course: Course, admitted: Admitted, kept: Assignment | None) -> None:
    tier = admitted.tier.tier
    course.band, course.tier = admitted.band, tier
    course.held_out = _is_held_out(kept)
    course.say("started", f"it starts at {course.path}" + (f", tier {tier}" if tier else ""))
    _play(course)


def _resume(course: Course, run: Underway, kept: Assignment | None) -> None:
    """Play a run on from where it stands; what a person has already is not given again."""
    course.held_out = _is_held_out(kept)
    course.band, course.tier, course.outcome = run.band, run.tier, run.outcome
    step = course.playbook.step(course.path)
    if run.given and isinstance(step, ApprovalStep):
        going = await_gate(course, step, run.due or course.at)
    elif run.given:
        going = await_task(course, max(run.due or course.at, course.at))
    else:
        going = True
    if going:
        _play(course)


def _play(course: Course) -> None:
    """Carry a run to its end or to the end of the span."""
    for _ in range(MOST_MOVES):
        if course.at > course.until or not _move(course):
            break
    else:
        course.say("standing", f"it is not shown any further than {MOST_MOVES} moves")


def _move(course: Course) -> bool:
    """Make one move; False when the run has ended, or stands beyond the span."""
    move = advance(course.playbook, course.situation, course.at)
    step = course.playbook.step(course.path)
    match move:
        case Leave() as leave:
            return course.leave(leave, step)
        case Go(path, because, carried):
            if not carried or course.outcome is None:
                course.say("passed" if carried else "skipped", because, step)
            course.outcome, course.since = None, course.at
            if path is None:
                course.say("completed", "every step is done")
                return False
            course.path = path
            return True
        case Wait(until, wakes_on, because):
            return _wait(course, until, wakes_on, because)
        case Perform(performed):
            return perform(course, performed)
        case _:
            raise AssertionError("a scene knows its facts, so nothing is left to be asked")


def _wait(course: Course, until: datetime | None, wakes_on: tuple[str, ...], because: str) -> bool:
    if not course.lines or (course.lines[-1].code, course.lines[-1].sentence) != ("waits", because):
        course.say("waits", because, course.playbook.step(course.path))
    told = ((at, event_word(kind)) for at, kind in course.scene.events if at > course.at)
    woken = next(((at, word) for at, word in told if word in wakes_on), None)
    target = min((moment for moment in (until, woken[0] if woken else None) if moment is not None), default=None)
    if not course.pass_until(target):
        return False
    if woken is not None and course.at == woken[0]:
        course.outcome = woken[1]
    return True
