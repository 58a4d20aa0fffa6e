"""Claims about lines that break before a byte of a message is written: tried again, never in doubt, never given up."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from support.calls import SECRET, SLACK, TOKEN, WEBHOOK, Calls, playbook
from support.hubspot_portal import PORTAL
from support.outreach import Outreach
from support.receiver import Receiver
from support.tls import broken

from milepost_core.effects import Doubt, Outcome
from milepost_runtime.lanes import drain
from playbook_runner.actions.channel import Sendable
from playbook_runner.connections.connecting import NewOutlet
from playbook_runner.settings import mail_server

COMPANY = f"hubspot:{PORTAL}:90210"
NOTE = {"kind": "crm", "connection": "our-crm", "writes": "note", "fields": {"body": "{{ account.name }}"}}
BREAKS = ["cut", "garbage", "untrusted", "hang"]


async def is_tried_again(outreach: Outreach, account: UUID) -> None:
    """Check that nothing was done, that it is known, and that it comes again."""
    effect = await outreach.one("effect", account)
    assert (effect["state"], effect["attempts"], effect["payload"]) == ("ready", 1, None)
    assert effect["next_at"] is not None
    assert await outreach.attempts(account) == ["not_reached"]
    assert (await outreach.outcomes(account))[-1] == ("deferred", "not_reached")


@pytest.mark.parametrize("breaks", BREAKS)
@pytest.mark.parametrize("scheme", ["smtp", "smtp+starttls", "smtps"])
async def test_a_mail_server_that_breaks_in_tls_is_tried_again(
    outreach: Outreach, tmp_path: Path, scheme: str, breaks: str
) -> None:
    account = await outreach.intended()
    performing = outreach.runner.performing
    email: Any = performing.channels["email"]
    async with broken(breaks, tmp_path, starttls=scheme != "smtps") as server:
        away = replace(email, server=mail_server(f"{scheme}://localhost:{server.port}"), timeout_s=1.0)
        await drain(outreach.pool, replace(performing, channels={"email": away}).lane)

    assert not any(b"MAIL FROM" in heard for heard in server.heard)
    await is_tried_again(outreach, account)


@pytest.mark.parametrize("breaks", BREAKS)
@pytest.mark.parametrize("step", [WEBHOOK, SLACK], ids=["webhook", "slack"])
async def test_a_receiver_that_breaks_in_tls_is_tried_again(
    outreach: Outreach, tmp_path: Path, step: dict[str, Any], breaks: str
) -> None:
    async with broken(breaks, tmp_path) as server:
        calls = Calls(outreach, step, Receiver())
        url = f"https://localhost:{server.port}"
        outlet = (
            NewOutlet("hook", "webhook", {"url": f"{url}/in"}, {"secret": SECRET}, None)
            if step is WEBHOOK
            else NewOutlet("room", "slack", {"api_url": f"{url}/api"}, {"token": TOKEN}, None)
        )
        calls.server.port = 8080
        await calls.set_up()
        await outreach.pool.execute("truncate outlet")
        await outreach.runner.outlets.create(outlet)
        (account,) = await calls.intended()
        await calls.perform()

    assert b"".join(server.heard) == b""
    await is_tried_again(outreach, account)


@pytest.mark.parametrize("breaks", BREAKS)
async def test_a_crm_that_breaks_in_tls_is_tried_again(outreach: Outreach, tmp_path: Path, breaks: str) -> None:
    await outreach.pool.execute("truncate playbook")
    await outreach.runner.keeping.stock([playbook(NOTE)])
    async with broken(breaks, tmp_path) as server:
        settings = {"portal_id": PORTAL, "api_url": f"https://localhost:{server.port}"}
        await outreach.runner.outlets.create(NewOutlet("our-crm", "hubspot", settings, {"token": "pat-eu1-token"}))
        account = await outreach.drop(references=(COMPANY,))
        await outreach.all_lanes()

    effect = await outreach.one("effect", account)
    assert b"".join(server.heard) == b""
    assert (effect["state"], effect["attempts"], effect["payload"]) == ("ready", 1, None)
    assert await outreach.attempts(account) == ["try_later"]
    assert await outreach.outcomes(account) == [("deferred", "not_reached")]


@dataclass(frozen=True)
class Breaking:
    """A channel that knows no keys, and whose calls break as nobody foresaw: before they may write, or behind that."""

    after: bool
    name: str = "email"
    doubt: Doubt = Doubt.BLIND
    longest_call_s: float = 1.0

    @contextlib.asynccontextmanager
    async def open(self, _effect: Sendable) -> AsyncIterator["Breaking"]:
        yield self

    async def perform(self, may_write: Callable[[], bool]) -> Outcome:
        if self.after:
            may_write()
        raise RuntimeError("nobody foresaw this")

    async def ask(self, _effect: Sendable) -> bool | None:
        return None


@pytest.mark.parametrize(("after", "state", "told"), [(False, "ready", "try_later"), (True, "in_doubt", "unknown")])
async def test_what_breaks_unforeseen_is_in_doubt_only_behind_the_write(
    outreach: Outreach, after: bool, state: str, told: str
) -> None:
    account = await outreach.intended()
    lane = replace(outreach.runner.performing, channels={"email": Breaking(after)}).lane
    await drain(outreach.pool, lane)

    assert (await outreach.one("effect", account))["state"] == state
    assert await outreach.attempts(account) == [told]
