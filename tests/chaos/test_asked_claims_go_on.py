"""Claims about a killed worker that held work for which others are asked: it goes on soon, and nobody waits for it.

Leases, batches and moments are those of production; the workers are processes of their own, and new mails come due all
the time. Each step asks the scoring API, and each mail asks it again before it goes through one of few lines.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from support.health_server import HealthServer, health_server
from support.house import until
from support.mail_server import MailServer, mail_server
from support.outreach import health_of
from support.workers import Workers

from milepost_runtime.database import Pool
from playbook_runner.documents.keeping import Keeping
from playbook_runner.runs.advancing import STEPS_AT_ONCE

pytestmark = pytest.mark.chaos
RESUMED_WITHIN_S = 17.0
SCORING_ANSWERS_AFTER_S = 0.3
MAIL_SERVER_ANSWERS_AFTER_S = 0.2
HELD_MAILS = 150
# The lease of a mail is fifteen seconds; then all of them take their time through eight lines.
HELD_MAILS_SENT_WITHIN_S = 30.0
NEW_MAIL_SENT_WITHIN_S = 10.0
PLAYBOOK: dict[str, Any] = {
    "format": "playbook/1", "id": "mails", "version": 1, "name": "Mails", "trigger": {"kind": "by_hand"},
    "steps": [{"id": "a", "kind": "email", "to": "owner", "subject": "{{ account.name }}", "text": "{{ score }}"}],
}  # fmt: skip
AROUND_THE_CLOCK = {
    "format": "policy/1", "opens": "00:00", "closes": "00:00", "holidays": False, "caps": [],
    "workdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
}  # fmt: skip
_DUE = """
    with begun as (insert into run (id, account_id, playbook_id, version, trigger_kind, trigger_key, state, because)
                   select gen_random_uuid(), account, 'mails', 1, 'by_hand', sha256(account::text::bytea), 'running', $2
                   from unnest($1::uuid[]) account returning id, account_id)
    insert into step (id, account_id, run_id, path, kind, state, next_at, created_at)
    select gen_random_uuid(), account_id, id, 'a', 'email', 'due', clock_timestamp(), clock_timestamp() from begun
"""


@pytest.fixture
async def mail() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


@pytest.fixture
async def scoring() -> AsyncIterator[HealthServer]:
    async with health_server() as server:
        yield server


@pytest.fixture
def workers(
    database_url: str, redis_url: str, scoring: HealthServer, mail: MailServer, tmp_path: Path
) -> Iterator[Workers]:
    told = {
        "ENVIRONMENT": "test", "DATABASE_URL": database_url, "REDIS_URL": redis_url, "RUNNER_WORKER_PORT": "0",
        "SCORING_URL": scoring.url, "SCORING_API_KEY": scoring.key, "SMTP_URL": mail.url,
        "PUBLIC_URL_SCORING": "https://health.vendor.example", "PUBLIC_URL_RUNNER": "https://out.vendor.example",
    }  # fmt: skip
    made = Workers(told, tmp_path)
    yield made
    made.end()


@pytest.fixture
async def book(playbooks_pool: Pool) -> Pool:
    await playbooks_pool.execute("truncate run, step, effect, attempt, destination, policy cascade")
    await playbooks_pool.execute("insert into policy (version, document) values (1, $1)", AROUND_THE_CLOCK)
    await Keeping(playbooks_pool).stock([PLAYBOOK])
    return playbooks_pool


async def due(pool: Pool, scoring: HealthServer, many: int, because: str) -> None:
    """Let so many accounts have a mail to be decided."""
    accounts: list[UUID] = [uuid4() for _ in range(many)]
    scoring.documents.update({account: health_of(account) for account in accounts})
    await pool.execute(_DUE, accounts, because)


@contextlib.asynccontextmanager
async def busy(pool: Pool, scoring: HealthServer, many: int, every_s: float) -> AsyncIterator[None]:
    """Let others come due all the time."""

    async def keep_on() -> None:
        while True:
            await due(pool, scoring, many, "other")
            await asyncio.sleep(every_s)

    task = asyncio.create_task(keep_on())
    try:
        yield
    finally:
        task.cancel()


async def count(pool: Pool, table: str, which: str) -> int:
    found: int = await pool.fetchval(
        f"select count(*) from {table} s join run r on r.id = s.run_id where r.because = 'held' and {which}"
    )
    return found


async def gone(pool: Pool, table: str, which: str, within_s: float) -> tuple[int, float]:
    """Wait until no held row of a table is so any more; return how many are left, and after how many seconds."""
    began = time.monotonic()
    while True:
        left, after_s = await count(pool, table, which), time.monotonic() - began
        if left == 0 or after_s > within_s:
            return left, after_s
        await asyncio.sleep(0.25)


async def test_all_steps_that_a_killed_worker_held_are_asked_for_and_go_on_within_17_s(
    book: Pool, scoring: HealthServer, workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    await due(book, scoring, STEPS_AT_ONCE, "held")
    doomed = workers.start("playbooks.advance.claimed=sleep:600")

    async def held() -> bool:
        return await count(book, "step", "s.lease_until is not null") == STEPS_AT_ONCE

    await until(held, "the worker to hold a whole batch")
    scoring.delay_s = SCORING_ANSWERS_AFTER_S
    workers.start()
    async with busy(book, scoring, 10, 0.5):
        await asyncio.sleep(3)
        doomed.kill()
        left, after_s = await gone(book, "step", "s.state = 'due'", RESUMED_WITHIN_S)
        late = await book.fetchval(
            "select count(*) from step s join run r on r.id = s.run_id where r.because = 'other' and s.state = 'due'"
            " and s.created_at < clock_timestamp() - interval '3 seconds'"
        )
    with capsys.disabled():
        print(f"\n{left} of {STEPS_AT_ONCE} held steps left {after_s:.1f} s after the kill, {late} others late")

    assert left == 0
    assert late == 0


async def test_a_heap_of_mails_that_a_killed_worker_held_goes_out_and_new_mails_do_not_wait_for_it(
    book: Pool, scoring: HealthServer, mail: MailServer, workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    await due(book, scoring, HELD_MAILS, "held")
    doomed = workers.start("playbooks.perform.claimed=sleep:600")

    async def held() -> bool:
        return await count(book, "effect", "s.lease_until is not null") == HELD_MAILS

    await until(held, "the worker to hold all mails")
    mail.answer_s = MAIL_SERVER_ANSWERS_AFTER_S
    workers.start()
    async with busy(book, scoring, 2, 0.5):
        await asyncio.sleep(3)
        doomed.kill()
        killed_at = await book.fetchval("select clock_timestamp()")
        left, after_s = await gone(book, "effect", "s.state <> 'done'", HELD_MAILS_SENT_WITHIN_S)
        others = await book.fetchrow(
            "select count(*) filter (where s.state = 'done') as sent, max(coalesce(s.done_at, clock_timestamp())"
            " - s.created_at) as longest from effect s join run r on r.id = s.run_id where r.because = 'other'"
            " and s.created_at > $1",
            killed_at,
        )
    waited_s = others["longest"].total_seconds()
    with capsys.disabled():
        print(f"\n{left} of {HELD_MAILS} held mails left {after_s:.1f} s after the kill, {others['sent']} others sent;"
              f" the one that waited longest waited {waited_s:.1f} s")  # fmt: skip

    assert left == 0
    assert waited_s < NEW_MAIL_SENT_WITHIN_S
