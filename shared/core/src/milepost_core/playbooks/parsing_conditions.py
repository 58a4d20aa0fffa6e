"""Conditions from a document: all, any, not, and tests of one fact; and who is bounded by one.

It never asks for a fact; whether a signal of this name exists is for `refuse_unknown_facts` to say, which is handed
the names.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast, get_args

from milepost_core.milestones import JourneyState, MilestoneState
from milepost_core.model.problems import ModelProblem, nearest_word, step_into
from milepost_core.model.section import Section, is_number, scalars
from milepost_core.playbooks.conditions import (
    ASKING,
    LISTING,
    MOST_DEPTH,
    MOST_NUMBER,
    MOST_PARTS,
    MOST_VALUES,
    MOST_WORD,
    NAMED,
    OF_RUN,
    ORDERING,
    PLAIN,
    SUBJECT,
    SUBJECT_OF_RUN,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Not,
    Operator,
    Scalar,
    tests_of,
)
from milepost_core.playbooks.parsing_words import BANDS, problem

__all__ = ["OPERATORS", "Placed", "Vocabulary", "parse_condition", "refuse_unknown_facts", "tests_in"]

OPERATORS: Final = get_args(Operator)
_NUMBERS: Final = frozenset({"score", "change_7d", "change_28d", "age_days", "confidence"})
_NUMBER_FAMILIES: Final = frozenset({"points", "dimension", "days_since"})
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "band": BANDS,
    "journey": tuple(str(state) for state in JourneyState),
    "milestone": tuple(str(state) for state in MilestoneState),
}
_FORMS: Final = ("all", "any", "not", "subject")
_EXPECTED: Final = "all, any, not, or a test {subject, operator, value}"


@dataclass(frozen=True)
class Placed:
    """One test with its place in the document."""

    pointer: str
    test: Compare


@dataclass(frozen=True)
class Vocabulary:
    """What the score models in charge measure, by family; a family that is None is not checked."""

    signal: frozenset[str] | None = None
    dimension: frozenset[str] | None = None
    milestone: frozenset[str] | None = None
    gate: frozenset[str] | None = None
    stage: frozenset[str] | None = None

    def of(self, family: str) -> frozenset[str] | None:
        """Return the names that a family has."""
        known: dict[str, frozenset[str] | None] = {
            "signal": self.signal, "points": self.signal, "dimension": self.dimension, "milestone": self.milestone,
            "gate": self.gate,
        }  # fmt: skip
        return known.get(family)


def parse_condition(
    raw: object, pointer: str, problems: list[ModelProblem], depth: int = 0, *, of_run: bool = False
) -> Condition:
    """Return the tree that a value says; for one that says none, a stand-in, and the problem in the list.

    `of_run`: a run asks, so that it may also ask what came of its steps.
    """
    section = Section(raw, pointer, problems)
    if depth >= MOST_DEPTH:
        section.note("", f"is nested deeper than {MOST_DEPTH}", "a flatter condition")
        return AllOf(())
    forms = [key for key in _FORMS if section.has(key)]
    if len(forms) != 1:
        section.note("", "says no condition" if not forms else f"says {' and '.join(forms)} at once", _EXPECTED)
        return AllOf(())
    found = _form(section, forms[0], depth, of_run)
    section.finish()
    if depth == 0 and (many := len(tests_of(found))) > MOST_PARTS:
        section.note("", f"has {many} tests", f"at most {MOST_PARTS} of them in one condition")
    return found


def _form(section: Section, form: str, depth: int, of_run: bool) -> Condition:
    if form == "not":
        return Not(parse_condition(section.take("not"), section.at("not"), section.problems, depth + 1, of_run=of_run))
    if form == "subject":
        return _test(section, of_run)
    value = section.take(form)
    if not isinstance(value, list | tuple) or not value or len(value) > MOST_PARTS:
        section.note(form, "is no list of conditions", f"a list of 1 to {MOST_PARTS} conditions")
        return AllOf(())
    place = section.at(form)
    parts = tuple(
        parse_condition(one, step_into(place, n), section.problems, depth + 1, of_run=of_run)
        for n, one in enumerate(value)
    )
    return AllOf(parts) if form == "all" else AnyOf(parts)


def _test(section: Section, of_run: bool) -> Compare:
    subject = section.text("subject")
    operator = cast(Operator, section.choice("operator", OPERATORS, "eq") or "eq")
    values = _values(section, operator)
    _check_subject(section, subject, of_run)
    _check_values(section, subject, operator, values)
    return Compare(subject, operator, values)


def _values(section: Section, operator: str) -> tuple[Scalar, ...]:
    value, listed = section.take("value"), operator in LISTING
    if operator in ASKING:
        if value is not None:
            section.note("value", f"{operator} compares with nothing", "no value")
        return ()
    found = () if value is None or isinstance(value, list | tuple) is not listed else scalars(value)
    if not found:
        expected = "a list of values" if listed else "one text, number, true or false"
        section.note("value" if value is not None else "", f"{operator} needs something to compare with", expected)
    if len(found) > MOST_VALUES:
        section.note("value", f"lists {len(found)} values", f"at most {MOST_VALUES}")
    return found[:MOST_VALUES]


def _check_subject(section: Section, subject: str, of_run: bool) -> None:
    if not subject or (SUBJECT_OF_RUN if of_run else SUBJECT).fullmatch(subject):
        return
    family, dot, rest = subject.partition(".")
    kind = nearest_word(family, named := (*NAMED, OF_RUN) if of_run else NAMED)
    near = nearest_word(subject, PLAIN) or (f"{kind}.{rest}" if dot and kind else None)
    expected = f"one of {', '.join([*PLAIN, *(f'{one}.<id>' for one in named)])}"
    message = f"nothing is known by the name {subject[:60]!r}"
    if family == OF_RUN and not of_run:
        message = f"{subject[:60]!r} is known in a run only: in a branch, or in the only_if of a step"
    section.problems.append(ModelProblem(section.at("subject"), message, expected, near, "subject_unknown"))


def _check_values(section: Section, subject: str, operator: str, values: tuple[object, ...]) -> None:
    family = subject.partition(".")[0]
    numeric = subject in _NUMBERS or family in _NUMBER_FAMILIES
    for value in values:
        if too_much := _too_much(value):
            section.note("value", *too_much)
        elif numeric and not is_number(value):
            section.note("value", f"{value!r:.60} is not a number", f"a number, as {subject} is one")
        elif family in _WORDS and value not in _WORDS[family]:
            words = _WORDS[family]
            near = nearest_word(str(value), words)
            section.note("value", f"{value!r:.60} is never a {family}", f"one of {', '.join(words)}", near)
        elif operator in ORDERING and isinstance(value, bool):
            section.note("value", "true and false have no order", "a number or a text")
        elif family == "gate" and not isinstance(value, bool):
            section.note("value", f"{value!r:.60} is neither true nor false", "true (it fired) or false")


def _too_much(value: object) -> tuple[str, str] | None:
    """Return why a value cannot be asked about, and what can."""
    if isinstance(value, str) and len(value) > MOST_WORD:
        return f"is a text of {len(value)} characters", f"at most {MOST_WORD} of them"
    if is_number(value) and abs(value) >= MOST_NUMBER:
        return "is further from 0 than numbers can be that are compared", f"a number below {MOST_NUMBER:g}"
    return None


def tests_in(condition: Condition, pointer: str) -> Iterator[Placed]:
    """Yield every test of a tree with its place, in reading order."""
    match condition:
        case Compare():
            yield Placed(pointer, condition)
        case Not(part):
            yield from tests_in(part, f"{pointer}/not")
        case AllOf(parts) | AnyOf(parts):
            key = "all" if isinstance(condition, AllOf) else "any"
            for index, part in enumerate(parts):
                yield from tests_in(part, f"{pointer}/{key}/{index}")


def refuse_unknown_facts(places: Iterable[Placed], known: Vocabulary) -> Iterator[ModelProblem]:
    """Yield each test of a signal, dimension, milestone, gate or stage that no score model in charge has."""
    for one in places:
        family, _, rest = one.test.subject.partition(".")
        names = known.of(family)
        if names is not None and rest not in names:
            message = f"no score model in charge has a {family} {rest!r}"
            near = nearest_word(rest, names)
            yield ModelProblem(
                f"{one.pointer}/subject", message, "a name that one of them has", near, f"{family}_unknown"
            )
        if one.test.subject == "stage" and known.stage is not None:
            for value in one.test.values:
                if value not in known.stage:
                    words = ", ".join(sorted(known.stage))
                    message = f"no score model in charge has a stage {value!r}"
                    yield problem(f"{one.pointer}/value", "stage_unknown", message, f"one of {words}")
