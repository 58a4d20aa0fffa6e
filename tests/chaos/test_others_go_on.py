"""Claims about one receiver in trouble: effects for others go on meanwhile, and its own say why they wait."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from support.calls import WEBHOOK, playbook
from support.health_server import HealthServer, health_server
from support.house import until
from support.hubspot_portal import PORTAL, Portal, hubspot_portal
from support.mail_server import MailServer, mail_server
from support.outreach import health_of
from support.receiver import Receiver, receiver
from support.workers import Workers

from milepost_runtime.database import Pool
from milepost_runtime.guard import inside
from milepost_runtime.secrets import Vault
from playbook_runner.connections.connecting import NewOutlet, Outlets
from playbook_runner.documents.keeping import Keeping
from playbook_runner.settings import RunnerSettings

pytestmark = pytest.mark.chaos
COMPANY = f"hubspot:{PORTAL}:90210"
GRANT = {"client_id": "client-id-1", "client_secret": "client-secret-1", "refresh_token": "refresh-token-1"}
CRM = {
    "kind": "crm", "connection": "our-crm", "writes": "task",
    "fields": {"subject": "Call {{ account.name }}", "body": "It stands at {{ score }}."},
}  # fmt: skip
MAIL = {"kind": "email", "to": "owner", "subject": "{{ account.name }}", "text": "It is {{ band }}: {{ summary }}"}
AROUND_THE_CLOCK = {
    "format": "policy/1", "opens": "00:00", "closes": "00:00", "holidays": False, "caps": [],
    "workdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
}  # fmt: skip
# From a step that is due to what is done outside, beside a CRM in trouble on a busy machine.
SOON_S = 6.0
ROUNDS = 8


@pytest.fixture
async def scoring() -> AsyncIterator[HealthServer]:
    async with health_server() as server:
        yield server


@pytest.fixture
async def mail() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        server.answer_s = 1.0
        yield server


@pytest.fixture
def workers(
    database_url: str, redis_url: str, scoring: HealthServer, mail: MailServer, tmp_path: Path
) -> Iterator[Workers]:
    told = {
        "ENVIRONMENT": "test", "DATABASE_URL": database_url, "REDIS_URL": redis_url, "RUNNER_WORKER_PORT": "0",
        "SCORING_URL": scoring.url, "SCORING_API_KEY": scoring.key, "SMTP_URL": mail.url,
        "RUNNER_INSIDE": "127.0.0.0/8",
    }  # fmt: skip
    made = Workers(told, tmp_path)
    yield made
    made.end()


async def due(pool: Pool, scoring: HealthServer, kind: str, count: int) -> list[UUID]:
    """Bring so many new accounts to a step of this kind that is due."""
    accounts = [uuid4() for _ in range(count)]
    for account in accounts:
        owner = f"{account.hex[:8]}@vendor.example"
        scoring.documents[account] = health_of(account, references=(COMPANY,), owner=owner)
    await pool.execute(
        "with runs as (insert into run (id, account_id, playbook_id, version, trigger_kind, trigger_key, state,"
        "  correlation_id) select a, a, $2, 1, 'band_changed', sha256(uuid_send(a)), 'running', 'corr-1'"
        "  from unnest($1::uuid[]) as t(a) returning id)"
        " insert into step (id, account_id, run_id, path, kind, state, next_at)"
        " select id, id, id, 'call-1', $3, 'due', clock_timestamp() from runs",
        accounts,
        f"call-{kind}",
        kind,
    )
    return accounts


async def set_up(pool: Pool, portal: Portal, hook: str) -> None:
    """Let there be a playbook and a connection for each kind."""
    await pool.execute("truncate playbook, run, step, effect, attempt, ledger, outlet, destination, touch, policy")
    await pool.execute("insert into policy (version, document) values (1, $1)", AROUND_THE_CLOCK)
    await Keeping(pool).stock([playbook(step) for step in (WEBHOOK, CRM, MAIL)])
    secret = RunnerSettings.model_fields["secret_key"].get_default(call_default_factory=True).get_secret_value()
    outlets = Outlets(pool, Vault(secret), inside("127.0.0.0/8"))
    await outlets.create(NewOutlet("hook", "webhook", {"url": hook}, {}))
    await outlets.create(NewOutlet("our-crm", "hubspot", portal.settings, GRANT))


async def test_a_crm_whose_token_endpoint_never_answers_delays_no_webhook_and_no_mail(
    playbooks_pool: Pool, scoring: HealthServer, mail: MailServer, workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    async with hubspot_portal() as portal, receiver() as server:
        portal.token_gate.clear()
        await set_up(playbooks_pool, portal, f"{server.url}/in")
        for _ in range(2):
            workers.start()
        silent = await due(playbooks_pool, scoring, "crm", 60)
        slowest_s = 0.0
        for number in range(1, ROUNDS + 1):
            began = time.monotonic()
            for kind in ("webhook", "email"):
                await due(playbooks_pool, scoring, kind, 3)
            # The first round waits for the workers to come up as well.
            await until(partial(arrived, server, mail, 3 * number), "calls and mails", patience_s=4 * SOON_S)
            slowest_s = max(slowest_s, time.monotonic() - began) if number > 1 else 0.0
            await asyncio.sleep(1.0)
        # The mail server has a mail before it says so.
        await until(partial(written_down, playbooks_pool), "what was sent is written down", patience_s=SOON_S)
        waiting = await told(playbooks_pool, "account_id = any($1)", silent)
        told_of = await playbooks_pool.fetch(
            "select reason, count(*) from ledger where account_id = any($1) group by 1", silent
        )
        ledger = {row["reason"]: row["count"] for row in told_of}
        with capsys.disabled():
            print(f"\nslowest {slowest_s:.1f} s; asked for a token {portal.token_asked} times; {waiting}; {ledger}")
        portal.token_gate.set()

    assert (len(server.taken), len(mail.raw)) == (3 * ROUNDS, 3 * ROUNDS)
    assert slowest_s < SOON_S
    assert {state for state, _ in waiting} == {"ready"}
    assert any("no token yet" in reason for reason in ledger)
    assert all("no token yet" in reason or "left alone for a while" in reason for _, reason in waiting)


async def arrived(server: Receiver, mail: MailServer, count: int) -> bool:
    """Tell whether so many calls and so many mails have come in."""
    return len(server.taken) >= count and len(mail.raw) >= count


async def written_down(pool: Pool) -> bool:
    """Tell whether all calls and mails are done."""
    return {state for state, _ in await told(pool, "channel <> 'crm'")} == {"done"}


async def told(pool: Pool, which: str, *values: Any) -> dict[tuple[str, str], int]:
    """Return how many of these effects are in which state, and why."""
    rows = await pool.fetch(f"select state, reason, count(*) from effect where {which} group by 1, 2", *values)
    return {(row["state"], row["reason"]): row["count"] for row in rows}
