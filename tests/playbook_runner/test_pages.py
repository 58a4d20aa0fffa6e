"""Claims about pages in place of answers: what they say is neither done nor not there, at CRMs and at Slack."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from support.calls import SLACK, Calls
from support.crm_bench import CrmBench
from support.hubspot_portal import PORTAL, Portal
from support.on_the_way import PAGE, OnTheWay, on_the_way
from support.outreach import Outreach
from support.receiver import receiver
from support.salesforce_org import ORGANISATION, Organisation, salesforce_org

from milepost_contracts.references import salesforce_id
from playbook_runner.actions.crm.answers import Busy
from playbook_runner.connections.connecting import NewOutlet
from playbook_runner.connections.setting_up import SetUpFailed

NUMBER = str(salesforce_id("001ak0000000077"))
TASK = {"kind": "crm", "connection": "our-crm", "writes": "task", "fields": {"subject": "Call {{ account.name }}"}}
SET = {"hubspot": {"renewal_note": "at {{ score }}"}, "salesforce": {"Description": "at {{ score }}"}}
GRANT = {"client_id": "client-id-1", "client_secret": "client-secret-1", "refresh_token": "refresh-token-1"}
CRMS = pytest.mark.parametrize("kind", ["hubspot", "salesforce"])


class Crm:
    """A CRM of either kind, somebody on the way to it, and an effect that is ready for it."""

    def __init__(self, outreach: Outreach, kind: str, served: Any, between: OnTheWay) -> None:
        self.outreach, self.kind, self.served, self.between = outreach, kind, served, between

    async def intended(self, step: dict[str, Any]) -> UUID:
        playbook = {
            "format": "playbook/1", "id": f"into-{self.kind}-{step['writes']}", "version": 1, "name": "Into the CRM",
            "purpose": "Writes to the CRM when health drops.", "steps": [{"id": "write", **step}],
            "trigger": {"kind": "band_changed", "to": ["red"], "direction": "down"},
        }  # fmt: skip
        outreach, hubspot = self.outreach, self.kind == "hubspot"
        await outreach.pool.execute("truncate playbook, outlet, destination")
        await outreach.runner.keeping.stock([playbook])
        reference = f"hubspot:{PORTAL}:90210" if hubspot else f"salesforce:{ORGANISATION}:{NUMBER}"
        account = await outreach.drop(references=(reference,))
        await outreach.start()
        await outreach.advance()
        secrets = {"token": "pat-eu1-first-token"} if hubspot else {"private_key": self.served.pem}
        row, _ = await outreach.runner.outlets.create(NewOutlet("our-crm", self.kind, self.served.settings, secrets))
        await outreach.runner.setting_up.set_up(row["id"])
        return account

    async def perform(self, *pages: int | None) -> str:
        """Let everything be due, and these pages come in place of the next answers; return the effect's state."""
        await self.outreach.later("effect")
        await self.outreach.pool.execute("truncate destination")
        self.between.pages = list(pages)
        await self.outreach.perform()
        return str(await self.outreach.pool.fetchval("select state from effect order by created_at desc limit 1"))

    @property
    def made(self) -> int:
        return len(self.served.things["tasks"] if self.kind == "hubspot" else self.served.tasks)

    @property
    def note(self) -> str | None:
        kept = self.served.companies["90210"] if self.kind == "hubspot" else self.served.accounts[NUMBER]
        return kept.get("renewal_note" if self.kind == "hubspot" else "Description")


@pytest.fixture(scope="module")
async def organisation() -> AsyncIterator[Organisation]:
    async with salesforce_org() as served:
        yield served


@pytest.fixture
async def crm(outreach: Outreach, portal: Portal, organisation: Organisation, kind: str) -> AsyncIterator[Crm]:
    portal.companies["90210"] = {"name": "Aurora Logistics"}
    organisation.accounts[NUMBER] = {"Name": "Aurora Logistics"}
    organisation.tasks.clear()
    served = portal if kind == "hubspot" else organisation
    async with on_the_way(served) as between:
        yield Crm(outreach, kind, served, between)


@CRMS
@pytest.mark.parametrize("passed_on", [True, False])
async def test_a_page_that_says_success_leaves_doubt_and_the_task_is_made_once(crm: Crm, *, passed_on: bool) -> None:
    await crm.intended(TASK)
    crm.between.after = passed_on
    assert await crm.perform(200) == "in_doubt"
    crm.between.after = False

    for _ in range(3):
        state = await crm.perform()

    assert (state, crm.made) == ("done", 1)


@CRMS
@pytest.mark.parametrize("page", [200, 302, 403, 404, 407])
async def test_a_page_in_place_of_an_answer_to_the_question_is_no_word_about_the_task(crm: Crm, page: int) -> None:
    await crm.intended(TASK)
    crm.served.lost = 1
    assert await crm.perform() == "in_doubt"

    assert await crm.perform(page) == "in_doubt"
    assert crm.made == 1
    assert await crm.perform() == "done"
    assert crm.made == 1


@CRMS
@pytest.mark.parametrize("page", [302, 400, 403, 404, 407, 413])
async def test_what_a_page_turns_away_is_tried_later(crm: Crm, page: int) -> None:
    await crm.intended(TASK)
    assert await crm.perform(page) == "ready"
    assert (await crm.outreach.pool.fetchval("select reason from effect")).count(str(page)) == 1
    assert crm.made == 0

    assert await crm.perform() == "done"
    assert crm.made == 1


@CRMS
@pytest.mark.parametrize(("page", "state"), [(200, "in_doubt"), (404, "ready")])
async def test_properties_are_set_only_by_what_the_crm_itself_says(crm: Crm, page: int, state: str) -> None:
    await crm.intended(TASK | {"writes": "properties", "fields": SET[crm.kind]})
    assert await crm.perform(page) == state
    assert crm.note is None

    for _ in range(3):
        state = await crm.perform()

    assert (state, crm.note) == ("done", "at 47.3")


@CRMS
@pytest.mark.parametrize("page", [200, 404, 409])
@pytest.mark.parametrize("place", range(3))
async def test_nothing_is_set_up_by_pages(crm: Crm, page: int, place: int) -> None:
    await crm.intended(TASK)
    row = await crm.outreach.pool.fetchrow("select id from outlet")
    crm.between.pages = [None] * place + [page]

    with pytest.raises(SetUpFailed, match="was not set up"):
        await crm.outreach.runner.setting_up.set_up(row["id"])
    crm.between.pages = []
    await crm.outreach.runner.setting_up.set_up(row["id"])


async def test_health_that_a_page_took_is_told_again(bench: CrmBench, portal: Portal) -> None:
    async with on_the_way(portal) as between:
        await bench.setting_up.set_up(await bench.connect("hubspot", portal.settings, {"token": "pat-eu1-first-token"}))
        account = await bench.account(portal.company(1), score=20.0)
        for page in (200, 302, 404):
            between.pages = [page]
            await bench.tell()
            assert "milepost_score" not in portal.companies["1"]
            assert (await bench.row(account))["digest"] is None
        await bench.tell()

    assert portal.companies["1"]["milepost_score"] == "20.0"


@pytest.mark.parametrize("page", [200, 302, 400, 403, 404])
async def test_a_page_in_place_of_a_token_is_no_word_about_the_connection(
    bench: CrmBench, portal: Portal, page: int
) -> None:
    async with on_the_way(portal) as between:
        await bench.connect("hubspot", portal.settings, GRANT)
        outlet = await bench.outlets.open_named("our-hubspot")
        between.pages = [page]
        with pytest.raises(Busy, match=f"answered {page} without a word of why"):
            await bench.admitting.present(outlet)
        assert (await bench.admitting.present(outlet)).token in portal.tokens


def page(status: int) -> bytes:
    return f"HTTP/1.1 {status} so\r\ncontent-type: text/html\r\ncontent-length: {len(PAGE)}\r\n\r\n".encode() + PAGE


@pytest.fixture
async def slack(outreach: Outreach) -> AsyncIterator[Calls]:
    async with receiver(slack=True) as server:
        calls = Calls(outreach, SLACK, server)
        await calls.set_up()
        yield calls


async def again(calls: Calls) -> dict[str, int]:
    await calls.outreach.later("effect")
    await calls.outreach.pool.execute("truncate destination")
    await calls.perform()
    return await calls.states()


@pytest.mark.parametrize("status", [302, 400, 403, 404, 407, 410])
async def test_a_page_in_place_of_slack_turns_a_message_away_for_a_while(slack: Calls, status: int) -> None:
    await slack.intended()
    slack.server.answers = [page(status)]
    await slack.perform()
    assert await slack.states() == {"ready": 1}
    assert await slack.outreach.pool.fetchval("select active from outlet")

    assert await again(slack) == {"done": 1}
    assert len(slack.server.messages) == 1


@pytest.mark.parametrize("said", [page(200), page(204), b"HTTP/1.1 200 so\r\ncontent-length: 2\r\n\r\n{}"])
async def test_a_page_that_says_success_in_place_of_slack_leaves_doubt(slack: Calls, said: bytes) -> None:
    await slack.intended()
    slack.server.answers = [said]
    await slack.perform()
    assert await slack.states() == {"in_doubt": 1}

    for _ in range(2):
        states = await again(slack)
    assert (states, len(slack.server.messages)) == ({"done": 1}, 1)


@pytest.mark.parametrize(
    "said",
    [*(page(status) for status in (200, 302, 403, 404)), b'HTTP/1.1 200 so\r\ncontent-length: 11\r\n\r\n{"ok":true}'],
)
async def test_a_page_in_place_of_a_history_does_not_say_that_a_message_is_missing(slack: Calls, said: bytes) -> None:
    await slack.intended()
    slack.server.slack_errors, slack.server.slack_keeps = [500], True
    await slack.perform()
    slack.server.answers = [said]
    assert await again(slack) == {"in_doubt": 1}

    assert await again(slack) == {"done": 1}
    assert len(slack.server.messages) == 1
