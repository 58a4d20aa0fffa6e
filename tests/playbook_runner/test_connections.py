"""Claims about what playbooks name of connections, and what a refused step says of one."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.hubspot_portal import PORTAL, Portal
from support.outreach import Outreach
from support.runner_api import key_with, runner_api

from milepost_runtime.placed_documents import read_document
from playbook_runner.connections.connecting import NewOutlet
from playbook_runner.documents.checking import PlaybookDocumentInvalid, read_playbook
from playbook_runner.settings import RunnerSettings

COMPANY = f"hubspot:{PORTAL}:90210"
TOKEN = {"token": "pat-eu1-first-token"}
MODEL = "services/scoring-api/src/scoring_api/library/b2b-onboarding.yaml"
TEXT = """\
id: into-the-crm
name: Into the CRM
trigger: {kind: band_changed, to: [red], direction: down}
measures: [{id: back, when: {subject: band, value: green}, within_days: 30}]
steps:
  - id: write
    kind: crm
    connection: our-crm
    writes: note
    fields: {body: red}
"""


@pytest.fixture
async def api(outreach: Outreach, settings: RunnerSettings, repository: Path) -> AsyncIterator[httpx.AsyncClient]:
    await outreach.pool.execute("truncate outlet")
    outreach.scoring.models["b2b-onboarding"] = read_document((repository / MODEL).read_text(), 1_000_000).document
    async with runner_api(settings, await key_with(outreach.pool, "read", "playbooks", "admin")) as client:
        yield client


async def connect(outreach: Outreach, portal: Portal, name: str = "our-crm") -> Any:
    portal.companies["90210"] = {"name": "Aurora Logistics"}
    new = NewOutlet(name, "hubspot", portal.settings, TOKEN, rate_per_s=1000.0)
    row, _ = await outreach.runner.outlets.create(new)
    return row["id"]


async def doubts(api: httpx.AsyncClient, text: str, code: str = "connection_unknown") -> list[tuple[str, str]]:
    """Look through a document, keep it, put it in force; return the doubts of a code, the same each time."""
    sent: dict[str, Any] = {"content": text.encode(), "headers": {"Content-Type": "application/yaml"}}
    linted, kept = await api.post("/playbooks:lint", **sent), await api.post("/playbooks", **sent)
    place = f"/playbooks/into-the-crm/versions/{kept.json()['version']}:activate"
    activated = await api.post(place, json={})
    found = [
        [(one["pointer"], one["detail"]) for one in answer.json()["warnings"] if one["code"] == code]
        for answer in (linted, kept, activated)
    ]
    assert found[0] == found[1] == found[2]
    return found[0]


async def test_a_connection_that_there_is_not_or_of_another_kind_is_a_warning_until_it_is_made(
    api: httpx.AsyncClient, outreach: Outreach, portal: Portal
) -> None:
    other = TEXT.replace("kind: crm", "kind: webhook").replace("    writes: note\n", "")
    missing = await doubts(api, TEXT)
    await connect(outreach, portal, "our-crm-2")
    misspelt = await doubts(api, TEXT)
    await connect(outreach, portal)
    there = await doubts(api, TEXT)
    another = await doubts(api, other)

    place = "/steps/0/connection"
    assert missing == [(place, "there is no connection 'our-crm'; the step fails until there is one")]
    assert "did you mean 'our-crm-2'?" in misspelt[0][1]
    assert there == []
    assert [(place, True)] == [(at, "is of the kind hubspot, not webhook" in said) for at, said in another]


async def test_a_role_that_nobody_who_works_here_has_is_a_warning_until_somebody_has_it(
    api: httpx.AsyncClient, outreach: Outreach
) -> None:
    text = TEXT.replace("steps:", "owner: [owner, role:leads]\nsteps:")
    known = {"name": "Kim", "email": "kim@vendor.example", "roles": ["lead"]}
    await api.put("/people/kim", json=known)
    misspelt = await doubts(api, text, "role_unknown")
    await api.put("/people/kim", json=known | {"roles": ["leads"]})
    there = await doubts(api, text, "role_unknown")
    await api.put("/people/kim", json=known | {"roles": ["leads"], "active": False})
    left = await doubts(api, text, "role_unknown")

    assert misspelt == [("/owner", "nobody who works here has the role 'leads'; did you mean 'lead'?")]
    assert there == []
    assert left == [("/owner", "nobody who works here has the role 'leads'")]


@pytest.mark.parametrize("name", ["milepost_score", "Milepost_Band__c", "MILEPOST_KEY__C"])
def test_properties_in_which_a_crm_is_told_of_health_are_no_steps(name: str) -> None:
    step = TEXT.replace("writes: note", "writes: properties").replace("body", name)
    with pytest.raises(PlaybookDocumentInvalid) as caught:
        read_playbook(step, "a text", version=1)

    assert [(one.pointer, one.code) for one in caught.value.mistakes] == [(f"/steps/0/fields/{name}", "property_ours")]
    read_playbook(step.replace(name, "renewal_note"), "a text", version=1)


async def trouble(outreach: Outreach) -> str:
    await outreach.later("effect")
    await outreach.pool.execute("truncate destination")
    await outreach.perform()
    return str(await outreach.pool.fetchval("select off_because from outlet"))


async def test_a_connection_whose_token_a_step_found_refused_says_so_until_one_is_let_in(
    outreach: Outreach, portal: Portal
) -> None:
    await outreach.pool.execute("truncate playbook, outlet")
    await outreach.runner.keeping.stock([read_playbook(TEXT, "a text", version=1)])
    outlet = await connect(outreach, portal)
    await outreach.runner.setting_up.set_up(outlet)
    await outreach.drop(references=(COMPANY,))
    await outreach.start()
    await outreach.advance()

    portal.tokens.clear()
    refused = await trouble(outreach)
    await outreach.runner.outlets.change(outlet, {"rate_per_s": 500.0})
    renamed = (await outreach.runner.outlets.one(outlet))["off_because"]
    portal.tokens.add("pat-eu1-second-token")
    await outreach.runner.outlets.change(outlet, {"secrets": {"token": "pat-eu1-second-token"}})
    mended = (await outreach.runner.outlets.one(outlet))["off_because"]

    assert refused == renamed == "HubSpot refused the token: put another one in its place"
    assert mended == ""


@pytest.mark.parametrize(("told_of_health", "after"), [(False, ""), (True, "HubSpot refused the token")])
async def test_a_step_that_is_let_in_takes_back_what_steps_said_and_not_what_is_said_of_health(
    outreach: Outreach, portal: Portal, told_of_health: bool, after: str
) -> None:
    await outreach.pool.execute("truncate playbook, outlet")
    await outreach.runner.keeping.stock([read_playbook(TEXT, "a text", version=1)])
    outlet = await connect(outreach, portal)
    await outreach.runner.setting_up.set_up(outlet)
    await outreach.pool.execute("update outlet set writes_health = $1", told_of_health)
    await outreach.drop(references=(COMPANY,))
    await outreach.start()
    await outreach.advance()

    portal.tokens.clear()
    await trouble(outreach)
    portal.tokens.add("pat-eu1-first-token")
    left = await trouble(outreach)

    assert len(portal.things["notes"]) == 1
    assert left.startswith(after)
    assert bool(left) is bool(after)
