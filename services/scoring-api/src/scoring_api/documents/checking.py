"""Reads score models from YAML or JSON and tells every mistake with its line and column; it stores none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from milepost_core.model import ModelInvalid, ScoreModel, lint, parse_model
from milepost_core.model.problems import MOST_TOLD
from milepost_runtime.placed_documents import Mistake, Placed, Unreadable, counted, decoded, read_document

__all__ = ["LARGEST_DOCUMENT", "Mistake", "ModelDocumentInvalid", "ReadModel", "read_bytes", "read_model"]

LARGEST_DOCUMENT = 256 * 1024


class ModelDocumentInvalid(Exception):
    """A document that is no score model; `mistakes` names all of them, in the order of the document.

    Of more than `MOST_TOLD` it names the first that were found; the last entry says how many more there are.
    """

    def __init__(self, name: str, mistakes: tuple[Mistake, ...], more: int = 0) -> None:
        mistakes = counted(mistakes, more, "mistakes")
        super().__init__(f"{name} is no score model:\n" + "\n".join(f"  {mistake}" for mistake in mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True)
class ReadModel:
    """A score model in three forms: as its author wrote it, as plain data, and parsed."""

    text: str
    document: Mapping[str, Any]
    parsed: ScoreModel
    placed: Placed = field(repr=False, compare=False)

    @property
    def numbered(self) -> bool:
        """The author gave it a version."""
        return self.placed.placed.get("version") is not None

    def place(self, pointer: str) -> tuple[int, int]:
        """Return line and column of what a JSON pointer leads to, from 1."""
        return self.placed.place(pointer)

    def warnings(self) -> tuple[Mistake, ...]:
        """Return what the model may say but probably does not mean, in the order of the document."""
        found = lint(self.parsed)
        return counted(self.placed.mistakes(found[:MOST_TOLD]), len(found) - MOST_TOLD, "warnings")


def read_model(text: str, name: str, *, version: int | None = None) -> ReadModel:
    """Return the model of a text; `name` says to people where it came from.

    `version` is the number of a document that names none. The text may be JSON too, as all JSON is YAML. Raises
    ModelDocumentInvalid with every mistake, each with its place in the text.
    """
    try:
        placed = read_document(text, LARGEST_DOCUMENT)
    except Unreadable as error:
        raise ModelDocumentInvalid(name, error.mistakes, error.more) from None
    document, problems = placed.document, list(placed.problems)
    if version is not None and document.get("version") is None:
        document["version"] = version
    more = 0
    try:
        parsed = parse_model(document)
    except ModelInvalid as error:
        problems, more = [*problems, *error.problems], error.more
    if problems:
        told = list(dict.fromkeys(problems))
        raise ModelDocumentInvalid(name, placed.mistakes(told[:MOST_TOLD]), more + len(told[MOST_TOLD:]))
    return ReadModel(text, document, parsed, placed)


def read_bytes(body: bytes, name: str, *, version: int | None = None) -> ReadModel:
    """Return the model of a file or body in UTF-8, which has to name its model. Raises as `read_model`."""
    try:
        text = decoded(body)
    except Unreadable as error:
        raise ModelDocumentInvalid(name, error.mistakes) from None
    read = read_model(text, name, version=version)
    if read.document.get("id") is None:
        nameless = Mistake(*read.place("/id"), "/id", "'id' is missing", "id: what it is called")
        raise ModelDocumentInvalid(name, (nameless,))
    return read
