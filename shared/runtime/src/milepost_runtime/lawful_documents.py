"""Reads documents that have a law: placed by line, parsed by whoever knows the law; it knows no law and stores none."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from milepost_core.model.problems import MOST_TOLD, ModelProblem
from milepost_runtime.placed_documents import Mistake, Placed, Unreadable, counted, decoded, read_document

LARGEST_DOCUMENT = 256 * 1024


class Numbered(Protocol):
    """What every document of a law has."""

    @property
    def id(self) -> str:
        """What it is called."""
        ...

    @property
    def version(self) -> int:
        """Which of its versions it is."""
        ...


Parsed = TypeVar("Parsed", bound=Numbered)


class DocumentInvalid(Exception):
    """A document that its law refuses; `mistakes` names them in the order of the document, at most `MOST_TOLD`.

    Of more it names the first that were found; the last entry says how many more there are.
    """

    what: ClassVar[str] = "document"

    def __init__(self, name: str, mistakes: Sequence[Mistake], more: int = 0) -> None:
        told = counted(mistakes, more, "mistakes")
        super().__init__(f"{name} is no {self.what}:\n" + "\n".join(f"  {one}" for one in told))
        self.mistakes = told


class Unlawful(Exception):
    """What a law has against a document; `more` counts what is not named."""

    def __init__(self, problems: Sequence[ModelProblem], more: int = 0) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems
        self.more = more


@dataclass(frozen=True)
class ReadDocument(ABC, Generic[Parsed]):
    """A document in three forms: as its author wrote it, as plain data, and parsed."""

    placed: Placed
    parsed: Parsed

    @property
    def text(self) -> str:
        """As its author wrote it."""
        return self.placed.text

    @property
    def document(self) -> dict[str, Any]:
        """As plain data."""
        return self.placed.document

    @property
    def numbered(self) -> bool:
        """The author gave it a version."""
        return self.placed.placed.get("version") is not None

    def warnings(self) -> tuple[Mistake, ...]:
        """Return what the document may say but probably does not mean, in its order."""
        found = self.doubts()
        return counted(self.placed.mistakes(found[:MOST_TOLD]), len(found) - MOST_TOLD, "warnings")

    @abstractmethod
    def doubts(self) -> Sequence[ModelProblem]:
        """Return what the law allows and a reader would ask about."""


Read = TypeVar("Read", bound=ReadDocument[Any])


@dataclass(frozen=True)
class Law(Generic[Read]):
    """How documents of one kind are read: `parse` raises Unlawful, and readers raise `invalid` for every mistake."""

    invalid: type[DocumentInvalid]
    parse: Callable[[Placed], Read]

    def read(self, text: str, name: str, *, version: int | None = None) -> Read:
        """Return the document of a text in YAML or JSON; `name` says to people where it came from.

        `version` is the number of a document that names none. Raises `invalid` with every mistake, each with its place.
        """
        try:
            placed = read_document(text, LARGEST_DOCUMENT)
        except Unreadable as error:
            raise self.invalid(name, error.mistakes, error.more) from None
        problems, more = list(placed.problems), 0
        if version is not None and placed.document.get("version") is None:
            placed.document["version"] = version
        try:
            found = self.parse(placed)
        except Unlawful as error:
            problems, more = [*problems, *error.problems], error.more
        if problems:
            told = list(dict.fromkeys(problems))
            raise self.invalid(name, placed.mistakes(told[:MOST_TOLD]), more + len(told[MOST_TOLD:]))
        return found

    def read_bytes(self, body: bytes, name: str, *, version: int | None = None) -> Read:
        """Return the document of a file or body in UTF-8. Raises as `read`."""
        try:
            text = decoded(body)
        except Unreadable as error:
            raise self.invalid(name, error.mistakes) from None
        return self.read(text, name, version=version)
