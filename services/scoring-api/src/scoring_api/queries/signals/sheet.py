"""Collects what one statement must compute for a model: bound parameters and named columns, each once.

It never runs a statement, and a value of a model never becomes part of its text.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Column = NDArray[Any]
Columns = Mapping[str, Column]
Area = Literal["recent", "ever", "items", "milestones", "attributes"]

# The first three parameters of every statement: account ids, moments, and by when all is told.
FIXED_PARAMETERS = 3


@dataclass(frozen=True)
class Selection:
    """Which records an aggregation is about: those of a window are found apart from those of all time."""

    condition: str
    window_days: float | None
    types: tuple[str, ...]

    @property
    def area(self) -> Area:
        """Where its columns are computed."""
        return "ever" if self.window_days is None else "recent"

    def but(self, condition: str) -> "Selection":
        """Return the same records, as far as another condition holds too."""
        return replace(self, condition=f"{self.condition} and {condition}")


class Sheet:
    """The columns of one statement, by area, and the parameters that they use."""

    def __init__(self, timezone: str) -> None:
        self.timezone = timezone
        self.arguments: list[Any] = []
        self.areas: dict[Area, dict[str, str]] = {
            "recent": {}, "ever": {}, "items": {}, "milestones": {}, "attributes": {},
        }  # fmt: skip
        self.selections: dict[Area, dict[str, Selection]] = {"recent": {}, "ever": {}}
        self.item_properties: dict[str, str] = {}
        self.item_kinds: set[str] = set()
        self.edges: dict[str, str] = {}
        self.item_states: dict[tuple[str, ...], str] = {}
        self._bound: dict[tuple[str, str], str] = {}

    def bind(self, value: Any, cast: str) -> str:
        """Return the placeholder of a parameter; equal values share one."""
        key = (repr(value), cast)
        if key not in self._bound:
            self.arguments.append(value)
            self._bound[key] = f"${FIXED_PARAMETERS + len(self.arguments)}::{cast}"
        return self._bound[key]

    def edge(self, days: float) -> str:
        """Return the moment so many days of 86,400 seconds before the one asked for; computed once an account."""
        span = self.bind(timedelta(days=days), "interval")
        name = self.edges.setdefault(span, f"edge{len(self.edges)}")
        return f"b.{name}"

    def aggregate(self, selection: Selection, expression: str, shown: Callable[[str], str] = str) -> str:
        """Return the name of an aggregate over the records selected; `shown` makes of it what is answered."""
        self.selections[selection.area].setdefault(selection.condition, selection)
        return self.column(selection.area, shown(f"{expression} filter (where {selection.condition})"))

    def column(self, area: Area, expression: str) -> str:
        """Return the name under which the statement answers an expression; equal expressions share one."""
        known = self.areas[area]
        if expression not in known:
            known[expression] = f"{area[0]}{len(known)}"
        return known[expression]
