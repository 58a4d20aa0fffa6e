"""Playbook documents: from a loaded mapping to a checked Playbook, or to all that is wrong with it.

It never reads a file and never renders a template; texts are carried as they are written.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from milepost_core.model.problems import MOST_TOLD, ModelProblem, nearest_word
from milepost_core.model.section import Section
from milepost_core.playbooks.conditions import Condition
from milepost_core.playbooks.document import BranchStep, MilestoneTrigger, Playbook, WaitStep, WatchTrigger
from milepost_core.playbooks.outcomes import refuse_wrong_outcomes
from milepost_core.playbooks.parsing_conditions import (
    Vocabulary,
    parse_condition,
    refuse_unknown_facts,
    tests_in,
)
from milepost_core.playbooks.parsing_paths import refuse_wrong_paths
from milepost_core.playbooks.parsing_rules import (
    parse_arms,
    parse_exits,
    parse_holdout,
    parse_measures,
    parse_re_entry,
    parse_tiers,
)
from milepost_core.playbooks.parsing_steps import MOST_STEPS, parse_steps
from milepost_core.playbooks.parsing_triggers import parse_trigger, refuse_unbounded
from milepost_core.playbooks.parsing_words import MOST_TEXT, chain, long_text, name, one_line, problem

__all__ = [
    "FORMAT", "MOST_PURPOSE", "MOST_STEPS", "MOST_TEXT", "MOST_TITLE", "PlaybookInvalid", "Problem", "conditions_of",
    "parse_playbook", "unknown_facts",
]  # fmt: skip

FORMAT: Final = "playbook/1"
MOST_PURPOSE: Final = 2000
MOST_TITLE: Final = 120


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a document: where (JSON pointer), a code for machines, a sentence for people."""

    pointer: str
    code: str
    sentence: str


class PlaybookInvalid(Exception):
    """The document cannot be used; `problems` holds everything that is wrong with it, up to `MOST_TOLD`."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems[:MOST_TOLD]
        super().__init__("; ".join(f"{one.pointer or '/'}: {one.sentence}" for one in self.problems))


def parse_playbook(document: Mapping[str, Any]) -> Playbook:
    """Turn a loaded document into a Playbook.

    Raises PlaybookInvalid with every problem found: unknown or missing keys, types, bounds, doubled ids, names that
    lead nowhere, circles, steps that nothing reaches, a trigger that bounds nobody.
    """
    problems: list[ModelProblem] = []
    root = Section(document, "", problems)
    playbook = _playbook(root)
    root.finish()
    problems += refuse_unbounded(playbook.trigger, playbook.audience)
    problems += refuse_wrong_paths(playbook)
    if not problems:
        problems += refuse_wrong_outcomes(playbook, conditions_of(playbook))
    if problems:
        raise PlaybookInvalid(told(problems))
    return playbook


def _playbook(root: Section) -> Playbook:
    root.choice("format", [FORMAT], FORMAT)
    audience = root.take("audience")
    return Playbook(
        id=name(root, "id"),
        version=root.whole("version", 1, least=1),
        name=one_line(root, "name", MOST_TITLE).strip(),
        purpose=long_text(root, "purpose", MOST_PURPOSE, required=False),
        trigger=parse_trigger(root.section("trigger")),
        audience=None if audience is None else parse_condition(audience, "/audience", root.problems),
        tiers=parse_tiers(root),
        steps=parse_steps(root),
        exits=parse_exits(root),
        re_entry=parse_re_entry(root),
        priority=root.whole("priority", 50, least=0, most=100),
        owner=chain(root, "owner", ("owner",)),
        measures=parse_measures(root),
        holdout=parse_holdout(root),
        arms=parse_arms(root),
    )


def told(problems: Iterable[ModelProblem]) -> tuple[Problem, ...]:
    """Return mistakes as people and machines are told of them, each once."""
    said = (Problem(one.pointer, one.code, one.said) for one in problems)
    return tuple(dict.fromkeys(said))


def conditions_of(playbook: Playbook) -> Iterator[tuple[str, Condition]]:
    """Yield every condition that a playbook's document says, with its place there."""
    trigger = playbook.trigger
    if isinstance(trigger, WatchTrigger) and trigger.said_as != "silence":
        yield "/trigger/when", trigger.enter
        if trigger.rearm is not None:
            yield "/trigger/rearm", trigger.rearm
    if playbook.audience is not None:
        yield "/audience", playbook.audience
    for index, step in enumerate(playbook.steps):
        if step.only_if is not None:
            yield f"/steps/{index}/only_if", step.only_if
        if isinstance(step, WaitStep) and step.condition is not None:
            yield f"/steps/{index}/when", step.condition
        if isinstance(step, BranchStep):
            yield from ((f"/steps/{index}/cases/{n}/when", case.when) for n, case in enumerate(step.cases))
    yield from ((f"/exits/{n}/when", one.condition) for n, one in enumerate(playbook.exits) if one.condition)
    yield from ((f"/measures/{n}/when", one.condition) for n, one in enumerate(playbook.measures))
    if playbook.holdout is not None and playbook.holdout.never is not None:
        yield "/holdout/never", playbook.holdout.never


def unknown_facts(playbook: Playbook, known: Vocabulary) -> tuple[Problem, ...]:
    """Return each name that the score models in charge do not have: signals, dimensions, milestones, gates, stages.

    A trigger that only their list of stages shows to bound nobody is told of as well.
    """
    places = [one for pointer, tree in conditions_of(playbook) for one in tests_in(tree, pointer)]
    found = list(refuse_unknown_facts(places, known))
    trigger = playbook.trigger
    found += refuse_unbounded(trigger, playbook.audience, known.stage)
    for index, milestone in enumerate(trigger.milestones if isinstance(trigger, MilestoneTrigger) else ()):
        if known.milestone is not None and milestone not in known.milestone:
            message = f"no score model in charge has a milestone {milestone!r}"
            near = nearest_word(milestone, known.milestone)
            place, expected = f"/trigger/milestones/{index}", "a name that one of them has"
            found.append(ModelProblem(place, message, expected, near, "milestone_unknown"))
    rows = playbook.tiers.rows if playbook.tiers else ()
    for index, row in enumerate(rows):
        for stage in row.stages:
            if known.stage is not None and stage not in known.stage:
                words = ", ".join(sorted(known.stage))
                message = f"no score model in charge has a stage {stage!r}"
                found.append(problem(f"/tiers/rows/{index}/stages", "stage_unknown", message, f"one of {words}"))
    return told(found)
