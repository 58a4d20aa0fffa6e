"""Claims about slips of authors: whatever is left out or empty in a document is told with its place."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from milepost_core.playbooks.lint import lint
from milepost_core.playbooks.parsing import PlaybookInvalid, parse_playbook

EMPTY: tuple[Any, ...] = (None, [], {}, "", 0)
TASK = {"id": "a", "kind": "task", "title": "T", "script": "S"}
MAIL = {"id": "m", "kind": "email", "subject": "s", "text": "t"}
GATE = {"id": "g", "kind": "approval", "about": "m"}
RED = {"subject": "band", "value": "red"}
WHICH = {"id": "w", "kind": "branch", "cases": [{"when": RED, "next": "end"}], "otherwise": "a"}
PLAIN: dict[str, Any] = {"id": "x", "version": 1, "name": "X", "trigger": {"kind": "by_hand"}, "steps": [TASK]}
ROW = {"id": "l", "bands": ["red"], "start": "a"}


def _slips(whole: Any, part: Any) -> Iterator[Any]:
    """Yield the whole with each key of a part left out, and with each value of it empty, one at a time."""
    for key, value in list(part.items() if isinstance(part, dict) else enumerate(part)):
        for empty in EMPTY:
            part[key] = empty
            yield whole
        if isinstance(part, dict):
            order = list(part.items())
            del part[key]
            yield whole
            part.clear()
            part.update(order)
        part[key] = value
        if isinstance(value, dict | list):
            yield from _slips(whole, value)


def _told(document: dict[str, Any]) -> set[str]:
    """Return the places of what is wrong with a document, or what lint doubts of one that nothing is wrong with."""
    try:
        return {one.pointer for one in lint(parse_playbook(document))}
    except PlaybookInvalid as error:
        return {one.pointer for one in error.problems}


def test_whatever_is_left_out_or_empty_in_a_shipped_document_is_answered(repository: Path) -> None:
    library = sorted((repository / "services/playbook-runner/src/playbook_runner/library").glob("*.yaml"))
    documents = [yaml.load(one.read_text("utf-8"), yaml.CSafeLoader) for one in library]
    tried = 0
    for document in documents:
        before = copy.deepcopy(document)
        for slipped in _slips(document, document):
            assert all(one == "" or one.startswith("/") for one in _told(slipped))
            tried += 1
        assert document == before
    assert len(documents) > 5
    assert tried > 1000


@pytest.mark.parametrize("subject", ["score", "age_days", "dimension.usage", "attribute.x"])
@pytest.mark.parametrize("operator", ["lt", "gte", "eq", "ne", "in", "not_in"])
def test_a_test_that_compares_with_nothing_is_told_wherever_it_stands(subject: str, operator: str) -> None:
    happening = {"kind": "event", "events": ["session.started"]}
    for said in ({}, {"value": None}, {"value": []}, {"value": {}}, {"value": [[]]}):
        test = {"subject": subject, "operator": operator, **said}
        for parts, place in (
            ({"trigger": {"kind": "threshold", "when": test}}, "/trigger/when"),
            ({"trigger": {"kind": "threshold", "when": {"any": [test, {"not": test}]}}}, "/trigger/when/any/0"),
            ({"trigger": {"kind": "threshold", "when": RED, "rearm": test}}, "/trigger/rearm"),
            ({"audience": test}, "/audience"),
            ({"trigger": happening, "audience": {"not": {"all": [test, RED]}}}, "/audience/not/all/0"),
            ({"exits": [{"kind": "goal_met", "when": test}]}, "/exits/0/when"),
            ({"steps": [WHICH | {"cases": [{"when": test, "next": "end"}]}, TASK]}, "/steps/0/cases/0/when"),
        ):
            assert {place, f"{place}/value"} & _told(PLAIN | parts)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"steps": [WHICH | {"cases": [{"when": RED}]}, TASK]}, {"/steps/0/cases/0"}),
        ({"steps": [WHICH | {"cases": [{"when": RED, "next": ""}]}, TASK]}, {"/steps/0/cases/0/next"}),
        ({"steps": [WHICH | {"otherwise": ""}, TASK]}, {"/steps/0/otherwise"}),
        ({"steps": [WHICH | {"otherwise": []}, TASK]}, {"/steps/0/otherwise"}),
        ({"steps": [GATE | {"rejected": ""}, MAIL]}, {"/steps/0/rejected"}),
        ({"steps": [GATE | {"rejected": 3}, MAIL]}, {"/steps/0/rejected"}),
        ({"steps": [GATE | {"rejected": {}}, MAIL | {"next": "m"}]}, {"/steps/0/rejected", "/steps/1/next"}),
        ({"tiers": {"rows": [{"id": "l", "bands": ["red"]}]}}, {"/tiers/rows/0"}),
        ({"tiers": {"rows": [ROW | {"start": ""}, ROW | {"id": "k", "start": 0}]}}, {
            "/tiers/rows/0/start", "/tiers/rows/1/start",
        }),
        ({"tiers": {"rows": [ROW], "otherwise": ""}}, {"/tiers/otherwise"}),
        ({"arms": [{"id": "q", "share": 1.0, "start": ""}]}, {"/arms/0/start"}),
    ],
)  # fmt: skip
def test_a_way_that_leads_nowhere_is_told_alone(said: dict[str, Any], told: set[str]) -> None:
    assert _told(PLAIN | {"exits": [{"kind": "churned"}]} | said) == told
