"""Whether one condition follows from another: it holds for every account for which the other does.

It never looks at an account. It tries values that stand for all that a subject can have, so that a "yes" is one for
everybody; where there would be too many to try it says "no".
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product
from math import inf, prod
from typing import Final

from milepost_core.milestones import JourneyState, MilestoneState
from milepost_core.model.section import is_number
from milepost_core.playbooks.conditions import AllOf, Compare, Condition, Fact, Facts, Scalar, answer, tests_of
from milepost_core.playbooks.parsing_bounds import RANGES
from milepost_core.playbooks.triggers import BAND_RANK

__all__ = ["MOST_TRIES", "follows", "meets"]

MOST_TRIES: Final = 4_000
"""Tests that are answered at most for one question: some hundredths of a second."""
_WORDS: Final[Mapping[str, tuple[Scalar, ...]]] = {
    "band": (*BAND_RANK, "unknown"), "journey": tuple(map(str, JourneyState)),
    "milestone": tuple(map(str, MilestoneState)), "gate": (True, False),
}  # fmt: skip
# Beside the words that are said there are others: one before all of them, and one right behind each.
_ANOTHER: Final = "\x00"
_NOTHING: Final = Fact(None)


def follows(then: Condition, when: Condition) -> bool:
    """Say whether `then` is sure to hold wherever `when` does; a condition that can never hold leads to nothing."""
    found = [answer(then, facts).holds is True for facts in _tries(when, then) if answer(when, facts).holds is True]
    return bool(found) and all(found)


def meets(one: Condition, other: Condition) -> bool:
    """Say whether two conditions about one and the same subject can hold at once, or the second follows from the first.

    Of several subjects it is not known which of their values go together.
    """
    if len({test.subject for test in (*tests_of(one), *tests_of(other))}) > 1:
        return follows(other, one)
    both = AllOf((one, other))
    return any(answer(both, facts).holds is True for facts in _tries(both))


def _tries(*conditions: Condition) -> Iterator[Facts]:
    """Yield all that accounts can be like, as far as the tests of these conditions tell; too many of them: nothing."""
    by_subject: dict[str, list[Compare]] = {}
    for test in (test for condition in conditions for test in tests_of(condition)):
        by_subject.setdefault(test.subject, []).append(test)
    choices = [_values(subject, tests) for subject, tests in by_subject.items()]
    if prod(map(len, choices)) * sum(map(len, by_subject.values())) > MOST_TRIES:
        return
    for values in product(*choices):
        yield dict(zip(by_subject, values, strict=True))


def _values(subject: str, tests: Sequence[Compare]) -> list[Fact]:
    """Return what stands for all that a subject can be: nothing, what is said, and what lies around and between it."""
    family = subject.partition(".")[0]
    nothing = () if family == "gate" else (_NOTHING,)
    if family in _WORDS:
        return [*nothing, *(Fact(one) for one in _WORDS[family])]
    said = [value for test in tests for value in test.values]
    low, high = RANGES.get(family, (-inf, inf))
    edges = {float(one) for one in said if is_number(one) and low <= one <= high}
    if family in RANGES:
        return [*nothing, *(Fact(one) for one in _with_between(sorted({low, *edges, high})))]
    numbers = _with_between(
        sorted({*edges, *(step for one in edges for step in (one - abs(one) - 1, one + abs(one) + 1))})
    )
    words = {word for one in said if isinstance(one, str) for word in (one, f"{one}\x00")}
    values: list[Scalar] = [*numbers, *sorted(words | {_ANOTHER}), True, False]
    return [*nothing, *(Fact(one) for one in values)]


def _with_between(edges: Sequence[float]) -> list[float]:
    return [*edges, *((low + high) / 2 for low, high in pairwise(edges))]
