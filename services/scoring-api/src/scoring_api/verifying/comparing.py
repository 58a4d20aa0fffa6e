"""Compares what an example expects with what was found, leaf by leaf; it knows no law.

Everything expected must be found: what has no counterpart is told as not understood, never passed over.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

# The first tenths of a printed number: nobody reads more in a difference.
_DIGITS = 10


@dataclass(frozen=True)
class Either:
    """Several ways to write one answer; the first is ours."""

    answers: tuple[Any, ...]


@dataclass(frozen=True)
class Whole:
    """A mapping in which nothing may be left out: what is not expected must be empty or nought."""

    lines: Mapping[str, Any]


@dataclass(frozen=True)
class Remark:
    """One leaf that does not agree, or that has no meaning here."""

    kind: Literal["differs", "not_understood"]
    pointer: str
    expected: Any
    found: Any = None

    def __str__(self) -> str:
        if self.kind == "not_understood":
            return f"{self.pointer}: nothing here answers to that"
        return f"{self.pointer}: expected {_shown(self.expected)}, found {_shown(self.found)}"


def alike(names: Iterable[str], answer: Any = None) -> dict[str, Any]:
    """Return one answer under all the names by which examples may ask for it."""
    return dict.fromkeys(names, answer)


def differences(expected: Any, found: Any, tolerance: float, pointer: str = "") -> Iterator[Remark]:
    """Yield what does not agree; numbers agree within `tolerance`, everything else exactly."""
    match found:
        case Either():
            yield from _of_several(expected, found, tolerance, pointer)
        case Whole():
            yield from differences(expected, found.lines, tolerance, pointer)
            if isinstance(expected, Mapping):
                extra = [name for name, one in found.lines.items() if name not in expected and one not in (0, None, {})]
                yield from (Remark("differs", f"{pointer}/{name}", None, found.lines[name]) for name in extra)
        case Mapping() if isinstance(expected, Mapping):
            for key, value in expected.items():
                place = f"{pointer}/{key}"
                if key in found:
                    yield from differences(value, found[key], tolerance, place)
                elif not str(key).startswith("_"):
                    yield Remark("not_understood", place, value)
        case list() | tuple() if isinstance(expected, list) and len(expected) == len(found):
            for at, (one, other) in enumerate(zip(expected, found, strict=True)):
                yield from differences(one, other, tolerance, f"{pointer}/{at}")
        case _:
            if not _agrees(expected, found, tolerance):
                yield Remark("differs", pointer, expected, found)


def _of_several(expected: Any, found: Either, tolerance: float, pointer: str) -> Iterator[Remark]:
    """Say nothing if one of the ways agrees; else what is wrong with the one that comes nearest."""
    tried = [list(differences(expected, one, tolerance, pointer)) for one in found.answers]
    yield from min(tried, key=lambda remarks: (len(remarks), any(one.kind == "not_understood" for one in remarks)))


def _agrees(expected: Any, found: Any, tolerance: float) -> bool:
    numbers = [isinstance(one, int | float) and not isinstance(one, bool) for one in (expected, found)]
    if all(numbers):
        return bool(abs(expected - found) <= tolerance)
    return type(expected) is type(found) and bool(expected == found)


def _shown(value: Any) -> str:
    match value:
        case None | bool():
            return "nothing" if value is None else str(value).lower()
        case float():
            return f"{round(value, _DIGITS):g}" if abs(value) < 1e-4 else str(round(value, _DIGITS))
        case list() | tuple():
            return f"[{', '.join(_shown(one) for one in value)}]"
        case Mapping():
            return f"{{{', '.join(f'{key}: {_shown(one)}' for key, one in value.items())}}}"
        case _:
            return repr(value) if isinstance(value, str) else str(value)
