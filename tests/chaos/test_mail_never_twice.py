"""Claims about killed workers: whatever the moment, a mail arrives at most once, and what nobody can know is parked.

A worker that is lost after it marked the mail as started and before it wrote it leaves the same traces as one that is
lost after the write. So this mail is parked too, unsent: that is the price of never sending twice over a protocol that
cannot be asked.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from support.health_server import HealthServer, health_server
from support.house import until
from support.mail_server import MailServer, mail_server
from support.outreach import health_of, publish

from milepost_runtime.database import Pool

pytestmark = pytest.mark.chaos
LEASE_S = 1.2
# A sweep looks every second: what it would send again, it has sent by then.
ONE_SWEEP_S = 1.3
Spawn = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
async def mail() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


@pytest.fixture
async def scoring() -> AsyncIterator[HealthServer]:
    async with health_server() as server:
        yield server


@pytest.fixture
def spawn(
    database_url: str, redis_url: str, scoring: HealthServer, mail: MailServer, tmp_path: Path
) -> Iterator[Spawn]:
    """Start workers of the test's own; those that are left at the end are killed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")}
    workers: list[subprocess.Popen[bytes]] = []

    def start(failpoints: str = "", mail_timeout_s: float = 1.5) -> subprocess.Popen[bytes]:
        told = {
            "ENVIRONMENT": "test", "DATABASE_URL": database_url, "REDIS_URL": redis_url, "SCORING_URL": scoring.url,
            "SCORING_API_KEY": scoring.key, "SMTP_URL": mail.url, "RUNNER_WORKER_PORT": "0", "FAILPOINTS": failpoints,
            "RUNNER_LEASE_S": str(LEASE_S), "RUNNER_MAIL_TIMEOUT_S": str(mail_timeout_s), "RUNNER_QUIET_MARGIN_S": "1",
        }  # fmt: skip
        env = kept | {f"MILEPOST_{name}": value for name, value in told.items()}
        with (tmp_path / f"worker-{len(workers)}.log").open("wb") as log:
            argv = [sys.executable, "-m", "playbook_runner.worker"]
            workers.append(subprocess.Popen(argv, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()
        worker.wait(timeout=10)


async def dropped(scoring_pool: Pool, scoring: HealthServer) -> Any:
    """Let a new account drop to red, and return its id."""
    account = uuid4()
    scoring.documents[account] = health_of(account)
    await publish(scoring_pool, account)
    return account


async def state_of(pool: Pool, account: Any) -> str | None:
    state: str | None = await pool.fetchval("select state from effect where account_id = $1", account)
    return state


async def settled(pool: Pool, account: Any) -> str:
    """Wait until the effect needs nobody any more, then a little longer; return its state."""

    async def at_rest() -> bool:
        return await state_of(pool, account) in ("done", "parked", "failed_permanent", "cancelled")

    await until(at_rest, "the effect to come to rest", patience_s=40)
    await asyncio.sleep(ONE_SWEEP_S)
    return str(await state_of(pool, account))


@pytest.mark.parametrize(
    ("point", "mails", "state"),
    [
        ("playbooks.start.answered", 1, "done"),
        ("playbooks.advance.claimed", 1, "done"),
        ("playbooks.advance.intended", 1, "done"),
        ("playbooks.perform.claimed", 1, "done"),
        ("playbooks.perform.started", 0, "parked"),
        ("playbooks.perform.written", 1, "parked"),
        ("playbooks.perform.committed", 1, "done"),
    ],
)
async def test_a_worker_killed_at_any_point_sends_at_most_one_mail(  # noqa: PLR0917 - fixtures and one case
    playbooks_pool: Pool,
    scoring_pool: Pool,
    scoring: HealthServer,
    mail: MailServer,
    spawn: Spawn,
    point: str,
    mails: int,
    state: str,
) -> None:
    account = await dropped(scoring_pool, scoring)
    doomed = spawn(f"{point}=exit")
    assert await asyncio.to_thread(doomed.wait, 40) == 137
    spawn("")

    assert await settled(playbooks_pool, account) == state
    assert len(mail.raw) == mails
    # Exactly one attempt of each effect that is done ended well, and no attempt is left open.
    outcomes = await playbooks_pool.fetch("select outcome from attempt where account_id = $1", account)
    assert [row["outcome"] for row in outcomes] == ["done" if state == "done" else "unknown"]


async def test_a_worker_killed_while_the_server_holds_its_answer_leaves_one_mail_that_is_parked(
    playbooks_pool: Pool, scoring_pool: Pool, scoring: HealthServer, mail: MailServer, spawn: Spawn
) -> None:
    mail.answers = ["silence"]
    account = await dropped(scoring_pool, scoring)
    worker = spawn("")

    async def kept() -> bool:
        return len(mail.raw) == 1

    await until(kept, "the mail to be kept")
    worker.kill()
    spawn("")

    assert await settled(playbooks_pool, account) == "parked"
    assert len(mail.raw) == 1
    told = await playbooks_pool.fetch("select outcome from ledger where account_id = $1 order by id", account)
    assert [row["outcome"] for row in told] == ["in_doubt", "parked"]


async def test_a_worker_that_slept_longer_than_its_lease_wakes_up_and_writes_nothing(
    playbooks_pool: Pool, scoring_pool: Pool, scoring: HealthServer, mail: MailServer, spawn: Spawn
) -> None:
    account = await dropped(scoring_pool, scoring)
    sleeper = spawn("playbooks.perform.started=sleep:0.3")

    async def started() -> bool:
        return await state_of(playbooks_pool, account) == "started"

    await until(started, "the mail to be started")
    sleeper.send_signal(signal.SIGSTOP)
    assert mail.raw == []
    spawn("")

    async def taken_over() -> bool:
        return await state_of(playbooks_pool, account) == "in_doubt"

    await until(taken_over, "the other worker to take over")
    sleeper.send_signal(signal.SIGCONT)

    assert await settled(playbooks_pool, account) == "parked"
    assert mail.raw == []
    assert sleeper.poll() is None


async def test_a_worker_stopped_between_its_question_and_the_go_ahead_wakes_up_and_writes_nothing(
    playbooks_pool: Pool, scoring_pool: Pool, scoring: HealthServer, mail: MailServer, spawn: Spawn
) -> None:
    mail.gate.clear()
    account = await dropped(scoring_pool, scoring)
    # Patient with the server, so that only the lease forbids the write.
    sleeper = spawn("", 30)

    async def asked() -> bool:
        return mail.asked_to_write == 1

    await until(asked, "the worker to ask whether it may write")
    sleeper.send_signal(signal.SIGSTOP)
    spawn("")

    async def taken_over() -> bool:
        return await state_of(playbooks_pool, account) == "in_doubt"

    await until(taken_over, "the other worker to take over")
    mail.gate.set()
    await asyncio.sleep(0.2)
    sleeper.send_signal(signal.SIGCONT)

    assert await settled(playbooks_pool, account) == "parked"
    assert mail.raw == []
    assert sleeper.poll() is None


async def test_thirty_accounts_through_workers_that_keep_dying_get_at_most_one_mail_each(
    playbooks_pool: Pool, scoring_pool: Pool, scoring: HealthServer, mail: MailServer, spawn: Spawn
) -> None:
    accounts = [await dropped(scoring_pool, scoring) for _ in range(30)]
    for wait_s in (1.2, 1.6, 1.4, 1.8):
        worker = spawn("")
        await asyncio.sleep(wait_s)
        worker.kill()
    spawn("")
    for account in accounts:

        async def at_rest(account: Any = account) -> bool:
            return await state_of(playbooks_pool, account) in ("done", "parked")

        await until(at_rest, "every effect to come to rest", patience_s=60)
        state = await state_of(playbooks_pool, account)
        arrived = sum(str(account) in raw.decode().replace("=\r\n", "") for raw in mail.raw)
        assert arrived == 1 if state == "done" else arrived <= 1
    assert len({m["Message-ID"] for m in mail.mails}) == len(mail.raw)
