"""Playbook documents from YAML text to a checked Playbook; it never stores and never activates one."""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from milepost_core.playbooks import Playbook
from milepost_core.playbooks.parsing import PlaybookInvalid, Problem, parse_playbook
from playbook_runner.actions.addresses import BadAddress, check_address
from playbook_runner.briefing import SPARSE, SPECIMEN
from playbook_runner.templates import check

MOST_DOCUMENT = 1024 * 1024


def read_yaml(text: str) -> dict[str, Any]:
    """Return the one mapping that the text holds.

    Raises PlaybookInvalid for text that is not YAML (with line and column), over 1 MiB, or not a mapping.
    """
    if len(text) > MOST_DOCUMENT:
        raise PlaybookInvalid((Problem("", "too_long", f"a document has at most {MOST_DOCUMENT} characters"),))
    try:
        loaded = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
        sentence = f"{getattr(error, 'problem', None) or 'not YAML'}{where}"
        raise PlaybookInvalid((Problem("", "yaml", sentence),)) from None
    if not isinstance(loaded, dict):
        raise PlaybookInvalid((Problem("", "type", "expected a mapping"),))
    return loaded


def check_document(document: Mapping[str, Any]) -> Playbook:
    """Return the playbook, its texts and addresses tried out as well. Raises PlaybookInvalid with every problem."""
    playbook = parse_playbook(document)
    problems = tuple(_problems_in_steps(playbook))
    if problems:
        raise PlaybookInvalid(problems)
    return playbook


def shipped() -> list[dict[str, Any]]:
    """Return the documents of the library, in the order of their file names."""
    items = sorted(files("playbook_runner.library").iterdir(), key=lambda item: item.name)
    return [read_yaml(item.read_text(encoding="utf-8")) for item in items if item.name.endswith(".yaml")]


def _problems_in_steps(playbook: Playbook) -> Iterator[Problem]:
    for index, step in enumerate(playbook.steps):
        here = f"/steps/{index}"
        for name, source in (("subject", step.subject), ("text", step.text), ("html", step.html)):
            yield from check(source, f"{here}/{name}", (SPECIMEN, SPARSE), html=name == "html")
        if "\n" in step.subject.strip("\n"):
            yield Problem(f"{here}/subject", "header_injection", "a subject is one line")
        if step.to != "owner":
            try:
                check_address(step.to)
            except BadAddress as error:
                yield Problem(f"{here}/to", "bad_address", str(error))
