"""What sets one kind of documents apart from another; it asks nobody and prints nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    """A kind of documents: what people call it, who keeps it, and how that one answers.

    `full_name` is said where `name` alone would leave doubt, `in_use` of the version that counts, `listed_with` of what
    a list tells. `row` turns an entry of a list into a text for each of `columns`, `newest` a description into the
    version that is meant where none is said, `document` an answer into the document that it holds. `says` is the
    member of a warning that is for people, `then` the rest of the command that comes after keeping.
    """

    name: str
    full_name: str
    path: str
    service: str
    api: str
    address: str
    in_use: str
    listed_with: str
    columns: Sequence[str]
    row: Callable[[Mapping[str, Any]], Sequence[str]]
    newest: Callable[[Mapping[str, Any]], int]
    document: Callable[[dict[str, Any]], dict[str, Any]]
    schema: Callable[[], Mapping[str, Any]]
    says: str
    then: str = ""

    @property
    def process(self) -> str:
        """Whose log tells more."""
        return self.service.replace("_", "-")

    @property
    def reader(self) -> str:
        """The module that looks through files of this kind."""
        return f"{self.service}.linting"
