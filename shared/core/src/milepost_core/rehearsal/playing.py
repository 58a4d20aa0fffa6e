"""Playing: what a playbook would do for an account over a span of time, by the same law that live runs go by.

It looks at no clock, draws no lots and does nothing outside: the same scene ends the same way every time. What people
would do is assumed, and said so.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from milepost_core.arbiter import Policy
from milepost_core.cadence import Go, Leave, Perform, Pursuit, Wait, advance, event_word
from milepost_core.cadence.admitting import Admitted, Applicant, HeldOut, Occasion, admit
from milepost_core.playbooks.assigning import HOLDOUT, Assignment
from milepost_core.playbooks.document import ApprovalStep, Playbook, TaskStep
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
    play = _Play(playbook, Course(
        playbook, scene, policy, assumed, until,
        Table(tasks={one.reason: _open_until(one, until, assumed) for one in scene.before.tasks}),
        path="", at=until, since=until, trigger_kind="",
    ), list(scene.before.began), scene.before.kept)  # fmt: skip
    if scene.before.underway is not None:
        play.resume(scene.before.underway)
    for occasion in scene.occasions:
        play.hear(occasion)
    lines = [*scene.declined, *(line for one in play.told for line in one.lines)]
    return tuple(sorted(lines, key=lambda line: line.at))


@dataclass(frozen=True)
class _Pass:
    """One run: as it began (with the table as it was then), how it is played, and what came of it."""

    bare: Course
    carry: Callable[[Course], None]
    played: Course

    @property
    def lines(self) -> list[Line]:
        """What it did."""
        return self.played.lines


@dataclass(frozen=True)
class _Refused:
    """An occasion that came to nothing."""

    lines: list[Line]


def _played(bare: Course, carry: Callable[[Course], None], over: tuple[datetime, Leave] | None = None) -> _Pass:
    course = replace(bare, table=bare.table.copy(), lines=[], outcomes={}, taken_over=over)
    carry(course)
    return _Pass(bare, carry, course)


@dataclass
class _Play:
    """One account's runs, one after the other; `blank` is a run that has not begun."""

    playbook: Playbook
    blank: Course
    began: list[datetime]
    kept: Assignment | None
    told: list[_Pass | _Refused] = field(default_factory=list)

    @property
    def last(self) -> _Pass | None:
        """The run that was played last."""
        return next((one for one in reversed(self.told) if isinstance(one, _Pass)), None)

    def resume(self, run: Underway) -> None:
        """Play the run on that is open already."""
        kept = self.kept
        bare = replace(
            self.blank, playbook=run.playbook, path=run.path, at=run.at, since=run.since, trigger_kind=run.trigger_kind
        )
        self.told.append(_played(bare, lambda course: _resume(course, run, kept)))

    def hear(self, occasion: Occasion) -> None:
        """Admit or decline an occasion as a live one is; a run of a milder tier is played again, to its end by then."""
        at, scene = occasion.happened_at, self.blank.scene
        who = Applicant(scene.account, scene.facts(at), self._pursuit(at), self.kept)
        verdict = admit(self.playbook, occasion, who, at)
        self.kept = kept = _kept(verdict, self.kept)
        if isinstance(verdict, Declines):
            self.told.append(_Refused([Line(at, verdict.code, verdict.sentence)]))
            return
        last = self.last
        if verdict.over is not None and last is not None:
            place = next(place for place, one in enumerate(self.told) if one is last)
            last = _played(last.bare, last.carry, (at, verdict.over))
            self.told[place] = last
        bare = replace(
            self.blank,
            table=last.played.table if last is not None else self.blank.table,
            path=verdict.start, at=at, since=at, trigger_kind=occasion.kind,
        )  # fmt: skip
        self.told.append(_played(bare, lambda course: _begin(course, verdict, kept)))
        self.began.append(at)

    def _pursuit(self, at: datetime) -> Pursuit:
        before = self.blank.scene.before
        open_until, tier, begun = before.open_until, before.open_tier, before.open_begun
        if (last := self.last) is not None:
            open_until, tier, begun = last.played.at, last.played.tier, last.played.begun
        running = open_until is not None and at < open_until
        recent = _recent(self.playbook, self.began, at)
        latest = max(self.began, default=None)
        return Pursuit(running, latest, recent, tier, begun) if running else Pursuit(running, latest, recent)


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
    course.band, course.tier, course.begun = admitted.band, tier, course.path
    course.held_out = _is_held_out(kept)
    course.say("started", f"it starts at {course.path}" + (f", tier {tier}" if tier else ""))
    _play(course)


def _resume(course: Course, run: Underway, kept: Assignment | None) -> None:
    """Play a run on from where it stands; what a person has already is not given again."""
    course.held_out = _is_held_out(kept)
    course.band, course.tier, course.begun, course.outcome = run.band, run.tier, run.begun, run.outcome
    course.outcomes = dict(run.outcomes)
    if course.taken_over is not None and course.taken_over[0] <= course.at:
        # It is taken over before it is looked at again.
        course.at, leave = course.taken_over
        course.leave(leave)
        return
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
            if carried and course.outcome is not None and isinstance(step, TaskStep | ApprovalStep):
                course.outcomes[step.id] = course.outcome
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
