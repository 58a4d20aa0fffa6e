"""A runner of the test's own: its tables emptied, a real mail server, a real HTTP border to the scoring API."""

from collections.abc import AsyncIterator

import pytest
from support.crm_bench import CrmBench, crm_bench
from support.health_server import HealthServer, health_server
from support.hubspot_portal import Portal, hubspot_portal
from support.mail_server import MailServer, mail_server
from support.outreach import Outreach

from milepost_runtime import http
from milepost_runtime.database import Pool
from milepost_runtime.queue import Hints
from milepost_runtime.settings import load
from playbook_runner.documents.checking import shipped
from playbook_runner.documents.keeping import ACTIVE_AT_FIRST
from playbook_runner.runs.starting import ensure_feed_cursor
from playbook_runner.runs.waking import ensure_wake_cursors
from playbook_runner.service import build_runner, scoring_http
from playbook_runner.settings import RunnerSettings

TABLES = (
    "playbook, run, step, effect, attempt, ledger, cursor, api_key, armed, watch, assignment, outlet, "
    "destination, touch, task, task_word, wake_cursor, approval, told, person, absence, holiday, policy, "
    "suppression, matter"
)
# Tests of other things run at any hour, and write as often as they like.
AROUND_THE_CLOCK = {
    "format": "policy/1",
    "opens": "00:00",
    "closes": "00:00",
    "workdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    "holidays": False,
    "caps": [],
}


@pytest.fixture(scope="module")
async def scoring() -> AsyncIterator[HealthServer]:
    async with health_server() as server:
        yield server


@pytest.fixture
async def mail() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


@pytest.fixture
def settings(database_url: str, redis_url: str, scoring: HealthServer, mail: MailServer) -> RunnerSettings:
    return load(
        RunnerSettings,
        {
            "MILEPOST_ENVIRONMENT": "test",
            "MILEPOST_DATABASE_URL": database_url,
            "MILEPOST_REDIS_URL": redis_url,
            "MILEPOST_SCORING_URL": scoring.url,
            "MILEPOST_SCORING_API_KEY": scoring.key,
            "MILEPOST_PUBLIC_URL_SCORING": "https://health.vendor.example",
            "MILEPOST_PUBLIC_URL_RUNNER": "https://out.vendor.example",
            "MILEPOST_SMTP_URL": mail.url,
            "MILEPOST_RUNNER_INSIDE": "127.0.0.0/8",
            "MILEPOST_RUNNER_MAIL_TIMEOUT_S": "2",
        },
    )


@pytest.fixture
async def empty(playbooks_pool: Pool, scoring_pool: Pool, scoring: HealthServer) -> None:
    await playbooks_pool.execute(f"truncate {TABLES}")
    await playbooks_pool.execute("update control set paused = false")
    await playbooks_pool.execute("insert into policy (version, document) values (1, $1)", AROUND_THE_CLOCK)
    await scoring_pool.execute("truncate change")
    scoring.forget()


@pytest.fixture
async def outreach(
    empty: None,
    settings: RunnerSettings,
    playbooks_pool: Pool,
    scoring_pool: Pool,
    scoring: HealthServer,
    mail: MailServer,
) -> AsyncIterator[Outreach]:
    async with scoring_http(settings) as client:
        runner = build_runner(settings, playbooks_pool, Hints(settings.redis_url), client)
        await runner.keeping.stock(shipped(), ACTIVE_AT_FIRST)
        await ensure_feed_cursor(playbooks_pool)
        await ensure_wake_cursors(playbooks_pool)
        yield Outreach(runner, playbooks_pool, scoring_pool, scoring, mail)


@pytest.fixture
async def portal() -> AsyncIterator[Portal]:
    async with hubspot_portal() as served:
        yield served


@pytest.fixture
async def bench(
    playbooks_pool: Pool, scoring_pool: Pool, scoring: HealthServer, redis_url: str
) -> AsyncIterator[CrmBench]:
    """A runner's CRM side alone, without outlets and without news."""
    await playbooks_pool.execute("truncate outlet, writeback, destination")
    await scoring_pool.execute("truncate change")
    scoring.forget()
    async with http.client(scoring.url) as client:
        yield crm_bench(playbooks_pool, scoring_pool, scoring, client, redis_url)
