"""`milepost send` delivers a sample over the network to a running house and tells what became of it, or why not."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support import house as houses
from support.house import House
from support.shell import milepost

from ingest_webhooks.sources import CONNECTABLE

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    home = tmp_path_factory.mktemp("house") / "state"
    async with houses.running(home) as running:
        yield running


async def send(house: House, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(milepost, house.home, "send", *words, **more)


async def told(house: House, *words: str) -> dict[str, Any]:
    done = await send(house, *words, "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    return dict(json.loads(done.stdout))


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line.removeprefix("error  ")


async def connect(house: House, **wanted: Any) -> dict[str, Any]:
    answer = await house.post("ingest_webhooks", "/connections", json=wanted)
    return dict(answer.raise_for_status().json())


async def forget_all(house: House, source: str) -> None:
    for one in (await house.get("ingest_webhooks", "/connections")).json()["data"]:
        if one["source"] == source:
            await house.client.delete(house.url("ingest_webhooks", f"/connections/{one['id']}"))


async def test_an_escalated_ticket_of_hubspot_ends_on_an_account_with_a_page(house: House) -> None:
    done = await send(house, "hubspot", "ticket-escalated", "--company", "Acme Tools")
    assert done.returncode == 0, done.stderr
    for words in ("so one was made: test deliveries", "200 ", "done ", "ticket.opened", "ticket.escalated"):
        assert words in done.stdout
    (page,) = [word for word in done.stdout.split() if "/app/accounts/" in word]
    answer = await house.get("scoring_api", page.removeprefix(house.url("scoring_api")))
    assert answer.status_code == 200
    assert "waits" not in done.stdout

    again = await told(house, "hubspot", "ticket-resolved", "--company", "Acme Tools")
    assert again["connection"] == {"id": again["connection"]["id"], "name": "test deliveries", "made": False}
    assert again["events"] == {"ticket.resolved": 1}
    assert page.endswith(again["accounts"][0]["id"])
    assert [one["state"] for one in again["deliveries"]] == ["done"]


@pytest.mark.parametrize("source", sorted(CONNECTABLE))
async def test_the_first_sample_of_every_source_is_taken_and_understood(house: House, source: str) -> None:
    await forget_all(house, source)
    listed = await told(house, source)
    report = await told(house, source, listed["data"][-1]["name"], "--company", f"first of {source}")
    assert report["connection"]["made"] is True
    assert report["settled"] is True
    assert sum(report["events"].values()) >= 1
    assert bool(report["accounts"]) != bool(report["waiting"])
    address = f"/webhooks/{source}/{report['connection']['id']}"
    assert report["url"].endswith(address), "no secret segment is shown"


async def test_without_a_sample_they_are_listed(house: House) -> None:
    done = await send(house, "hubspot")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["ticket-escalated", "ticket-resolved"]
    assert lines[-1] == "Send one: milepost send hubspot ticket-escalated"


async def test_what_waits_is_told_with_the_way_to_link_it(house: House) -> None:
    await forget_all(house, "calendly")
    done = await send(house, "calendly", "meeting-booked", "--company", "nobody-knows")
    assert done.returncode == 0, done.stderr
    assert "waits  until an account is known as external:nobody-knows" in done.stdout
    assert 'POST /accounts/<account>/references  {"reference": "external:nobody-knows"}' in done.stdout

    made = await house.post("ingest_webhooks", "/accounts", json={"references": ["external:nobody-knows"]})
    report = await told(house, "calendly", "meeting-cancelled", "--company", "nobody-knows")
    assert [one["id"] for one in report["accounts"]] == [made.json()["account_id"]]
    assert report["waiting"] == []


async def test_several_deliveries_are_several(house: House) -> None:
    await forget_all(house, "segment")
    report = await told(house, "segment", "feature-used", "--times", "5")
    assert [one["status"] for one in report["sent"]] == [200] * 5
    assert len(report["deliveries"]) == 5
    assert report["events"] == {"feature.used": 5}
    done = await send(house, "segment", "feature-used", "--times", "3")
    assert "200 × 3" in done.stdout
    assert "done × 3" in done.stdout


async def test_of_several_connections_one_has_to_be_said(house: House) -> None:
    await forget_all(house, "stripe")
    one = await connect(house, source="stripe", name="billing")
    two = await connect(house, source="stripe", name="other")
    said = refusal(await send(house, "stripe", "invoice-paid"))
    assert said.startswith("say which one by --connection.")
    assert f"{one['id']} (billing)" in said
    assert f"{two['id']} (other)" in said
    for name in (two["id"], "other"):
        assert (await told(house, "stripe", "invoice-paid", "--connection", name))["connection"]["id"] == two["id"]
    assert "there is no connection called third" in refusal(
        await send(house, "stripe", "invoice-paid", "--connection", "third")
    )
    await house.client.patch(house.url("ingest_webhooks", f"/connections/{two['id']}"), json={"enabled": False})
    assert (await told(house, "stripe", "invoice-paid"))["connection"]["id"] == one["id"]
    assert "takes no deliveries" in refusal(await send(house, "stripe", "invoice-paid", "--connection", two["id"]))


async def test_what_means_nothing_is_said_and_is_no_success(house: House) -> None:
    await forget_all(house, "typeform")
    made = await connect(house, source="typeform", name="forms")
    rules = {"rules": {"form_response.*": {"ignore": True}}}
    path = house.url("ingest_webhooks", f"/connections/{made['id']}/mapping")
    (await house.client.put(path, json=rules)).raise_for_status()
    done = await send(house, "typeform", "nps-promoter")
    assert done.returncode == 1
    assert "ignored" in done.stdout
    assert f"POST /connections/{made['id']}/test shows why" in done.stdout


async def test_what_is_not_understood_is_said_with_the_reason(house: House) -> None:
    await forget_all(house, "salesforce")
    await connect(house, source="salesforce", name="no organisation")
    done = await send(house, "salesforce", "milestone-completed")
    assert done.returncode == 1
    assert "quarantined" in done.stdout
    assert "set organization_id in the connection's settings" in done.stdout


async def test_a_refusal_of_the_door_is_shown_in_its_own_words(house: House) -> None:
    await forget_all(house, "zendesk")
    await connect(house, source="zendesk", name="slow", rate_per_second=0.001)
    done = await send(house, "zendesk", "ticket-escalated", "--times", "3")
    assert done.returncode == 1
    assert "429" in done.stdout
    assert "takes fewer requests a second" in done.stdout


async def test_bad_uses_are_refused_in_one_line(house: House) -> None:
    assert "Did you mean hubspot?" in refusal(await send(house, "hubspt", "ticket-escalated"))
    said = refusal(await send(house, "hubspot", "ticket-escalate"))
    assert "Did you mean ticket-escalated?" in said
    assert "milestone-completed" in said
    assert "names companies by" in refusal(await send(house, "hubspot", "sponsor-left", "--company", "domain:acme.com"))
    said = refusal(await send(house, "hubspot", "sponsor-left", "--key", "mp_nobody_nothing"))
    assert said.startswith("the key is not known here")
    assert refusal(await send(house, "hubspot", "sponsor-left", "--url", "http://127.0.0.1:9")).startswith(
        "ingest does not answer at http://127.0.0.1:9"
    )
    assert "no address" in refusal(await send(house, "hubspot", "--url", "http://[::"))
    done = await send(house, "hubspot", "sponsor-left", "--times", "0")
    assert done.returncode == 2


async def test_a_key_that_is_no_administrators_is_told_so(house: House) -> None:
    words = ("keys", "create", "--name", "reader", "--scope", "read", "--json")
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "milepost_devstack.cli", *words],
        env=houses.environment(house.home),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    key = json.loads(done.stdout)["key"]
    said = refusal(await send(house, "hubspot", "sponsor-left", MILEPOST_API_KEY=key))
    assert "needs an administrator's key" in said


def test_without_a_house_it_says_how_to_start_one(tmp_path: Path) -> None:
    said = refusal(milepost(tmp_path / "home", "send", "hubspot", "ticket-escalated"))
    assert said.startswith("no house is up in")
    assert "milepost up" in said


async def test_no_secret_is_logged_or_printed(house: House) -> None:
    await forget_all(house, "salesforce")
    made = await connect(house, source="salesforce", name="sealed", settings={"organization_id": "00D7Q0000007MiLUAU"})
    token = made["webhook_url"].rpartition("/")[2]
    shown = await send(house, "salesforce", "case-escalated", "--json")
    assert shown.returncode == 0, shown.stderr
    for text in (shown.stdout, shown.stderr, house.log("ingest-webhooks"), house.log("ingest-webhooks-worker")):
        assert token not in text
        assert made["secret"] not in text
