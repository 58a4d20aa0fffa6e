"""Carrying out: what comes of a step that sends something or asks somebody, in a rehearsal; nothing is sent or asked.

What people would do is assumed.
"""

from datetime import datetime, timedelta
from typing import Final

from milepost_core.arbiter import Allow, Defer, Request, Touched, arbitrate
from milepost_core.cadence import Leave
from milepost_core.playbooks.document import OUTWARD, TO_PERSONS, ApprovalStep, EmailStep, Step, TaskStep
from milepost_core.playbooks.starting import digest
from milepost_core.rehearsal.course import Course, standing
from milepost_core.rehearsal.scene import Piece, Reader
from milepost_core.worktime import hours_after

APPROVED_AFTER_HOURS: Final = 1.0
DONE: Final = "done"
HELPED: Final = "helped"
"""What comes of a task if people act."""
OF_WORDS: Final = ("no_reasons", "not_sendable")
"""Why there is nothing to say: nobody is asked then whether it may be said."""


def perform(course: Course, step: Step) -> bool:
    """Carry a step out; False when the run has ended, or stands beyond the span."""
    match step:
        case TaskStep():
            piece = course.scene.people.piece(step, course.playbook, course.tier, course.at)
            return course.leave(piece, step) if isinstance(piece, Leave) else _task(course, step, piece)
        case ApprovalStep():
            refused = _unsayable(course, course.playbook.step(step.about))
            if refused is not None:
                return course.leave(refused, step)
            course.say("approval", f"somebody is asked whether {step.about} may go out", step)
            return await_gate(course, step, course.at + timedelta(hours=step.expires_hours))
        case _:
            assert step.kind in OUTWARD, "waits and branches are never performed"
            reader = course.scene.people.reader(step, course.at)
            return course.leave(reader, step) if isinstance(reader, Leave) else _message(course, step, reader)


def await_task(course: Course, due: datetime | None) -> bool:
    """Let time pass until a task is done, which is in time if people act."""
    if not course.pass_until(due if course.assumed.people == "act" else None):
        return False
    course.outcome = HELPED
    return True


def await_gate(course: Course, step: ApprovalStep, expires_at: datetime) -> bool:
    """Let time pass until a gate opens or expires."""
    if course.assumed.people == "act":
        outcome, target = "approved", hours_after(course.at, APPROVED_AFTER_HOURS, course.worktime)
    else:
        outcome = "expired_approved" if step.otherwise == "approve" else "expired_rejected"
        target = max(expires_at, course.at)
    if not course.pass_until(target):
        return False
    course.outcome = outcome
    return True


def _unsayable(course: Course, about: Step | None) -> Leave | None:
    """Return why nobody can be shown what a gate is about, if that is so."""
    if about is None or about.kind not in OUTWARD:
        return None
    found = course.scene.people.reader(about, course.at)
    return found if isinstance(found, Leave) and found.code in OF_WORDS else None


def _task(course: Course, step: TaskStep, piece: Piece) -> bool:
    """At most one task of an account and a reason is open: who asks again waits for the same end."""
    tasks, reason = course.table.tasks, step.reason or f"{course.playbook.id}/{step.id}"
    due = hours_after(course.at, step.finish_hours, piece.worktime or course.worktime)
    opened = tasks.get(reason)
    if opened is not None and opened > course.at:
        course.say("task_joined", f"it is added to a task that is open already: {piece.title}", step)
        due = opened
    else:
        course.say("task", f"{piece.owner or 'somebody'} is asked: {piece.title}", step,
                   step.effort_minutes, piece.owner)  # fmt: skip
        tasks[reason] = due if course.assumed.people == "act" else course.until + timedelta(days=1)
    if step.waits:
        return await_task(course, due)
    course.outcome = DONE
    return True


def _message(course: Course, step: Step, reader: Reader) -> bool:
    """Ask the arbiter, as of then, with what stood against it then and what this playbook has sent before."""
    verdict = arbitrate(_request(course, step, reader), standing(course, reader), course.policy, course.at)
    if isinstance(verdict, Allow):
        course.say("sent", f"{step.kind} goes out", step)
        if step.kind in TO_PERSONS and not _is_owed(step):
            course.table.touches.append(Touched(reader.person, course.at, step.kind, reader.colleague))
        course.outcome = DONE
    elif isinstance(verdict, Defer):
        course.say("deferred", verdict.sentence, step)
        return course.pass_until(max(verdict.until, course.at + timedelta(seconds=1)))
    else:
        course.say(verdict.outcome, verdict.sentence, step)
        course.outcome = "skipped"
    return True


def _request(course: Course, step: Step, reader: Reader) -> Request:
    return Request(
        key=digest("rehearsal", course.playbook.id, course.scene.account, step.id, course.since.isoformat()),
        account=course.scene.account,
        person=reader.person,
        channel=step.kind,
        asked_at=course.since,
        priority=course.playbook.priority,
        transactional=_is_owed(step),
        colleague=reader.colleague,
    )


def _is_owed(step: Step) -> bool:
    return isinstance(step, EmailStep) and step.transactional
