"""W36 for identity: whoever links names at impossible times, nobody's names are spoiled for good."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from support.front_door import Bench, linked
from support.providers import sample, sender

from ingest_webhooks.relay.hearing import read
from ingest_webhooks.sources import SOURCES
from ingest_webhooks.words.shapes import AHEAD, EPOCH, Context

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
Said = Callable[[float], Any]
TIMES = [
    pytest.param(-62_135_596_800, id="W36-year-1"),
    pytest.param(253_402_300_799, id="W36-year-9999"),
    pytest.param(-1, id="W36-before-1970"),
    pytest.param(NOW.timestamp() + 10 * 365 * 86_400, id="W36-10-years-ahead"),
]


def text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def of_stripe(at: float) -> Any:
    customer = {"id": "cus_1", "object": "customer", "email": "a@acme.com", "metadata": {"account_id": "acme"}}
    return {"id": "evt_1", "type": "customer.updated", "created": int(at), "data": {"object": customer}}


def of_intercom(at: float) -> Any:
    document = sample("intercom", "company-created.json")
    document["data"]["item"]["company_id"] = "acme"
    return document | {"created_at": int(at)}


def of_jira(at: float) -> Any:
    document = sample("jira", "issue-updated.json") | {"timestamp": int(at * 1000)}
    document["issue"]["fields"]["labels"] = ["customer-acme"]
    return document


def of_salesforce(at: float) -> Any:
    header = {"entityName": "Case", "changeType": "UPDATE", "transactionKey": "t", "sequenceNumber": 1}
    header |= {"recordIds": ["5000000000000010AA"], "commitTimestamp": int(at * 1000), "changedFields": ["AccountId"]}
    return {"ChangeEventHeader": header, "AccountId": "001000000000001AAA"}


SAID: dict[str, tuple[dict[str, Any], Said]] = {
    "hubspot": ({}, lambda at: [linked("ticket", 4_401, 7, 1, occurredAt=int(at * 1000))]),
    "zendesk": ({}, lambda at: sample("zendesk", "ticket-created.json") | {"time": text(at)}),
    "stripe": ({}, of_stripe),
    "intercom": ({}, of_intercom),
    "jira": ({"account_label": "customer-"}, of_jira),
    "salesforce": ({"organization_id": "00D000000000077"}, of_salesforce),
    "segment": ({}, lambda at: sample("segment", "webhook-group.json") | {"timestamp": text(at), "messageId": "m"}),
}


@pytest.mark.parametrize("at", TIMES)
@pytest.mark.parametrize("source", SAID)
def test_every_source_links_within_the_time_that_counts(source: str, at: float) -> None:
    chosen, said = SAID[source]
    context = Context(NOW, SOURCES[source].settings.model_validate(chosen), connection=str(uuid4()))
    heard = read(SOURCES[source], json.dumps(said(at)).encode(), context, "a delivery")

    assert (bool(heard.links), heard.faults) == (True, [])
    assert {EPOCH <= link.at <= NOW + AHEAD for link in heard.links} == {True}


@pytest.mark.parametrize("at", TIMES)
async def test_a_ticket_at_an_impossible_time_spoils_nothing_that_comes_later(bench: Bench, at: float) -> None:
    zendesk = await sender(bench, "zendesk")
    account, now = int(time.time() * 1000), time.time()
    first = sample("zendesk", "ticket-created.json") | {"account_id": account}
    await zendesk.tell(first | {"id": "z1", "time": text(at)}, first | {"id": "z2", "time": text(now)})
    organisation = f"zendesk:{account}:{first['detail']['organization_id']}"
    unmapped = await bench.client.get("/accounts/unmapped")
    trial = await bench.client.post(f"/connections/{zendesk.connection['id']}/test", json={"payload": first})
    made = await bench.client.post("/accounts", json={"references": [organisation]})
    shown = await bench.client.get(f"/accounts/{made.json()['account_id']}/references")

    assert [row["state"] for row in await zendesk.deliveries()] == ["done", "done"]
    assert [answer.status_code for answer in (unmapped, trial, made, shown)] == [200, 200, 201, 200]
    assert len(await zendesk.events()) == 2


@pytest.mark.parametrize("at", ["-infinity", "infinity"])
async def test_a_word_that_was_kept_without_a_time_is_read_all_the_same(bench: Bench, at: str) -> None:
    contact, company = f"hubspot:{uuid4().int % 10**9}:contact:1", f"external:{uuid4().hex}"
    made = (await bench.client.post("/accounts", json={"references": [company]})).json()
    await bench.pool.execute(
        "insert into ingest.reference_link (reference, target, at, kind)"
        " values ($1, $2, $3::text::timestamptz, 'link')",
        contact,
        company,
        at,
    )
    found = await bench.client.get(f"/accounts/lookup?reference={contact}")
    shown = await bench.client.get(f"/accounts/{made['account_id']}/references")

    assert found.json() == {"reference": contact, "account_id": made["account_id"]}
    assert (shown.status_code, {line["reference"] for line in shown.json()["data"]} >= {company}) == (200, True)
