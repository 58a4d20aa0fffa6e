"""Conditions about an account: a tree of all, any, not and tests, which holds, does not, or cannot be known.

Three-valued after Kleene: what cannot be known decides only where it matters. Every leaf says why. It never fetches a
fact, and what it is asked about is a plain mapping.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, TypeAlias

Scalar: TypeAlias = str | float | bool
Operator: TypeAlias = Literal["eq", "ne", "lt", "lte", "gt", "gte", "in", "not_in", "known", "unknown"]

PLAIN: Final = (
    "score", "band", "change_7d", "change_28d", "confidence", "stage", "segment", "owner", "age_days", "journey",
)  # fmt: skip
"""Subjects that every account has one of."""
NAMED: Final = ("signal", "points", "dimension", "milestone", "attribute", "gate", "days_since")
"""Subjects that need a name after a dot: `signal.active_seats`."""
SUBJECT: Final = re.compile(rf"(?:{'|'.join(PLAIN)})|(?:{'|'.join(NAMED)})\.[^\x00-\x1f]{{1,200}}")
"""How a subject is written."""
OF_RUN: Final = "outcome"
"""A family of subjects that no account has: what came of a step of the run that asks (`outcome.<step>`)."""
SUBJECT_OF_RUN: Final = re.compile(rf"(?:{SUBJECT.pattern})|{OF_RUN}\.[^\x00-\x1f]{{1,200}}")
"""How a subject is written where a run asks."""
ORDERING: Final = ("lt", "lte", "gt", "gte")
LISTING: Final = ("in", "not_in")
ASKING: Final = ("known", "unknown")
MOST_PARTS: Final = 200
"""Tests in one tree."""
MOST_DEPTH: Final = 20
MOST_VALUES: Final = 100
MOST_WORD: Final = 500
MOST_NUMBER: Final = 1e300
"""A number compared with lies closer to 0 than this."""


@dataclass(frozen=True)
class Fact:
    """What is known about one subject of an account; `value` None: nothing, and `why` says why."""

    value: Scalar | None
    why: str = ""


Facts: TypeAlias = Mapping[str, Fact]
"""By subject: `score`, `band`, `change_7d`, `change_28d`, `confidence`, `stage`, `segment`, `owner`, `age_days`,
`journey`, `signal.<id>` (as measured), `points.<id>`, `dimension.<id>`, `milestone.<id>` (its state),
`attribute.<name>`, `gate.<id>` (fired or not), `days_since.<event type>` (since the last one, or since the start).
A subject that is not there is not known, but for gates: those that are not there did not fire."""


class _Told:
    """What can be said as a sentence; that is made once, as a playbook's conditions are said again and again."""

    @cached_property
    def in_words(self) -> str:
        """See `sentence`."""
        assert isinstance(self, AllOf | AnyOf | Not | Compare), "nothing else is a condition"
        return _in_words(self)


@dataclass(frozen=True)
class Compare(_Told):
    """One subject compared; `values` has one value, for `in` and `not_in` several, for `known` and `unknown` none."""

    subject: str
    operator: Operator
    values: tuple[Scalar, ...] = ()


@dataclass(frozen=True)
class AllOf(_Told):
    """Every part holds."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class AnyOf(_Told):
    """Some part holds."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class Not(_Told):
    """The part does not hold."""

    part: "Condition"


Condition: TypeAlias = AllOf | AnyOf | Not | Compare


@dataclass(frozen=True)
class Leaf:
    """What one test came to by a fact."""

    test: Compare
    holds: bool | None
    fact: Fact

    @property
    def because(self) -> str:
        """Why it came to that, as a sentence; put into words only for whoever asks."""
        test, value, words = self.test, self.fact.value, words_of(self.test.subject)
        if value is None:
            return f"{words} is not known" + (f": {self.fact.why}" if self.fact.why else "")
        said = f"{words} is {_shown(value)}"
        if test.operator in ASKING:
            return said
        if self.holds is None:
            return f"{said}, which has no order beside {_shown(test.values[0])}"
        return f"{said}, which {_verb(test, negated=not self.holds)}"


@dataclass(frozen=True)
class Answer:
    """What a tree came to: True, False, or None where it cannot be known; with every leaf in reading order."""

    holds: bool | None
    leaves: tuple[Leaf, ...]

    @property
    def because(self) -> str:
        """The leaves that are of one mind with the whole, as one text: why it holds, does not, or cannot be known."""
        return "; ".join(dict.fromkeys(leaf.because for leaf in self.leaves if leaf.holds is self.holds)) or "; ".join(
            dict.fromkeys(leaf.because for leaf in self.leaves)
        )


def answer(condition: Condition, facts: Facts) -> Answer:
    """Return what a tree comes to for one account, with a reason for every leaf.

    A value of another kind than the one that it is compared with is neither above nor below it (not known), and not
    equal to it. An empty `all` holds, an empty `any` does not.
    """
    leaves: list[Leaf] = []
    return Answer(_answer(condition, facts, leaves), tuple(leaves))


def tests_of(condition: Condition) -> tuple[Compare, ...]:
    """Return every test of a tree, in reading order."""
    match condition:
        case Compare():
            return (condition,)
        case Not(part):
            return tests_of(part)
        case AllOf(parts) | AnyOf(parts):
            return tuple(test for part in parts for test in tests_of(part))


def subjects_of(*conditions: Condition | None) -> tuple[str, ...]:
    """Return what trees ask about, each subject once, in the order of their reading."""
    tests = (test for condition in conditions if condition is not None for test in tests_of(condition))
    return tuple(dict.fromkeys(test.subject for test in tests))


def depth_of(condition: Condition) -> int:
    """Return how deep a tree goes: 1 for a single test."""
    match condition:
        case Compare():
            return 1
        case Not(part):
            return 1 + depth_of(part)
        case AllOf(parts) | AnyOf(parts):
            return 1 + max((depth_of(part) for part in parts), default=0)


def sentence(condition: Condition) -> str:
    """Return a tree as one English sentence without a full stop, with parentheses where they are needed."""
    return condition.in_words


def _in_words(condition: Condition) -> str:
    match condition:
        case Compare():
            return f"{words_of(condition.subject)} {_verb(condition, negated=False)}"
        case Not(Compare() as test):
            return f"{words_of(test.subject)} {_verb(test, negated=True)}"
        case Not(part):
            return f"not ({sentence(part)})"
        case AllOf(parts):
            return _joined(parts, " and ", "always")
        case AnyOf(parts):
            return _joined(parts, " or ", "never")


def words_of(subject: str) -> str:
    """Return a subject in words: `change_7d` is "the change in 7 days"."""
    kind, dot, name = subject.partition(".")
    if dot and kind in _NAMED_WORDS:
        return _NAMED_WORDS[kind].format(name=name)
    return _PLAIN_WORDS.get(subject, subject)


_PLAIN_WORDS: Final[Mapping[str, str]] = {
    "score": "the score", "band": "the band", "change_7d": "the change in 7 days",
    "change_28d": "the change in 28 days", "confidence": "the confidence", "stage": "the stage",
    "segment": "the segment", "owner": "the owner", "age_days": "the age in days", "journey": "the journey",
}  # fmt: skip
_NAMED_WORDS: Final[Mapping[str, str]] = {
    "signal": "{name}", "points": "what {name} gives in points", "dimension": "the dimension {name}",
    "milestone": "the milestone {name}", "attribute": "the account's {name}", "gate": "the gate {name}",
    "days_since": "the days since the last {name}", OF_RUN: "what came of {name}",
}  # fmt: skip
_VERBS: Final[Mapping[str, tuple[str, str]]] = {
    "eq": ("is", "is not"), "ne": ("is not", "is"), "lt": ("is below", "is not below"),
    "lte": ("is at most", "is not at most"), "gt": ("is above", "is not above"),
    "gte": ("is at least", "is not at least"), "in": ("is one of", "is none of"),
    "not_in": ("is none of", "is one of"), "known": ("is known", "is not known"),
    "unknown": ("is not known", "is known"),
}  # fmt: skip


def _joined(parts: Sequence[Condition], word: str, empty: str) -> str:
    if len(parts) == 1:
        return sentence(parts[0])
    said = (f"({sentence(part)})" if isinstance(part, AllOf | AnyOf) else sentence(part) for part in parts)
    return word.join(said) or empty


def _verb(test: Compare, *, negated: bool) -> str:
    return " ".join((_VERBS[test.operator][negated], ", ".join(_shown(value) for value in test.values))).rstrip()


def _shown(value: Scalar) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value if value.strip() else f'"{value}"'
    return f"{value:.0f}" if value == int(value) else f"{value:.10g}"


def _answer(condition: Condition, facts: Facts, leaves: list[Leaf]) -> bool | None:
    match condition:
        case Compare():
            leaf = _leaf(condition, facts)
            leaves.append(leaf)
            return leaf.holds
        case Not(part):
            inner = _answer(part, facts, leaves)
            return None if inner is None else not inner
        case AllOf(parts):
            # Every part is looked at, so that every leaf can say why.
            found = [_answer(part, facts, leaves) for part in parts]
            return False if False in found else None if None in found else True
        case AnyOf(parts):
            found = [_answer(part, facts, leaves) for part in parts]
            return True if True in found else None if None in found else False


_NOTHING: Final = Fact(None, "nothing has been said about it")
_NOT_FIRED: Final = Fact(False)


def _leaf(test: Compare, facts: Facts) -> Leaf:
    fact = facts.get(test.subject, _NOT_FIRED if test.subject.startswith("gate.") else _NOTHING)
    if test.operator in ASKING:
        return Leaf(test, (fact.value is not None) is (test.operator == "known"), fact)
    return Leaf(test, None if fact.value is None else _compared(test, fact.value), fact)


def _compared(test: Compare, value: Scalar) -> bool | None:
    match test.operator:
        case "eq" | "in":
            return any(_equal(value, one) for one in test.values)
        case "ne" | "not_in":
            return not any(_equal(value, one) for one in test.values)
        case _:
            return _ordered(test.operator, value, test.values[0])


def _equal(value: Scalar, other: Scalar) -> bool:
    return _kind(value) == _kind(other) and value == other


def _ordered(operator: Operator, value: Scalar, other: Scalar) -> bool | None:
    kind = _kind(value)
    if kind != _kind(other) or kind == "truth":
        return None
    below, equal = value < other, value == other  # type: ignore[operator] # both are of one kind
    match operator:
        case "lt":
            return below
        case "lte":
            return below or equal
        case "gt":
            return not below and not equal
        case _:
            return not below


def _kind(value: Scalar) -> str:
    return "truth" if isinstance(value, bool) else "word" if isinstance(value, str) else "number"
