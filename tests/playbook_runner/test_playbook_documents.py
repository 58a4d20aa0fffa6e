"""Claims about keeping playbooks: YAML in and out, places of mistakes, versions, what happens to runs that are open."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.json_schema import agrees
from support.outreach import PLAYBOOK, Outreach
from support.runner_api import key_with, runner_api

from milepost_core.model import parse_model
from milepost_core.playbooks.document import EmailStep, InAppStep
from milepost_core.playbooks.parsing_conditions import Vocabulary
from milepost_core.playbooks.schema import document_schema
from milepost_runtime.linting import lint_file
from milepost_runtime.placed_documents import read_document
from playbook_runner.documents.checking import PlaybookDocumentInvalid, read_bytes, read_playbook, shipped
from playbook_runner.documents.keeping import ACTIVE_AT_FIRST
from playbook_runner.settings import RunnerSettings
from playbook_runner.wording.addressing import reaches_customers
from playbook_runner.wording.briefing import SPECIMEN
from playbook_runner.wording.drafting import words

LIBRARY = "services/playbook-runner/src/playbook_runner/library"
MODELS = "services/scoring-api/src/scoring_api/library"
YAML = "application/yaml"
TEXT = """\
# why it is here
format: playbook/1
id: call-them
name: Call them
trigger:
  kind: band_changed
  to: [yellow, red]
  direction: down
audience: {subject: signal.active_seats, operator: lt, value: 40}
exits:
  - {kind: churned}
measures:
  - {id: back, when: {subject: band, value: green}, within_days: 30}
steps:
  - id: tell
    kind: email
    subject: "{{ account.name }} is {{ band }}"
    text: Please call them.
"""


@pytest.fixture
async def api(outreach: Outreach, settings: RunnerSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with runner_api(settings, await key_with(outreach.pool, "read", "playbooks")) as client:
        yield client


@pytest.fixture
def model(outreach: Outreach, repository: Path) -> dict[str, Any]:
    """The scoring API has the shipped score model in charge."""
    found: dict[str, Any] = read_yaml(repository / MODELS / "b2b-onboarding.yaml")
    outreach.scoring.models["b2b-onboarding"] = found
    return found


def read_yaml(path: Path) -> dict[str, Any]:
    return read_document(path.read_text(), 1_000_000).document


async def push(api: httpx.AsyncClient, text: str = TEXT) -> httpx.Response:
    return await api.post("/playbooks", content=text.encode(), headers={"Content-Type": YAML})


async def activate(api: httpx.AsyncClient, version: int, in_flight: str = "stay", name: str = "call-them") -> Any:
    answer = await api.post(f"/playbooks/{name}/versions/{version}:activate", json={"in_flight": in_flight})
    assert answer.status_code == 200, answer.text
    return answer.json()


# ---- the library ----------------------------------------------------------------------------------------------------


def test_the_library_is_valid_says_nothing_doubtful_and_every_editor_can_check_it(repository: Path) -> None:
    folder = repository / LIBRARY
    schema = document_schema()

    assert json.loads((folder / "playbook.schema.json").read_text()) == schema
    assert len(shipped()) >= 8
    for one in shipped():
        path = folder / f"{one.parsed.id}.yaml"
        assert path.read_text().startswith("# yaml-language-server: $schema=playbook.schema.json\n"), path.name
        assert agrees(one.document, schema, schema), path.name
        assert one.warnings() == (), path.name


# What of an account is for our own eyes: a customer who reads it in a message has looked behind the counter.
OURS: Mapping[str, Any] = {
    "summary": "OURS", "change_7d": "OURS", "score": "OURS", "band": "OURS", "confidence": "OURS", "link": "OURS",
    "reasons": [{"label": "OURS", "sentence": "OURS", "points_lost": "OURS"}] * 2,
    "gates": [{"label": "OURS", "sentence": "OURS"}], "next_steps": [{"label": "OURS", "because": "OURS"}],
    "model": {"id": "OURS", "version": "OURS"}, "as_of": "OURS",
    "playbook": {"id": "OURS", "name": "OURS", "version": "OURS", "re_entry_days": "OURS"},
    "account": {**SPECIMEN["account"], "id": "OURS", "segment": "OURS", "stage": "OURS", "owner": "OURS"},
}  # fmt: skip


def test_no_customer_reads_in_the_library_what_is_for_our_own_eyes() -> None:
    said = {
        (one.parsed.id, step.id, name): text
        for one in shipped()
        for step in one.parsed.steps
        if isinstance(step, EmailStep | InAppStep) and reaches_customers(step)
        for name, text in words(step, {**SPECIMEN, **OURS}).items()
    }

    assert len({place[:2] for place in said}) >= 5
    assert [place for place, text in said.items() if "OURS" in text] == []


def test_the_library_names_nothing_that_the_shipped_score_model_lacks(repository: Path) -> None:
    model = parse_model(read_yaml(repository / MODELS / "b2b-onboarding.yaml"))
    lists = (model.signals, model.dimensions, model.milestones, model.gates, model.stages)
    known = Vocabulary(*(frozenset(one.id for one in names) for names in lists))

    assert {one.parsed.id: one.unknown(known) for one in shipped() if one.unknown(known)} == {}


async def test_of_the_library_only_what_writes_to_our_own_people_is_active(api: httpx.AsyncClient) -> None:
    listed = (await api.get("/playbooks")).json()["data"]

    assert {one["id"] for one in listed} == {one.parsed.id for one in shipped()}
    assert {one["id"] for one in listed if one["state"] == "active"} == ACTIVE_AT_FIRST
    assert {one["state"] for one in listed} == {"active", "draft"}


def test_the_example_of_the_guide_is_a_playbook_and_the_guide_names_the_whole_library(repository: Path) -> None:
    guide = (repository / "services/playbook-runner/docs/playbooks.md").read_text()
    example = guide.partition("```yaml\n")[2].partition("```")[0]

    assert read_playbook(example, "the guide", version=1).parsed.id == "red-needs-a-call"
    assert {one.parsed.id for one in shipped() if f"| `{one.parsed.id}` |" not in guide} == set()


def test_attributes_and_roles_that_the_library_uses_are_told_in_the_guide(repository: Path) -> None:
    guide = (repository / "services/playbook-runner/docs/playbooks.md").read_text().rpartition("They are drafts")[2]
    texts = "\n".join(one.text for one in shipped())
    said = re.findall(r"attribute[.:](\w+)|role:([\w-]+)|(?:value_of|attribute): (\w+)", texts)

    assert {word for found in said for word in found if word and f"`{word}`" not in guide} == set()


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "//evil.example", "www.vendor.example/tour", "tour", "{{ band }}"]
)
def test_a_link_that_leads_to_no_page_is_refused_when_it_is_saved(link: str) -> None:
    step = f"""  - {{id: show, kind: in_app, title: Hello, text: Look here, link: "{link}"}}\n"""
    with pytest.raises(PlaybookDocumentInvalid) as caught:
        read_playbook(TEXT + step, "a text", version=1)

    assert [(one.pointer, one.code) for one in caught.value.mistakes] == [("/steps/1/link", "template_link")]
    read_playbook(TEXT + step.replace(link, "{{ link }}"), "a text", version=1)


# ---- reading --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "place", "code"),
    [
        ("to: [yellow, red]", "to: [yelow]", (7, 3), "mistake"),
        ("{{ band }}", "{{ account.__class__ }}", (17, 5), "template_syntax"),
        ("{{ band }}", "{{ nobody }}", (17, 5), "template_variable"),
        (
            "{{ band }}",
            "{% for a in reasons %}{% for b in reasons %}x{% endfor %}{% endfor %}",
            (17, 5),
            "template_syntax",
        ),
        ('is {{ band }}"', 'is\\r\\nBcc: a@b.example"', (17, 5), "header_injection"),
        ("    kind: email", "    kind: email\n    to: a@localhost", (17, 5), "bad_address"),
        ("  - id: tell", "  - id: tell\n    next: tell", (16, 5), "loop"),
        ("id: call-them", "id: call-them\nid: again", (4, 1), "mistake"),
        ("# why it is here", "a: &x 1", (1, 4), "mistake"),
    ],
)
def test_each_mistake_has_its_line_and_column(old: str, new: str, place: tuple[int, int], code: str) -> None:
    with pytest.raises(PlaybookDocumentInvalid) as caught:
        read_playbook(TEXT.replace(old, new, 1), "a text", version=1)
    found = {(one.line, one.column): one.code for one in caught.value.mistakes}

    assert found[place] == code, found


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b"- a\n", b"", b"a: [1,", b"!!python/object/apply:os.system ['true']", b"[" * 5000]
)
def test_what_is_not_one_plain_mapping_in_utf_8_is_refused(body: bytes) -> None:
    with pytest.raises(PlaybookDocumentInvalid):
        read_bytes(body, "a body")


def test_files_are_looked_through_without_any_service(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(TEXT)
    good = lint_file(str(path), read_bytes)
    path.write_text(TEXT.replace("yellow", "yelow"))
    bad = lint_file(str(path), read_bytes)

    assert (good["valid"], good["id"], good["version"], good["warnings"]) == (True, "call-them", None, [])
    assert (bad["valid"], [one["line"] for one in bad["mistakes"]]) == (False, [7])


# ---- keeping --------------------------------------------------------------------------------------------------------


async def test_a_document_comes_back_as_its_author_wrote_it_and_as_plain_data(
    api: httpx.AsyncClient, model: dict[str, Any]
) -> None:
    kept = await push(api)
    again = await push(api)
    place = kept.headers["Location"]
    text = await api.get(place, params={"format": "yaml"})
    view = (await api.get(place)).json()

    assert (kept.status_code, kept.json()["new"], again.status_code, again.json()["new"]) == (201, True, 200, False)
    assert (kept.json()["version"], kept.json()["warnings"]) == (1, [])
    assert text.text == TEXT
    assert text.headers["content-type"].startswith("application/yaml")
    assert (view["state"], view["author"], view["document"]["version"]) == ("draft", "Dana", 1)
    assert "active_seats is below 40" in view["audience"]
    as_json = await api.post("/playbooks", json=view["document"])
    assert (as_json.status_code, as_json.json()["new"]) == (200, False)


async def test_a_changed_document_gets_the_next_number_and_a_taken_number_is_refused(
    api: httpx.AsyncClient, model: dict[str, Any]
) -> None:
    await push(api)
    second = await push(api, TEXT.replace("Please call", "Do call"))
    taken = await push(api, TEXT.replace("id: call-them", "id: call-them\nversion: 2"))
    diff = (await api.get("/playbooks/call-them/diff", params={"from": 1, "to": 2})).json()
    versions = (await api.get("/playbooks/call-them/versions")).json()["data"]

    assert (second.status_code, second.json()["version"]) == (201, 2)
    assert (taken.status_code, taken.json()["type"].rpartition("/")[2]) == (409, "version_taken")
    assert "3 is free" in taken.json()["detail"]
    assert [(one["pointer"], one["kind"]) for one in diff["differences"]] == [("/steps/tell/text", "changed")]
    assert [(one["version"], one["state"]) for one in versions] == [(1, "draft"), (2, "draft")]


async def test_a_signal_that_no_score_model_has_is_refused_with_its_place(
    api: httpx.AsyncClient, model: dict[str, Any]
) -> None:
    refused = await push(api, TEXT.replace("active_seats", "active_saets"))
    linted = await api.post(
        "/playbooks:lint", content=TEXT.replace("active_seats", "active_saets"), headers={"Content-Type": YAML}
    )
    (error,) = refused.json()["errors"]

    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (422, "playbook_invalid")
    assert (error["code"], error["pointer"], error["line"]) == ("signal_unknown", "/audience/subject", 9)
    assert "active_seats" in error["detail"]
    assert (linted.json()["valid"], linted.json()["mistakes"][0]["code"]) == (False, "signal_unknown")


async def test_without_the_scoring_api_a_draft_is_kept_with_a_warning_and_not_activated(api: httpx.AsyncClient) -> None:
    kept = await push(api)
    answer = await api.post("/playbooks/call-them/versions/1:activate", json={})

    assert [one["code"] for one in kept.json()["warnings"]] == ["names_unchecked"]
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (503, "health_away")


# ---- in force -------------------------------------------------------------------------------------------------------


async def test_versions_come_into_force_one_at_a_time_and_go_back_one_step(
    api: httpx.AsyncClient, model: dict[str, Any]
) -> None:
    await push(api)
    await push(api, TEXT.replace("Please call", "Do call"))
    none = await api.post("/playbooks/call-them:pause")
    assert (none.status_code, none.json()["type"].rpartition("/")[2]) == (409, "not_in_force")
    await activate(api, 1)
    lonely = await api.post("/playbooks/call-them:rollback", json={})
    await activate(api, 2)
    back = (await api.post("/playbooks/call-them:rollback", json={})).json()
    states = [(one["version"], one["state"]) for one in (await api.get("/playbooks/call-them/versions")).json()["data"]]
    await api.post("/playbooks/call-them:pause")
    forth = (await api.post("/playbooks/call-them:rollback", json={})).json()

    assert lonely.status_code == 409
    assert (back["playbook"]["version"], back["playbook"]["state"]) == (1, "active")
    assert states == [(1, "active"), (2, "retired")]
    assert (forth["playbook"]["version"], forth["playbook"]["state"]) == (2, "paused")


@pytest.mark.parametrize(
    ("in_flight", "counts", "after"),
    [
        ("stay", (1, 0, 0), (1, "running", None)),
        ("move", (0, 1, 0), (2, "running", None)),
        ("stop", (0, 0, 1), (1, "cancelled", "version_replaced")),
    ],
)
async def test_open_runs_stay_move_or_stop_by_choice(
    api: httpx.AsyncClient,
    outreach: Outreach,
    model: dict[str, Any],
    in_flight: str,
    counts: tuple[int, int, int],
    after: tuple[int, str, str | None],
) -> None:
    account = await outreach.drop()
    await outreach.start()
    text = (await api.get(f"/playbooks/{PLAYBOOK}/versions/1", params={"format": "yaml"})).text
    await push(api, text.replace("version: 1", "version: 2").replace("Hello,", "Good day,"))
    found = await activate(api, 2, in_flight, PLAYBOOK)
    run = await outreach.one("run", account)

    assert (found["stayed"], found["moved"], found["stopped"]) == counts
    assert (run["version"], run["state"], run["end_code"]) == after


async def test_a_run_at_a_step_that_the_new_version_has_not_stays_on_its_own(
    api: httpx.AsyncClient, outreach: Outreach, model: dict[str, Any]
) -> None:
    account = await outreach.drop()
    await outreach.start()
    text = (await api.get(f"/playbooks/{PLAYBOOK}/versions/1", params={"format": "yaml"})).text
    await push(api, text.replace("version: 1", "version: 2").replace("tell-owner", "write-to-owner"))
    found = await activate(api, 2, "move", PLAYBOOK)

    assert (found["stayed"], found["moved"]) == (1, 0)
    assert (await outreach.one("run", account))["version"] == 1


async def test_what_people_have_put_in_force_is_not_replaced_by_what_we_ship(
    api: httpx.AsyncClient, outreach: Outreach, model: dict[str, Any]
) -> None:
    shipped_one = next(one for one in shipped() if one.parsed.id == PLAYBOOK)
    text = shipped_one.text.replace("version: 1", "version: 2")
    await push(api, text.replace("Hello,", "Good day,"))
    await activate(api, 2, name=PLAYBOOK)
    await outreach.runner.keeping.stock([dict(shipped_one.document) | {"version": 3}])
    versions = (await api.get(f"/playbooks/{PLAYBOOK}/versions")).json()["data"]

    assert [(one["version"], one["state"], one["author"]) for one in versions] == [
        (1, "retired", "milepost"), (2, "active", "Dana"), (3, "draft", "milepost")
    ]  # fmt: skip


async def test_activating_is_named_and_strict(
    api: httpx.AsyncClient, model: dict[str, Any], outreach: Outreach
) -> None:
    await push(api)
    named = {"Idempotency-Key": "release-1"}
    path = "/playbooks/call-them/versions/1:activate"
    first = await api.post(path, json={}, headers=named)
    again = await api.post(path, json={}, headers=named)

    assert (first.status_code, first.json()) == (200, again.json())
    assert (await api.post(path, json={"in_flight": "vanish"})).status_code == 422
    assert (await api.post("/playbooks/call-tham/versions/1:activate", json={})).status_code == 404
    assert "did you mean call-them" in (await api.get("/playbooks/call-tham")).json()["detail"]
    assert (await api.post("/playbooks", content=b"x", headers={"Content-Type": "text/html"})).status_code == 415


async def test_the_form_is_served_without_a_key(api: httpx.AsyncClient, outreach: Outreach) -> None:
    del api.headers["Authorization"]
    answer = await api.get("/playbooks/schema.json")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/schema+json")
    assert answer.json() == document_schema()
