"""A run under way in a rehearsal, and how time passes for it; it never decides what a step does."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from milepost_core.arbiter import RIVALS_AHEAD, Hours, Policy, Standing, Touched
from milepost_core.cadence import EXIT_EVENTS, Leave, Situation, exit_by_facts, exit_by_happening
from milepost_core.cadence.exits import ESCALATED
from milepost_core.playbooks.document import Playbook, Step
from milepost_core.playbooks.outcomes import outcome_facts
from milepost_core.rehearsal.scene import Assumed, Line, Reader, Scene
from milepost_core.worktime import Worktime


@dataclass
class Table:
    """What the runs of one account share: messages that went out, and work that is open until a moment, by reason."""

    touches: list[Touched] = field(default_factory=list)
    tasks: dict[str, datetime] = field(default_factory=dict)

    def copy(self) -> "Table":
        """Return another one with the same on it."""
        return Table(list(self.touches), dict(self.tasks))


@dataclass
class Course:
    """One run under way; with the table the only thing here that changes."""

    playbook: Playbook
    scene: Scene
    policy: Policy
    assumed: Assumed
    until: datetime
    table: Table
    path: str
    at: datetime
    since: datetime
    trigger_kind: str
    band: str | None = None
    tier: str | None = None
    begun: str | None = None
    """The step at which it began."""
    held_out: bool = False
    outcome: str | None = None
    outcomes: dict[str, str] = field(default_factory=dict)
    """What came of its steps that people had."""
    taken_over: tuple[datetime, Leave] | None = None
    """A run of a worse tier begins then, and this one ends."""
    lines: list[Line] = field(default_factory=list)

    def say(self, code: str, sentence: str, step: Step | None = None, minutes: float = 0.0, owner: str = "") -> None:
        """Tell what happens now."""
        kind, path = (step.kind, step.id) if step is not None else (None, self.path)
        self.lines.append(Line(self.at, code, sentence, path, kind, minutes, owner))

    @property
    def situation(self) -> Situation:
        """How the run stands now, as the law asks for it."""
        return Situation(
            path=self.path,
            since=self.since,
            facts={**self.scene.facts(self.at), **outcome_facts(self.outcomes)},
            calendar=self.scene.calendar,
            attributes=dict(self.scene.attributes),
            outcome=self.outcome,
            trigger_kind=self.trigger_kind,
            band=self.band,
        )

    @property
    def worktime(self) -> Worktime:
        """The hours of whoever has said none."""
        return Worktime(self.scene.calendar, self.policy.opens, self.policy.closes)

    def leave(self, leave: Leave, step: Step | None = None) -> bool:
        """End the run; False, as the run goes no further."""
        self.say(leave.code, leave.sentence, step)
        return False

    def pass_until(self, target: datetime | None) -> bool:
        """Let time pass; False when an exit opens meanwhile, or when the span ends first."""
        end = self.until if target is None else min(target, self.until)
        for moment, leave in _exits(self, end):
            self.at = moment
            return self.leave(leave)
        if target is None or target > self.until:
            self.at = self.until
            self.say("standing", "it stands there when the span ends")
            # Beyond the span, so that what happens later in it is not taken for a second run.
            self.at = self.until + timedelta(microseconds=1)
            return False
        self.at = target
        return True


def standing(course: Course, reader: Reader) -> Standing:
    """Return what stands against a message at this moment, as far as rows told of it and this play came to it."""
    at, before, policy = course.at, course.scene.before, course.policy
    words = [word for word in before.words if word.person in ("", reader.person)]
    touches = [one for one in before.touches if one.person != reader.person]
    touches += before.persons.get(reader.person, ())
    # Whoever ranks no higher would let this playbook's messages go first.
    higher = [one for one in before.waiting if one.rival.priority > course.playbook.priority]
    touches += [Touched(one.rival.person, one.due, one.rival.channel, one.rival.colleague) for one in higher]
    matters = [one for one in before.matters if one.is_open(at)]
    opened = at - timedelta(days=policy.escalation_days) if policy.escalation_days else None
    over = timedelta(hours=policy.after_call_hours)
    calls = [one.starts_at for one in matters if one.kind == "call" and one.starts_at is not None]
    hours = None if reader.calendar is None else Hours(reader.calendar, policy.opens, policy.closes)
    return Standing(
        hours=hours,
        objections=tuple(word.objection for word in words if _holds(word.since, at, word.ended, word.objection.until)),
        touches=(*(one for one in touches if one.at <= at), *course.table.touches),
        rivals=tuple(one.rival for one in higher if one.since <= at < one.due <= at + RIVALS_AHEAD),
        escalated=any(one.kind == "escalation" and (opened is None or one.opened_at > opened) for one in matters),
        call_at=min((call for call in calls if call + over > at), default=None),
        holdout=course.held_out,
        away_until=reader.away_until,
    )


def _holds(since: datetime, at: datetime, *ends: datetime | None) -> bool:
    return since <= at and all(end is None or end > at for end in ends)


def _exits(course: Course, end: datetime) -> Iterator[tuple[datetime, Leave]]:
    """Yield what would end the run between now and then, oldest first."""
    scene = course.scene
    moments = [(at, kind) for at, kind in scene.events if course.at < at <= end and kind in EXIT_EVENTS]
    moments += [(since, "") for since, _ in scene.known if course.at < since <= end]
    over, leave = course.taken_over, None
    moments += [(over[0], ESCALATED)] if over is not None and course.at <= over[0] <= end else []
    for at, kind in sorted(moments):
        if over is not None and kind == ESCALATED:
            leave = over[1]
        elif kind:
            leave = exit_by_happening(course.playbook, EXIT_EVENTS[kind])
        else:
            leave = exit_by_facts(course.playbook, replace(course.situation, facts=scene.facts(at)))
        if leave is not None:
            yield at, leave
