"""Conditions about an account: a tree of all, any, not and tests, which holds, does not, or cannot be known.

Three-valued after Kleene: what cannot be known decides only where it matters. Every leaf says why. It never fetches a
fact, and what it is asked about is a plain mapping.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Scalar: TypeAlias = str | float | bool
Operator: TypeAlias = Literal["eq", "ne", "lt", "lte", "gt", "gte", "in", "not_in", "known", "unknown"]


@dataclass(frozen=True)
class Fact:
    """What is known about one subject of an account; `value` None: nothing, and `why` says why."""

    value: Scalar | None
    why: str = ""


Facts: TypeAlias = Mapping[str, Fact]
"""By subject: `score`, `band`, `change_7d`, `change_28d`, `confidence`, `stage`, `segment`, `owner`, `age_days`,
`journey`, `signal.<id>` (as measured), `points.<id>`, `dimension.<id>`, `milestone.<id>` (its state),
`attribute.<name>`, `gate.<id>` (fired or not). A subject that is not there is not known."""


@dataclass(frozen=True)
class Compare:
    """One subject compared; `values` has one value, for `in` and `not_in` several, for `known` and `unknown` none."""

    subject: str
    operator: Operator
    values: tuple[Scalar, ...] = ()


@dataclass(frozen=True)
class AllOf:
    """Every part holds."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class AnyOf:
    """Some part holds."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: "Condition"


Condition: TypeAlias = AllOf | AnyOf | Not | Compare


@dataclass(frozen=True)
class Leaf:
    """What one test came to, and why, as a sentence."""

    test: Compare
    holds: bool | None
    because: str


@dataclass(frozen=True)
class Answer:
    """What a tree came to: True, False, or None where it cannot be known; with every leaf in reading order."""

    holds: bool | None
    leaves: tuple[Leaf, ...]
