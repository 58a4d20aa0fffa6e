"""Claims about a killed worker that held many steps: another goes on with all of them soon, however busy it is.

Leases, batches and moments are those of production; the workers are processes of their own.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.house import until
from support.workers import Workers

from milepost_runtime.database import Pool
from playbook_runner.documents.keeping import Keeping
from playbook_runner.runs.advancing import STEPS_AT_ONCE

pytestmark = pytest.mark.chaos
RESUMED_WITHIN_S = 17.0
# So many more steps come due all the time: there is never nothing else to do.
OTHERS_AT_ONCE = 300
PLAYBOOK: dict[str, Any] = {
    "format": "playbook/1", "id": "waits", "version": 1, "name": "Waits", "trigger": {"kind": "by_hand"},
    "steps": [{"id": "a", "kind": "wait", "days": 0.00001}, {"id": "b", "kind": "wait", "days": 30}],
}  # fmt: skip
_DUE = """
    with fresh as (select gen_random_uuid() as id, gen_random_uuid() as account from generate_series(1, $1)),
    begun as (insert into run (id, account_id, playbook_id, version, trigger_kind, trigger_key, state, because)
              select id, account, 'waits', 1, 'by_hand', sha256(id::text::bytea), 'running', $2 from fresh)
    insert into step (id, account_id, run_id, path, kind, state, next_at, created_at)
    select gen_random_uuid(), account, id, 'a', 'wait', 'due', clock_timestamp(), clock_timestamp() - interval '1 hour'
    from fresh
"""
_LEFT = "select count(*) from step s join run r on r.id = s.run_id where r.because = 'held' and s.path = 'a' and {}"


@pytest.fixture
def workers(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Workers]:
    told = {"ENVIRONMENT": "test", "DATABASE_URL": database_url, "REDIS_URL": redis_url, "RUNNER_WORKER_PORT": "0"}
    made = Workers(told, tmp_path)
    yield made
    made.end()


async def test_all_steps_that_a_killed_worker_held_go_on_within_17_s_while_others_are_always_due(
    playbooks_pool: Pool, workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    await Keeping(playbooks_pool).stock([PLAYBOOK])
    await playbooks_pool.execute(_DUE, STEPS_AT_ONCE, "held")
    doomed = workers.start("playbooks.advance.claimed=sleep:600")

    async def held() -> bool:
        found: int = await playbooks_pool.fetchval(_LEFT.format("s.lease_until is not null"))
        return found == STEPS_AT_ONCE

    await until(held, "the worker to hold a whole batch")
    workers.start()
    busy = asyncio.create_task(_keep_busy(playbooks_pool))
    await asyncio.sleep(2)
    doomed.kill()
    killed_at = await playbooks_pool.fetchval("select clock_timestamp()")
    try:
        await asyncio.sleep(RESUMED_WITHIN_S)
    finally:
        busy.cancel()
    left = await playbooks_pool.fetchval(_LEFT.format("s.state <> 'done'"))
    ended = await playbooks_pool.fetchrow(
        "select max(s.ended_at) filter (where r.because = 'held') as held, max(s.crashes) as crashes,"
        " count(*) filter (where r.because = 'other') as others from step s join run r on r.id = s.run_id"
        " where s.path = 'a' and s.ended_at > $1",
        killed_at,
    )
    with capsys.disabled():
        print(f"\n{ended['held'] - killed_at} after the kill all went on, and {ended['others']} others meanwhile")

    assert left == 0
    assert ended["others"] > 10 * STEPS_AT_ONCE


async def _keep_busy(pool: Pool) -> None:
    while True:
        await pool.execute(_DUE, OTHERS_AT_ONCE, "other")
        await asyncio.sleep(0.15)
