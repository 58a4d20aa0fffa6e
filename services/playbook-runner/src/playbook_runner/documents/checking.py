"""Playbook documents from YAML or JSON to a checked Playbook, mistakes with their lines; it stores and starts none."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from milepost_core.model.problems import ModelProblem, nearest_word
from milepost_core.owning import ROLE
from milepost_core.playbooks import Playbook
from milepost_core.playbooks.document import ApprovalStep, CrmStep, EmailStep, SlackStep, TaskStep, WebhookStep
from milepost_core.playbooks.lint import lint
from milepost_core.playbooks.parsing import PlaybookInvalid, Problem, parse_playbook, unknown_facts
from milepost_core.playbooks.parsing_conditions import Vocabulary
from milepost_core.playbooks.texts import Template, templates_of
from milepost_runtime.lawful_documents import DocumentInvalid, Law, ReadDocument, Unlawful
from milepost_runtime.placed_documents import Mistake, Placed
from playbook_runner.actions.addresses import BadAddress, check_address
from playbook_runner.wording.briefing import TRIALS
from playbook_runner.wording.drafting import NO_PAGE, leads_to_a_page
from playbook_runner.wording.templates import check, render

# The kinds of connections that a step may go through.
FITTING: Mapping[str, tuple[str, ...]] = {
    "slack": ("slack",),
    "webhook": ("webhook",),
    "crm": ("hubspot", "salesforce"),
}
# What the names of properties and fields begin with that CRMs are told of health in.
OURS = "milepost_"


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

    def unconnected(self, kinds: Mapping[str, str]) -> tuple[Mistake, ...]:
        """Return the connections that there are not, or that are of another kind, by the kinds of those there are."""
        return self.placed.mistakes(_as_problem(one) for one in _unconnected(self.parsed, kinds))

    def unstaffed(self, roles: Collection[str]) -> tuple[Mistake, ...]:
        """Return the roles that nobody has, by those that somebody has."""
        return self.placed.mistakes(_as_problem(one) for one in _unstaffed(self.parsed, roles))


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
    problems = (*_texts(playbook), *_addresses(playbook), *_properties(playbook))
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
        found = tuple(
            check(one.source, one.pointer, TRIALS, html=one.html, one_line=one.one_line, required=one.required)
        )
        yield from found or (_no_page(one) if one.page else ())


def _no_page(one: Template) -> Iterator[Problem]:
    """A link that leads nowhere for a sample; none at all is left out of the message."""
    links = [render(one.source, sample, html=False).strip() for sample in TRIALS]
    if not all(leads_to_a_page(link) for link in links if link):
        yield Problem(one.pointer, "template_link", NO_PAGE)


def _persons(playbook: Playbook) -> list[tuple[str, Iterable[str]]]:
    """Return where persons are named, and by which words."""
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
    return said


def _addresses(playbook: Playbook) -> Iterator[Problem]:
    for pointer, persons in _persons(playbook):
        for one in persons:
            if "@" in one:
                yield from _bad_address(pointer, one)


def _unstaffed(playbook: Playbook, roles: Collection[str]) -> Iterator[Problem]:
    for pointer, persons in _persons(playbook):
        for one in persons:
            role = one.removeprefix(ROLE)
            if one.startswith(ROLE) and role not in roles:
                near = nearest_word(role, roles)
                hint = f"; did you mean {near!r}?" if near else ""
                yield Problem(pointer, "role_unknown", f"nobody who works here has the role {role!r}{hint}")


def _properties(playbook: Playbook) -> Iterator[Problem]:
    for index, step in enumerate(playbook.steps):
        for name, _ in step.fields if isinstance(step, CrmStep) and step.writes == "properties" else ():
            if name.casefold().startswith(OURS):
                words = f"{name} is ours: what begins with milepost_ is what CRMs are told of health"
                yield Problem(f"/steps/{index}/fields/{name}", "property_ours", words)


def _unconnected(playbook: Playbook, kinds: Mapping[str, str]) -> Iterator[Problem]:
    for index, step in enumerate(playbook.steps):
        if not isinstance(step, SlackStep | WebhookStep | CrmStep):
            continue
        name, fitting = step.connection, FITTING[step.kind]
        if name not in kinds:
            near = nearest_word(name, [one for one, kind in kinds.items() if kind in fitting])
            words = f"there is no connection {name!r}" + (f"; did you mean {near!r}?" if near else "")
        elif kinds[name] not in fitting:
            words = f"the connection {name!r} is of the kind {kinds[name]}, not {' or '.join(fitting)}"
        else:
            continue
        yield Problem(f"/steps/{index}/connection", "connection_unknown", f"{words}; the step fails until there is one")


def _bad_address(pointer: str, address: str) -> Iterator[Problem]:
    try:
        check_address(address)
    except BadAddress as error:
        yield Problem(pointer, "bad_address", str(error))


def _as_problem(one: Problem) -> ModelProblem:
    return ModelProblem(one.pointer, one.sentence, "", code=one.code)
