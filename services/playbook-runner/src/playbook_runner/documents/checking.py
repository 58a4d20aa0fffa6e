"""Playbook documents from YAML or JSON to a checked Playbook, mistakes with their lines; it stores and starts none."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from milepost_core.model.problems import ModelProblem
from milepost_core.playbooks import Playbook
from milepost_core.playbooks.document import ApprovalStep, EmailStep, TaskStep
from milepost_core.playbooks.lint import lint
from milepost_core.playbooks.parsing import PlaybookInvalid, Problem, parse_playbook, unknown_facts
from milepost_core.playbooks.parsing_conditions import Vocabulary
from milepost_core.playbooks.texts import templates_of
from milepost_runtime.lawful_documents import DocumentInvalid, Law, ReadDocument, Unlawful
from milepost_runtime.placed_documents import Mistake, Placed
from playbook_runner.actions.addresses import BadAddress, check_address
from playbook_runner.wording.briefing import SPARSE, SPECIMEN
from playbook_runner.wording.templates import check


class PlaybookDocumentInvalid(DocumentInvalid):
    """A document that is no playbook."""

    what = "playbook"


@dataclass(frozen=True)
class ReadPlaybook(ReadDocument[Playbook]):
    """A playbook as its author wrote it, as plain data, and parsed."""

    def doubts(self) -> Sequence[ModelProblem]:
        """Return what the playbook may say but probably does not mean."""
        return [_as_problem(one) for one in lint(self.parsed)]

    def unknown(self, known: Vocabulary) -> tuple[Mistake, ...]:
        """Return the names that no score model in charge has, with their places."""
        return self.placed.mistakes(_as_problem(one) for one in unknown_facts(self.parsed, known))


def _parsed(placed: Placed) -> ReadPlaybook:
    """Return the playbook of a document. Texts are tried out, addresses looked at. Raises Unlawful."""
    try:
        return ReadPlaybook(placed, check_document(placed.document))
    except PlaybookInvalid as error:
        raise Unlawful([_as_problem(one) for one in error.problems]) from None


_LAW = Law(PlaybookDocumentInvalid, _parsed)
read_playbook = _LAW.read
read_bytes = _LAW.read_bytes


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
        yield from check(
            one.source, one.pointer, (SPECIMEN, SPARSE), html=one.html, one_line=one.one_line, required=one.required
        )


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
