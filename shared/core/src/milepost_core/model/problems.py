"""What is wrong with a model document: every problem, with its place and the nearest right word.

It never stops at the first problem and never repairs anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

__all__ = ["ModelInvalid", "ModelProblem", "nearest_word", "step_into"]


@dataclass(frozen=True, slots=True)
class ModelProblem:
    """One reason to refuse (or, from `lint`, to look again at) a document."""

    pointer: str
    """JSON pointer (RFC 6901) into the document; empty for the whole document."""
    message: str
    expected: str
    nearest: str | None = None

    def __str__(self) -> str:
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        return f"{self.pointer or '/'}: {self.message}, expected {self.expected}{hint}"


class ModelInvalid(ValueError):
    """The document is not a score model; ``problems`` names every reason at once."""

    def __init__(self, problems: tuple[ModelProblem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


def nearest_word(word: object, known: Iterable[str]) -> str | None:
    """The known word most like a misspelt one, or None if none is near."""
    found = get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def step_into(pointer: str, key: object) -> str:
    """The pointer one step deeper, escaped as RFC 6901 asks."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
