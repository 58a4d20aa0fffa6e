"""Playbook documents from YAML or JSON to a checked Playbook, mistakes with their lines; it stores and starts none."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from milepost_core.model.problems import MOST_TOLD, ModelProblem
from milepost_core.playbooks import Playbook
from milepost_core.playbooks.document import ApprovalStep, EmailStep, TaskStep
from milepost_core.playbooks.lint import lint
from milepost_core.playbooks.parsing import PlaybookInvalid, Problem, parse_playbook, unknown_facts
from milepost_core.playbooks.parsing_conditions import Vocabulary
from milepost_core.playbooks.texts import templates_of
from milepost_runtime.placed_documents import Mistake, Placed, Unreadable, counted, decoded, read_document
from playbook_runner.actions.addresses import BadAddress, check_address
from playbook_runner.wording.briefing import SPARSE, SPECIMEN
from playbook_runner.wording.templates import check

LARGEST_DOCUMENT = 256 * 1024


class PlaybookDocumentInvalid(Exception):
    """A document that is no playbook; `mistakes` names them in the order of the document, at most `MOST_TOLD`."""

    def __init__(self, name: str, mistakes: tuple[Mistake, ...], more: int = 0) -> None:
        mistakes = counted(mistakes, more, "mistakes")
        super().__init__(f"{name} is no playbook:\n" + "\n".join(f"  {one}" for one in mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True)
class ReadPlaybook:
    """A playbook in three forms: as its author wrote it, as plain data, and parsed."""

    text: str
    document: dict[str, Any]
    parsed: Playbook
    placed: Placed = field(repr=False, compare=False)

    @property
    def numbered(self) -> bool:
        """The author gave it a version."""
        return self.placed.placed.get("version") is not None

    def warnings(self) -> tuple[Mistake, ...]:
        """Return what the playbook may say but probably does not mean, in the order of the document."""
        found = [_as_problem(one) for one in lint(self.parsed)]
        return counted(self.placed.mistakes(found[:MOST_TOLD]), len(found) - MOST_TOLD, "warnings")

    def unknown(self, known: Vocabulary) -> tuple[Mistake, ...]:
        """Return the names that no score model in charge has, with their places."""
        return self.placed.mistakes(_as_problem(one) for one in unknown_facts(self.parsed, known))


def read_playbook(text: str, name: str, *, version: int | None = None) -> ReadPlaybook:
    """Return the playbook of a text; `name` says to people where it came from.

    `version` is the number of a document that names none. Texts are tried out, addresses looked at. Raises
    PlaybookDocumentInvalid with every mistake, each with its place in the text.
    """
    try:
        placed = read_document(text, LARGEST_DOCUMENT)
    except Unreadable as error:
        raise PlaybookDocumentInvalid(name, error.mistakes, error.more) from None
    document = placed.document
    if version is not None and document.get("version") is None:
        document["version"] = version
    problems = list(placed.problems)
    try:
        parsed = check_document(document)
    except PlaybookInvalid as error:
        problems += [_as_problem(one) for one in error.problems]
    if problems:
        told = list(dict.fromkeys(problems))
        raise PlaybookDocumentInvalid(name, placed.mistakes(told[:MOST_TOLD]), len(told[MOST_TOLD:]))
    return ReadPlaybook(text, document, parsed, placed)


def read_bytes(body: bytes, name: str, *, version: int | None = None) -> ReadPlaybook:
    """Return the playbook of a file or body in UTF-8. Raises as `read_playbook`."""
    try:
        text = decoded(body)
    except Unreadable as error:
        raise PlaybookDocumentInvalid(name, error.mistakes) from None
    return read_playbook(text, name, version=version)


def check_document(document: Mapping[str, Any]) -> Playbook:
    """Return the playbook, its texts and addresses tried out as well. Raises PlaybookInvalid with every problem."""
    playbook = parse_playbook(document)
    problems = (*_texts(playbook), *_addresses(playbook))
    if problems:
        raise PlaybookInvalid(problems)
    return playbook


@cache
def shipped() -> tuple[ReadPlaybook, ...]:
    """Return the playbooks of the library, in the order of their file names; they are read once per process."""
    items = sorted(files("playbook_runner.library").iterdir(), key=lambda item: item.name)
    texts = ((one.read_text(encoding="utf-8"), one.name) for one in items if one.name.endswith(".yaml"))
    return tuple(read_playbook(text, name) for text, name in texts)


def _texts(playbook: Playbook) -> Iterator[Problem]:
    for one in templates_of(playbook):
        yield from check(one.source, one.pointer, (SPECIMEN, SPARSE), html=one.html)


def _addresses(playbook: Playbook) -> Iterator[Problem]:
    said: list[tuple[str, Iterable[str]]] = [("/owner", playbook.owner)]
    for index, row in enumerate(playbook.tiers.rows if playbook.tiers else ()):
        said.append((f"/tiers/rows/{index}/owner", row.owner))
    for index, step in enumerate(playbook.steps):
        here = f"/steps/{index}"
        match step:
            case EmailStep():
                said.append((f"{here}/to", (step.to,)))
            case TaskStep():
                said += [(f"{here}/owner", step.owner), (f"{here}/escalate_to", (step.escalate_to or "",))]
            case ApprovalStep():
                said.append((f"{here}/by", step.by))
    for pointer, persons in said:
        for one in persons:
            if "@" in one:
                yield from _bad_address(pointer, one)


def _bad_address(pointer: str, address: str) -> Iterator[Problem]:
    try:
        check_address(address)
    except BadAddress as error:
        yield Problem(pointer, "bad_address", str(error))


def _as_problem(one: Problem) -> ModelProblem:
    return ModelProblem(one.pointer, one.sentence, "", code=one.code)
