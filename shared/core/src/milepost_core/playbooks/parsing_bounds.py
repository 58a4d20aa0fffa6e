"""Whom a condition bounds: whether it says who is meant, or could hold for everybody.

It never looks at an account. It is careful in one direction: what it calls bounded may still be most of the book, but
what it calls unbounded leaves out nobody, or hardly anybody.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

from milepost_core.milestones import JourneyState
from milepost_core.model.section import is_number
from milepost_core.playbooks.conditions import ASKING, AllOf, AnyOf, Compare, Condition, Fact, Not, Scalar, answer
from milepost_core.playbooks.document import BAND_RANK

__all__ = ["RANGES", "Words", "bounded", "within"]

RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "score": (0.0, 100.0), "age_days": (0.0, 36_500.0), "change_7d": (-100.0, 100.0),
    "change_28d": (-100.0, 100.0), "confidence": (0.0, 1.0), "dimension": (0.0, 100.0), "days_since": (0.0, 36_500.0),
}  # fmt: skip
"""What these facts can be; a test that holds for all of it says nothing."""
# Everybody has these: that they are known bounds nobody.
_EVERYBODYS: Final = frozenset({"band", "age_days", "score", "confidence", "stage", "owner", "segment", "journey"})
Words: TypeAlias = Mapping[str, tuple[Scalar, ...]]
_WORDS: Final[Words] = {
    "band": tuple(BAND_RANK), "journey": tuple(str(state) for state in JourneyState), "gate": (True, False),
}  # fmt: skip
_COMMON: Final[Mapping[str, tuple[float, float]]] = {**RANGES, "age_days": (1.0, 3650.0)}
"""Between these lies all but what hardly any account is: nobody stays younger than a day for long."""
_OPPOSITE: Final = {
    "eq": "ne", "ne": "eq", "in": "not_in", "not_in": "in", "lt": "gte", "gte": "lt", "gt": "lte", "lte": "gt",
    "known": "unknown", "unknown": "known",
}  # fmt: skip


def bounded(condition: Condition, *, leaving: bool = False, stages: Iterable[str] | None = None) -> bool:
    """Say whether some test, on every way in which the condition can hold, says who is meant.

    "leaving" asks it of the opposite: who does not fulfil the condition any more has fulfilled it, so it bounds as
    the condition itself does. `stages` are all that there are, where they are known.
    """
    words = _WORDS if not stages else {**_WORDS, "stage": tuple(stages)}
    return _bounded(condition, True, words) or (leaving and _bounded(condition, False, words))


def _bounded(condition: Condition, straight: bool, words: Words) -> bool:
    match condition:
        case Not(part):
            return _bounded(part, not straight, words)
        case AllOf(parts) | AnyOf(parts):
            if not parts:
                return False
            if isinstance(condition, AllOf) is straight:
                return any(_bounded(part, straight, words) for part in parts)
            ways = list(_ways(condition, straight))
            return all(_bounded(way, True, words) for way in ways) and not _leave_nobody_out(ways, words)
        case Compare():
            return _says_who(condition, condition.operator if straight else _OPPOSITE[condition.operator], words)
    return False


def _ways(condition: Condition, straight: bool) -> Iterator[Condition]:
    """Yield the ways in which a condition can hold (not straight: not hold), none of which is one of several again."""
    match condition:
        case Not(part):
            yield from _ways(part, not straight)
        case AllOf(parts) | AnyOf(parts) if isinstance(condition, AnyOf) is straight:
            for part in parts:
                yield from _ways(part, straight)
        case _:
            yield condition if straight else Not(condition)


def _leave_nobody_out(ways: Sequence[Condition], words: Words) -> bool:
    """Say whether the tests of some one subject among these hold, one or another of them, whatever its value is."""
    by_subject: dict[str, list[Condition]] = {}
    for way in ways:
        test = way.part if isinstance(way, Not) else way
        # A slip that compares with nothing is told where it stands.
        if isinstance(test, Compare) and (test.values or test.operator in ASKING):
            by_subject.setdefault(test.subject, []).append(way)
    return any(
        bool(values := _values_of(subject, tests, words))
        and all(answer(AnyOf(tuple(tests)), {subject: Fact(value)}).holds for value in values)
        for subject, tests in by_subject.items()
        if len(tests) > 1
    )


def _values_of(subject: str, tests: Sequence[Condition], words: Words) -> list[Scalar]:
    """Return values of a subject that stand for all that it can have: words, or edges and what lies between them."""
    family = subject.partition(".")[0]
    ends = RANGES.get(family)
    if ends is None:
        return list(words.get(family, ()))
    said = [one for test in tests for one in (test.part if isinstance(test, Not) else test).values]  # type: ignore[union-attr] # tests only
    edges = sorted({*ends, *(float(one) for one in said if is_number(one) and ends[0] <= one <= ends[1])})
    return [*edges, *((low + high) / 2 for low, high in pairwise(edges))]


def _says_who(test: Compare, operator: str, words: Words) -> bool:
    if operator in ("ne", "not_in", "unknown"):
        return False
    if operator == "known":
        return test.subject not in _EVERYBODYS
    if operator == "in":
        # To be in one of the bands that are an answer is what nearly everybody is.
        every = set(BAND_RANK) if test.subject == "band" else set(words.get(test.subject.partition(".")[0], ()))
        return not every or not every <= set(test.values)
    return not _holds_for_most(test, operator)


def _holds_for_most(test: Compare, operator: str) -> bool:
    ends = _ends(test.subject, _COMMON)
    if ends is None or len(test.values) != 1 or not is_number(test.values[0]):
        return False
    value = float(test.values[0])
    return value <= ends[0] if operator in ("gt", "gte") else value >= ends[1] if operator in ("lt", "lte") else False


def _ends(subject: str, ranges: Mapping[str, tuple[float, float]]) -> tuple[float, float] | None:
    return ranges.get(subject) or ranges.get(subject.partition(".")[0])


def within(subject: str, operator: str, values: tuple[object, ...]) -> bool | None:
    """Return True where a test of a number or a list of words always holds, False where it never can, else None."""
    family = subject.partition(".")[0]
    if operator in ("in", "not_in") and family in _WORDS:
        every = {*_WORDS[family], *(("unknown",) if family == "band" else ())}
        return operator == "in" if every <= set(values) else None
    ends = _ends(subject, RANGES)
    if ends is None or len(values) != 1 or not is_number(values[0]):
        return None
    (low, high), value = ends, float(values[0])
    always = {"lt": value > high, "lte": value >= high, "gt": value < low, "gte": value <= low}
    never = {
        "lt": value <= low, "lte": value < low, "gt": value >= high, "gte": value > high,
        "eq": not low <= value <= high,
    }  # fmt: skip
    return True if always.get(operator) else False if never.get(operator) else None
