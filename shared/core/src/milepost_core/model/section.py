"""Reads one mapping of a document key by key, noting everything that is not as it should be.

It never raises: a wrong value is noted and a harmless stand-in returned, so that all problems
of a document are found in one pass.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeGuard

from milepost_core.model.normalisers import category_text
from milepost_core.model.problems import ModelProblem, nearest_word, step_into
from milepost_core.model.sources import Scalar

__all__ = [
    "ANY", "DAYS", "DIVISOR", "FAINT", "ID_FORM", "MOST", "MOST_DAYS", "MOST_KEYS", "NOT_NEGATIVE", "POINTS",
    "POSITIVE", "SHARE", "SPAN", "WEIGHT", "Limits", "Section", "is_number", "scalars",
]  # fmt: skip

_REQUIRED: Final = object()


@dataclass(frozen=True, slots=True)
class Limits:
    """The range a number must lie in, and its words."""

    low: float
    high: float
    words: str
    low_is_out: bool = False
    nothing_faint: bool = False
    """The value is multiplied or divided by: so close to 0, but not 0, nobody means it."""

    def hold(self, value: float) -> bool:
        """The value lies inside."""
        return self.low <= value <= self.high and not (self.low_is_out and value == self.low)

    def too_faint(self, value: float) -> bool:
        """The value is next to nothing where it must be nothing or something."""
        return self.nothing_faint and 0 < abs(value) < FAINT


FAINT: Final = 1e-9
"""What is smaller than this and not 0 is a mistake: quotients by it, and products of it, leave what floats can hold."""
ANY: Final = Limits(-math.inf, math.inf, "a number")
NOT_NEGATIVE: Final = Limits(0, math.inf, "a number of at least 0")
POSITIVE: Final = Limits(0, math.inf, "a number above 0", low_is_out=True)
POINTS: Final = Limits(0, 100, "a number between 0 and 100")
MOST: Final = 2**31 - 1
"""The largest whole number that a document may hold: what a column of the store holds too."""
SHARE: Final = Limits(0, 1, "a number between 0 and 1", nothing_faint=True)
DIVISOR: Final = Limits(-math.inf, math.inf, "a number", nothing_faint=True)
MOST_DAYS: Final = 36_500
"""A hundred years: what no journey outlasts, and every calendar and store can count."""
DAYS: Final = Limits(0, MOST_DAYS, f"a number of days between 0 and {MOST_DAYS}")
SPAN: Final = Limits(
    0, MOST_DAYS, f"a number of days above 0, at most {MOST_DAYS}", low_is_out=True, nothing_faint=True
)
WEIGHT: Final = Limits(0, 1e9, "a number of at least 0, at most 1000000000", nothing_faint=True)
MOST_KEYS: Final = 500
"""One mapping of a document has at most so many keys."""
ID_FORM: Final = "[A-Za-z0-9][A-Za-z0-9_-]{0,99}"
"""An id stands in addresses, in the rows of a store and in words of others: letters, digits, - and _ are safe there."""


def scalars(value: object) -> tuple[Scalar, ...]:
    """The texts, numbers and truths of a list, or of the value itself; empty if anything else is in it."""
    listed = value if isinstance(value, list | tuple) else [value]
    found: list[Scalar] = [one for one in listed if isinstance(one, str | bool) or is_number(one)]
    return tuple(found) if len(found) == len(listed) else ()


def is_number(value: object) -> TypeGuard[float]:
    """A finite number; true and false are not numbers."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond what a float holds
        return False


class Section:
    """One mapping of the document together with its place and the list of problems."""

    def __init__(self, raw: object, pointer: str, problems: list[ModelProblem]) -> None:
        self.pointer = pointer
        self.problems = problems
        self._seen: list[str] = []
        self._raw: dict[str, object] = {}
        if isinstance(raw, Mapping):
            # YAML reads a bare 1 or true as a key that is no text
            self._raw = {category_text(key): value for key, value in raw.items()}
            if len(self._raw) < len(raw):
                self.note("", "two keys read the same", "every key once")
            if len(raw) > MOST_KEYS:
                self.note("", f"has {len(raw)} keys", f"at most {MOST_KEYS}")
                self._raw = dict(islice(self._raw.items(), MOST_KEYS))
        if not isinstance(raw, Mapping):
            self.note("", f"{_shown(raw)} is not a mapping", "a mapping of keys")

    def at(self, key: str) -> str:
        """The JSON pointer of a key."""
        return step_into(self.pointer, key) if key else self.pointer

    def note(self, key: str, message: str, expected: str, nearest: str | None = None) -> None:
        """Remember one problem at a key (empty: the section itself)."""
        self.problems.append(ModelProblem(self.at(key), message, expected, nearest))

    def take(self, key: str) -> object:
        """The raw value of a known key, None if absent or null."""
        self._seen.append(key)
        return self._raw.get(key)

    def has(self, key: str) -> bool:
        """The key is present and not null."""
        return self._raw.get(key) is not None

    def keys(self) -> list[str]:
        """All keys as written."""
        return list(self._raw)

    def text(self, key: str, default: object = _REQUIRED) -> str:
        """A word or sentence; without a default the key is required."""
        value = self.take(key)
        if value is None:
            return str(self._absent(key, default, "a text", ""))
        if isinstance(value, str) and value:
            return value
        self.note(key, f"{_shown(value)} is not a text", "a text")
        return ""

    def id(self, default: object = _REQUIRED) -> str:
        """What the thing is called: an id of `ID_FORM`."""
        name = self.text("id", default)
        if name and not re.fullmatch(ID_FORM, name):
            self.note("id", f"{_shown(name)} is no id", "letters, digits, - and _, at most 100 of them")
        return name[:100]

    def optional_text(self, key: str) -> str | None:
        """A text, or None if the key is absent."""
        return self.text(key) if self.take(key) is not None else None

    def choice(self, key: str, choices: Iterable[str], default: object = _REQUIRED) -> str:
        """One of the listed words, empty if it is none of them."""
        known = list(choices)
        word = self.text(key, default)
        if word and word not in known:
            self.note(key, f"{_shown(word)} is not known", f"one of {', '.join(known)}",
                      nearest_word(word, known, self.problems))  # fmt: skip
            return ""
        return word

    def number(self, key: str, default: object = _REQUIRED, limits: Limits = ANY) -> float:
        """A finite number within limits; without a default the key is required."""
        value = self.take(key)
        if value is None:
            return float(self._absent(key, default, limits.words, 0.0))
        return self.checked_number(key, value, limits)

    def optional_number(self, key: str, limits: Limits = ANY) -> float | None:
        """A number within limits, or None if the key is absent."""
        return self.number(key, limits=limits) if self.take(key) is not None else None

    def whole(self, key: str, default: object = _REQUIRED, least: int = 0, most: int = MOST) -> int:
        """A whole number of at least ``least`` and at most ``most``."""
        words = f"a whole number of at least {least}" + (f", at most {most}" if most < MOST else "")
        value = self.number(key, default, Limits(least, most, words))
        if value != int(value):
            self.note(key, f"{_shown(value)} is not whole", words)
        return int(value)

    def flag(self, key: str, default: bool = False) -> bool:
        """True or false."""
        value = self.take(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.note(key, f"{_shown(value)} is neither true nor false", "true or false")
        return default

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; a single text counts as a list of one."""
        value = self.take(key)
        listed = [value] if isinstance(value, str) else value
        if isinstance(listed, list | tuple) and listed and all(isinstance(one, str) for one in listed):
            return tuple(listed)
        self.note(key, f"{_shown(value)} is not a list of texts", "a list of texts")
        return ()

    def section(self, key: str, default: object = _REQUIRED) -> "Section":
        """The mapping under a key; with a default, that stands in for an absent one."""
        value = self.take(key)
        if value is None and default is _REQUIRED:
            self._absent(key, _REQUIRED, "a mapping of keys", None)
            return Section({}, self.at(key), [])
        return Section(default if value is None else value, self.at(key), self.problems)

    def sections(self, key: str, most: int) -> Iterator["Section"]:
        """The mappings of a list under a key; an absent list is empty, of one that is too long the first are read."""
        value = self.take(key)
        if value is None:
            return
        if not isinstance(value, list | tuple):
            self.note(key, f"{_shown(value)} is not a list", "a list")
            return
        if len(value) > most:
            self.note(key, f"the list has {len(value)} entries", f"at most {most}")
        for index, raw in enumerate(value[:most]):
            yield Section(raw, step_into(self.at(key), index), self.problems)

    def checked_number(self, key: str, value: object, limits: Limits = ANY) -> float:
        """A raw value as a number within limits; a problem is noted at the key."""
        if is_number(value) and limits.hold(float(value)):
            if limits.too_faint(float(value)):
                self.note(key, f"{_shown(value)} is next to nothing", f"{limits.words}, not so close to 0")
            return float(value)
        self.note(key, f"{_shown(value)} is not {limits.words}", limits.words)
        return max(limits.low, 0.0)

    def finish(self) -> None:
        """Note every key that nothing asked for."""
        known = sorted(set(self._seen))
        for key in self._raw:
            if key not in known:
                hint = nearest_word(key, known, self.problems)
                self.note(key, f"unknown key {_shown(key)}", f"one of {', '.join(known)}", hint)

    def _absent(self, key: str, default: object, expected: str, stand_in: object) -> Any:
        if default is _REQUIRED:
            self.note("", f"{key!r} is missing", f"{key}: {expected}")
            return stand_in
        return default


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
