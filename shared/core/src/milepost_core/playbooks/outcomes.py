"""What came of steps that people had, as a run may ask about it: `outcome.<step>`.

It never finds out what did; until a person has spoken nothing is known.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from milepost_core.model.problems import ModelProblem, nearest_word
from milepost_core.playbooks.conditions import OF_RUN, Condition, Fact, Facts
from milepost_core.playbooks.document import ApprovalStep, Playbook, Step, TaskStep
from milepost_core.playbooks.parsing_conditions import Placed, tests_in
from milepost_core.playbooks.parsing_paths import reached, ways_out
from milepost_core.playbooks.parsing_words import problem

__all__ = ["OF_GATES", "OF_TASKS", "outcome_facts", "refuse_wrong_outcomes"]

OF_TASKS: Final = ("helped", "no_effect", "false_alarm", "root_cause", "skipped")
OF_GATES: Final = ("approved", "rejected", "expired_approved", "expired_rejected")
_EXPECTED: Final = "a task that the run waits for, or a gate, on the way here"


def outcome_facts(outcomes: Mapping[str, str]) -> Facts:
    """Return what came of steps, by their ids, as facts of the run."""
    return {f"{OF_RUN}.{path}": Fact(word) for path, word in outcomes.items()}


def refuse_wrong_outcomes(playbook: Playbook, said: Iterable[tuple[str, Condition]]) -> Iterator[ModelProblem]:
    """Yield each test of what came of a step that nobody has, that cannot have been by then, or that no word is for.

    `said` are the playbook's conditions with their places.
    """
    steps = {step.id: step for step in playbook.steps}
    for pointer, condition in said:
        if not pointer.startswith("/steps/"):
            continue
        asking = playbook.steps[int(pointer.split("/")[2])]
        for one in tests_in(condition, pointer):
            family, _, name = one.test.subject.partition(".")
            if family == OF_RUN:
                yield from _wrong(playbook, one, asking, steps.get(name))


def _wrong(playbook: Playbook, one: Placed, asking: Step, about: Step | None) -> Iterator[ModelProblem]:
    place, name = f"{one.pointer}/subject", one.test.subject.partition(".")[2]
    words = _words_of(about)
    if about is None or not words:
        known = [step.id for step in playbook.steps if _words_of(step)]
        message = f"nothing ever comes of {name!r}" if about else f"there is no step {name!r}"
        near = nearest_word(name, known)
        yield ModelProblem(place, message, _EXPECTED, near and f"{OF_RUN}.{near}", "outcome_unknown")
        return
    after = [target for _, target in ways_out(playbook, playbook.steps.index(about))]
    if asking.id not in reached(playbook, after):
        yield problem(place, "outcome_unknown", f"no run has come from {name!r} when it comes here", _EXPECTED)
    for value in one.test.values:
        if value not in words:
            message, near = f"{value!r:.60} never comes of {name!r}", nearest_word(str(value), words)
            expected = f"one of {', '.join(words)}"
            yield ModelProblem(f"{one.pointer}/value", message, expected, near, "outcome_unknown")


def _words_of(step: Step | None) -> tuple[str, ...]:
    match step:
        case TaskStep(waits=True):
            return OF_TASKS
        case ApprovalStep():
            return OF_GATES
        case _:
            return ()
