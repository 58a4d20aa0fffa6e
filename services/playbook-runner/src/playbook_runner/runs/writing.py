"""Writing down how far runs came: what a batch of decisions leaves behind, in a handful of statements.

It decides nothing, and it writes inside the caller's transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from milepost_core.cadence import Leave, Situation, Wait, Walk, wakes_of, walk
from milepost_core.playbooks import Playbook
from milepost_core.playbooks.document import Step
from milepost_core.schedules import Calendar
from milepost_runtime.database import Connection
from milepost_runtime.ids import new_id
from playbook_runner.queries import advancing as queries
from playbook_runner.queries.advancing import NewStep, RunEnd, StepEnd, StepWait
from playbook_runner.runs.asking import Known
from playbook_runner.runs.stopping import FAILED, Leaving, over, stop

COMPLETED = ("completed", "every step is done")


@dataclass(frozen=True)
class Decided:
    """One step that was looked at (a row of `queries.contexts`), and how far its run came from there.

    Without a playbook (nobody could read it) it comes nowhere: it can only leave. `outcome`: what has come of the step
    just now, if it is not in the row.
    """

    row: asyncpg.Record
    playbook: Playbook | None
    walk: Walk
    outcome: str | None = None


def walked(row: asyncpg.Record, playbook: Playbook, known: Known | None = None, outcome: str | None = None) -> Decided:
    """Return how far a run comes by what is known of its account (None: nobody has asked), by the law of cadence."""
    at = Situation(
        path=row["path"],
        since=row["since"],
        facts=None if known is None else known.facts,
        calendar=Calendar() if known is None else known.calendar,
        attributes={} if known is None else known.attributes,
        outcome=outcome or row["outcome"],
        trigger_kind=row["trigger_kind"],
        band=row["band"],
    )
    return Decided(row, playbook, walk(playbook, at, row["now"]), outcome)


@dataclass
class Page:
    """Everything that a batch of decisions leaves behind; filled by `add`, written by `write`."""

    ends: list[StepEnd] = field(default_factory=list)
    waits: list[StepWait] = field(default_factory=list)
    steps: list[NewStep] = field(default_factory=list)
    completed: list[RunEnd] = field(default_factory=list)
    leaving: list[Leaving] = field(default_factory=list)
    passed: int = 0

    def add(self, one: Decided) -> None:
        """Take in how far one run came."""
        row, walk = one.row, one.walk
        self.passed += len(walk.passed)
        for place, passed in enumerate(walk.passed):
            state = "done" if passed.carried else "skipped"
            if place == 0:
                self.ends.append(StepEnd(row["step_id"], state, passed.because, one.outcome))
            else:
                self.steps.append(self._new(row, passed.path, passed.kind, state, passed.because))
        if walk.path is None:
            self.completed.append(RunEnd(row["run_id"], *COMPLETED))
        elif walk.passed:
            self._comes_to(one, walk.path)
        else:
            self._stays(one)

    def _stays(self, one: Decided) -> None:
        step_id = one.row["step_id"]
        match one.walk.move:
            case Wait(until, wakes_on, because):
                self.waits.append(StepWait(step_id, until, wakes_on, because))
            case Leave() as leave:
                self.ends.append(StepEnd(step_id, "failed" if leave.code in FAILED else "skipped", leave.sentence))
                self.leaving.append(Leaving(one.row["run_id"], leave))

    def _comes_to(self, one: Decided, path: str) -> None:
        """Add the step that the run comes to: it waits there, or it is due and looked at again."""
        assert one.playbook is not None, "only a playbook leads anywhere"
        step = one.playbook.step(path)
        assert step is not None, "a walk ends at a step of the playbook"
        match one.walk.move:
            case Wait(until, wakes_on, because):
                new = NewStep(
                    new_id(),
                    one.row["account_id"],
                    one.row["run_id"],
                    path,
                    step.kind,
                    "waiting",
                    because,
                    until,
                    wakes_on,
                )
            case Leave() as leave:
                new = self._new(one.row, path, step.kind, "skipped", leave.sentence)
                self.leaving.append(Leaving(one.row["run_id"], leave))
            case _:
                new = due(one.row["account_id"], one.row["run_id"], step)
        self.steps.append(new)

    def _new(self, row: asyncpg.Record, path: str, kind: str, state: str, reason: str) -> NewStep:
        return NewStep(new_id(), row["account_id"], row["run_id"], path, kind, state, reason, ended=True)

    async def write(self, connection: Connection) -> None:
        """Write the page."""
        if self.ends:
            await queries.set_steps(connection, self.ends)
        if self.waits:
            await queries.let_wait(connection, self.waits)
        if self.steps:
            await queries.insert_steps(connection, self.steps)
        if self.completed:
            await queries.end_runs(connection, self.completed)
        await stop(connection, self.leaving)


def due(account_id: UUID, run_id: UUID, step: Step) -> NewStep:
    """Return a step that is due now; what may wake it is known from the beginning, so that nothing is missed."""
    return NewStep(new_id(), account_id, run_id, step.id, step.kind, "due", wakes_on=wakes_of(step))


def kept(
    decided: Sequence[Decided], held: set[UUID], runs: Sequence[asyncpg.Record]
) -> tuple[list[Decided], list[StepEnd]]:
    """Return the decisions that still count, and how the steps end whose run is over meanwhile; `runs` are locked."""
    ended = {run["id"]: over(run) for run in runs if run["state"] != "running"}
    ours = [one for one in decided if one.row["step_id"] in held]
    gone = [
        StepEnd(one.row["step_id"], "cancelled", ended[one.row["run_id"]]) for one in ours if one.row["run_id"] in ended
    ]
    return [one for one in ours if one.row["run_id"] not in ended], gone
