"""Claims about gates: nothing goes out before somebody's word, which may be other words; silence has a meaning."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from support.mail_server import body_of
from support.outreach import Outreach
from support.runner_api import key_with, runner_api

from milepost_runtime.lanes import drain
from playbook_runner.settings import RunnerSettings

MAIL = {
    "id": "write", "kind": "email", "to": "attribute:champion_email", "subject": "About {{ account.name }}",
    "text": "{{ account.name }} stands at {{ score }}.", "transactional": True, "next": "end",
}  # fmt: skip
INSTEAD = {"id": "instead", "kind": "task", "title": "Call them instead", "script": "Call."}


def gate(**parts: Any) -> dict[str, Any]:
    return {"id": "ask", "kind": "approval", "by": ["owner"], "about": "write", "rejected": "instead"} | parts


async def asked(outreach: Outreach, step: dict[str, Any] = MAIL, **parts: Any) -> UUID:
    document = {
        "format": "playbook/1", "id": "careful", "version": 1, "name": "Careful", "purpose": "Asks before it writes.",
        "trigger": {"kind": "band_changed", "to": ["red"], "direction": "down"},
        "steps": [gate(**parts), step, INSTEAD],
    }  # fmt: skip
    await outreach.pool.execute("truncate playbook")
    await outreach.runner.keeping.stock([document])
    account = await outreach.drop()
    outreach.scoring.attributes[account] = {"champion_email": "lee@customer.example"}
    await outreach.all_lanes()
    return account


async def go_on(outreach: Outreach) -> None:
    for _ in range(3):
        await outreach.advance()
        await outreach.perform()


@pytest.fixture
async def api(outreach: Outreach, settings: RunnerSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with runner_api(settings, await key_with(outreach.pool, "read", "write")) as client:
        yield client


async def test_nothing_goes_out_before_somebody_has_seen_the_draft(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await asked(outreach)

    (shown,) = (await api.get("/approvals", params={"owner": "kim@vendor.example", "state": "open"})).json()["data"]
    assert outreach.mail.mails == []
    assert (shown["about"], shown["playbook_id"], shown["recipient"]) == ("write", "careful", "lee@customer.example")
    assert shown["draft"]["subject"] == "About Aurora Logistics"
    assert shown["draft"]["text"].startswith("Aurora Logistics stands at")


async def test_what_is_approved_goes_out_as_it_was_drafted(outreach: Outreach, api: httpx.AsyncClient) -> None:
    account = await asked(outreach)
    gate_id = (await outreach.one("approval", account))["id"]

    assert (await api.post(f"/approvals/{gate_id}/approve")).json()["state"] == "approved"
    await go_on(outreach)

    (mail,) = outreach.mail.mails
    assert mail["Subject"] == "About Aurora Logistics"
    again = await api.post(f"/approvals/{gate_id}/reject", json={"reason": "too late"})
    assert (again.status_code, again.json()["type"].rpartition("/")[2]) == (409, "approval_ended")


async def test_other_words_go_out_in_place_of_the_drafts(outreach: Outreach, api: httpx.AsyncClient) -> None:
    account = await asked(outreach)
    path = f"/approvals/{(await outreach.one('approval', account))['id']}/approve"

    refused = await api.post(path, json={"edited": {"to": "somebody@else.example"}})
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (422, "edit_refused")
    assert (await api.post(path, json={"edited": {"text": "Shall we talk tomorrow?"}})).status_code == 200
    await go_on(outreach)

    (mail,) = outreach.mail.mails
    assert mail["To"] == "lee@customer.example"
    assert body_of(mail, "plain").startswith("Shall we talk tomorrow?")


async def test_what_is_rejected_goes_the_playbooks_other_way(outreach: Outreach, api: httpx.AsyncClient) -> None:
    account = await asked(outreach)
    path = f"/approvals/{(await outreach.one('approval', account))['id']}/reject"

    assert (await api.post(path, json={})).status_code == 422
    assert (await api.post(path, json={"reason": "not now"})).json()["reason"] == "not now"
    await go_on(outreach)

    assert outreach.mail.mails == []
    assert (await outreach.one("task", account))["title"] == "Call them instead"


@pytest.mark.parametrize(("otherwise", "mails"), [("approve", 1), ("reject", 0)])
async def test_silence_means_what_the_playbook_says(outreach: Outreach, otherwise: str, mails: int) -> None:
    account = await asked(outreach, otherwise=otherwise)
    await drain(outreach.pool, outreach.runner.approving.lane)
    assert (await outreach.one("approval", account))["state"] == "open"

    await outreach.later("approval", timedelta(days=3))
    await drain(outreach.pool, outreach.runner.approving.lane)
    await go_on(outreach)

    assert (await outreach.one("approval", account))["state"] == "expired"
    assert len(outreach.mail.mails) == mails


@pytest.mark.parametrize(
    ("edited", "part"),
    [
        ({"subject": "A\r\nBcc: evil@x.example"}, "subject"),
        ({"subject": " "}, "subject"),
        ({"subject": "x" * 181}, "subject"),
        ({"text": " \n"}, "text"),
        ({"html": "<p>Hello</p><script>alert(1)</script>"}, "html"),
        ({"to": "evil@x.example"}, "to"),
    ],
)
async def test_other_words_are_held_to_what_a_draft_is(
    outreach: Outreach, api: httpx.AsyncClient, edited: dict[str, str], part: str
) -> None:
    account = await asked(outreach)
    path = f"/approvals/{(await outreach.one('approval', account))['id']}/approve"

    refused = await api.post(path, json={"edited": edited})

    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (422, "edit_refused")
    assert [one["pointer"] for one in refused.json()["errors"]] == [f"/edited/{part}"]
    assert (await outreach.one("approval", account))["state"] == "open"
    assert (await api.post(path)).status_code == 200
    await go_on(outreach)
    assert len(outreach.mail.mails) == 1


@pytest.mark.parametrize(
    "edited",
    [
        {"link": "javascript:alert(1)"},
        {"link": "//elsewhere.example"},
        {"title": "a\r\nb"},
        {"title": ""},
        {"text": ""},
    ],
)
async def test_other_words_of_a_message_in_the_product_are_held_to_what_a_draft_is(
    outreach: Outreach, api: httpx.AsyncClient, edited: dict[str, str]
) -> None:
    step = {"id": "write", "kind": "in_app", "title": "Hello", "text": "Hello.", "link": "/start", "next": "end"}
    account = await asked(outreach, step=step)
    path = f"/approvals/{(await outreach.one('approval', account))['id']}/approve"

    assert (await api.post(path, json={"edited": edited})).status_code == 422
    fine = {"title": "Good morning", "link": "https://product.example/start"}
    assert (await api.post(path, json={"edited": fine})).status_code == 200
    await go_on(outreach)
    shown = await outreach.one("in_app_message", account)
    assert (shown["title"], shown["text"], shown["link"]) == (fine["title"], "Hello.", fine["link"])
