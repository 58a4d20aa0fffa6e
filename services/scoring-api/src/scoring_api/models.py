"""Reads score models from YAML and tells every mistake with its line and column; it activates and stores nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from milepost_core.model import ModelInvalid, ModelProblem, ScoreModel, parse_model

LARGEST_DOCUMENT = 256 * 1024


@dataclass(frozen=True)
class Mistake:
    """One reason why a document is no score model; line and column count from 1."""

    line: int
    column: int
    pointer: str
    message: str
    expected: str = ""
    nearest: str | None = None

    def __str__(self) -> str:
        expected = f", expected {self.expected}" if self.expected else ""
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        return f"line {self.line}, column {self.column} ({self.pointer or '/'}): {self.message}{expected}{hint}"


class ModelDocumentInvalid(Exception):
    """A document that is no score model; `mistakes` names all of them, in the order of the document."""

    def __init__(self, name: str, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__(f"{name} is no score model:\n" + "\n".join(f"  {mistake}" for mistake in mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True)
class ReadModel:
    """A score model in three forms: as its author wrote it, as plain data, and parsed."""

    text: str
    document: Mapping[str, Any]
    parsed: ScoreModel


def read_model(text: str, name: str) -> ReadModel:
    """Return the model of a YAML text; `name` says to people where it came from.

    Raises ModelDocumentInvalid with every mistake, each with its place in the text.
    """
    if len(text) > LARGEST_DOCUMENT:
        raise ModelDocumentInvalid(name, (Mistake(1, 1, "", f"is longer than {LARGEST_DOCUMENT} characters"),))
    placed = _load(YAML(typ="rt"), text, name)
    if not isinstance(placed, CommentedMap):
        raise ModelDocumentInvalid(name, (Mistake(1, 1, "", "is not a mapping", "a mapping of keys"),))
    try:
        parsed = parse_model(placed)
    except ModelInvalid as error:
        mistakes = sorted((_mistake(placed, one) for one in error.problems), key=lambda one: (one.line, one.column))
        raise ModelDocumentInvalid(name, tuple(mistakes)) from None
    return ReadModel(text, _load(YAML(typ="safe"), text, name), parsed)


def _load(reader: YAML, text: str, name: str) -> Any:
    try:
        return reader.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ModelDocumentInvalid(name, (Mistake(line, column, "", error.problem or "is not YAML"),)) from None
    except (YAMLError, RecursionError) as error:
        raise ModelDocumentInvalid(name, (Mistake(1, 1, "", f"is not YAML ({type(error).__name__})"),)) from None


def _mistake(document: CommentedMap, problem: ModelProblem) -> Mistake:
    line, column = place_of(document, problem.pointer)
    return Mistake(line, column, problem.pointer, problem.message, problem.expected, problem.nearest)


def place_of(document: CommentedMap, pointer: str) -> tuple[int, int]:
    """Return line and column, from 1, of what a JSON pointer leads to; of its nearest parent if it is absent."""
    here: Any = document
    place = (document.lc.line + 1, document.lc.col + 1)
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(here, CommentedMap) and name in here:
            line, column = here.lc.key(name)
            here = here[name]
        elif isinstance(here, CommentedSeq) and name.isdecimal() and int(name) < len(here):
            line, column = here.lc.item(int(name))
            here = here[int(name)]
        else:
            break
        place = (line + 1, column + 1)
    return place
