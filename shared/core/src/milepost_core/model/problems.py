"""What is wrong with a model document: every problem, with its place and the nearest right word.

It never stops at the first problem and never repairs anything.
"""

from collections.abc import Collection, Iterable, Sized
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Final

__all__ = ["MOST_TOLD", "ModelInvalid", "ModelProblem", "listed", "nearest_word", "step_into"]

MOST_TOLD: Final = 200
"""So many problems of one document are told; of the rest, how many there are."""
_LISTED: Final = 12


@dataclass(frozen=True, slots=True)
class ModelProblem:
    """One reason to refuse (or, from `lint`, to look again at) a document."""

    pointer: str
    """JSON pointer (RFC 6901) into the document; empty for the whole document."""
    message: str
    expected: str
    nearest: str | None = None
    code: str = "mistake"
    """A word for machines where the kind of a mistake has one."""

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: {self.said}"

    @property
    def said(self) -> str:
        """What is wrong, what was expected, and the nearest right word, without the place."""
        expected = f", expected {self.expected}" if self.expected else ""
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        return f"{self.message}{expected}{hint}"


class ModelInvalid(ValueError):
    """The document is not a score model; ``problems`` names every reason at once, up to `MOST_TOLD`.

    ``more`` counts those that are not named.
    """

    def __init__(self, problems: tuple[ModelProblem, ...]) -> None:
        self.problems = problems[:MOST_TOLD]
        self.more = len(problems) - len(self.problems)
        rest = [f"and {self.more} more"] if self.more else []
        super().__init__("\n".join([*(str(problem) for problem in self.problems), *rest]))


def nearest_word(word: object, known: Iterable[str], told: Sized = ()) -> str | None:
    """The known word most like a misspelt one, or None if none is near.

    Nobody reads a hint behind `MOST_TOLD` problems: with so many of them ``told``, none is searched for.
    """
    if len(told) >= MOST_TOLD:
        return None
    found = get_close_matches(str(word)[:100], list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def listed(words: Collection[str]) -> str:
    """The words in a sentence; of many, the first few and how many more."""
    shown = ", ".join(islice(words, _LISTED))
    return shown if len(words) <= _LISTED else f"{shown} and {len(words) - _LISTED} more"


def step_into(pointer: str, key: object) -> str:
    """The pointer one step deeper, escaped as RFC 6901 asks."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
