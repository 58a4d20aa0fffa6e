"""Claims about everything at once: whatever workers, people, customers and accidents meet in, nothing hangs or doubles.

Chance decides who does what and when; what it did to whom is judged by what is left once nobody does anything more.
"""

import asyncio
import contextlib
from collections import Counter, defaultdict
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from support.calls import SECRET
from support.outreach import Outreach, health_of
from support.receiver import Receiver, receiver
from support.turmoil import BUSY, Turmoil, books

from milepost_devstack.schemas import SCHEMAS
from milepost_runtime import failpoints
from milepost_runtime.database import Pool, open_pool
from milepost_runtime.lanes import Lane, drain
from milepost_runtime.queue import Hints
from playbook_runner.connections.connecting import NewOutlet
from playbook_runner.queries.waking import SETTLED_S
from playbook_runner.service import Runner, build_runner, scoring_http
from playbook_runner.settings import RunnerSettings

SECONDS = 2.0
WORKERS = 3
# After so many days everything has come to its end that waits for nobody but the clock.
TURNS = 9


async def work(settings: RunnerSettings, database_url: str, over: asyncio.Event, chance: Random) -> None:
    """Work on all lanes at once until it is over; what fails is begun again."""
    async with scoring_http(settings) as client:
        pool = await open_pool(database_url, SCHEMAS[2], process="worker", size=8)
        runner = build_runner(settings, pool, Hints(settings.redis_url), client)

        async def lap(lane: Lane) -> None:
            while not over.is_set():
                with contextlib.suppress(failpoints.FailpointRaised, BUSY):
                    await drain(pool, lane, seconds=1, glance=True)
                await asyncio.sleep(chance.random() / 20)

        try:
            await asyncio.gather(*(lap(lane) for lane in lanes_of(runner)))
        finally:
            await pool.close()


def lanes_of(runner: Runner) -> list[Lane]:
    return [
        runner.starting.lane, runner.waking.lane, runner.advancing.lane, runner.performing.lane,
        runner.tasking.lane, runner.approving.lane,
    ]  # fmt: skip


async def comes_to_rest(outreach: Outreach) -> None:
    """Let days pass and everything happen that is due, until nobody has anything to do but people."""
    pool, day = outreach.pool, "interval '1 day'"
    await asyncio.sleep(SETTLED_S + 0.1)
    for _ in range(TURNS):
        for table in ("step", "effect"):
            await outreach.later(table)
        for table in ("approval", "task"):
            await pool.execute(f"update {table} set lease_until = lease_until - {day}")
        await pool.execute("update step set created_at = created_at - interval '1 minute' where ended_at is null")
        for table in ("cursor", "wake_cursor"):
            await pool.execute(f"update {table} set next_at = '-infinity', lease_until = null, crashes = 0")
        await pool.execute(
            f"update destination set probe_at = probe_at - {day}, resting_until = resting_until - {day},"
            f" free_at = free_at - {day}, booked_to = booked_to - {day}"
        )
        for lane in lanes_of(outreach.runner):
            await drain(pool, lane, seconds=5)


_OPEN_TASK = (
    "exists (select from task_word w join task t on t.id = w.task_id where t.state in ('open', 'claimed', 'snoozed')"
    " and w.kind = 'evidence' and (w.detail ->> 'step_id')::uuid = s.id)"
)
_OPEN_GATE = "exists (select from approval a where a.step_id = s.id and a.state = 'open')"
_OPEN_EFFECT = (
    "exists (select from effect e where e.step_id = s.id and e.state in ('ready', 'started', 'in_doubt', 'parked'))"
)
# By claim, a statement that finds who breaks it.
WRONG = {
    "a run under way has something to come": (
        "select r.id, r.playbook_id from run r where r.state = 'running' and not exists (select from step s where"
        " s.run_id = r.id and ((s.state in ('due', 'waiting') and s.next_at is not null) or (s.state = 'performing'"
        f" and ({_OPEN_TASK} or {_OPEN_GATE} or {_OPEN_EFFECT}))))"
    ),
    "a run stands at one step": (
        "select run_id from step where state in ('due', 'waiting', 'performing') group by 1 having count(*) > 1"
    ),
    "a run stands at a step of its version": (
        "select r.id, s.path from step s join run r on r.id = s.run_id where r.state = 'running'"
        " and s.state in ('due', 'waiting', 'performing') and not exists (select from playbook p,"
        " jsonb_array_elements(p.document -> 'steps') d where p.id = r.playbook_id and p.version = r.version"
        " and d ->> 'id' = s.path)"
    ),
    "no run fails at a step that is not there": "select id, end_reason from run where end_reason like '%has no step%'",
    "of a run that is over only what may have arrived is left": (
        "select r.id, s.path, s.state from step s join run r on r.id = s.run_id where r.state <> 'running'"
        " and (s.state in ('due', 'waiting') or s.state = 'performing' and not exists (select from effect e"
        " where e.step_id = s.id and e.state = 'parked')) union all"
        " select r.id, e.channel, e.state from effect e join run r on r.id = e.run_id where r.state <> 'running'"
        " and e.state in ('ready', 'started', 'in_doubt') union all"
        " select r.id, 'gate', a.state from approval a join run r on r.id = a.run_id where r.state <> 'running'"
        " and a.state = 'open'"
    ),
    "a task is open while a run wants it": (
        "select t.id from task t where t.state in ('open', 'claimed', 'snoozed') and not exists (select from"
        " task_word w join run r on r.id = (w.detail ->> 'run_id')::uuid where w.task_id = t.id"
        " and w.kind = 'evidence' and r.state = 'running')"
    ),
    "nobody holds anything any more": (
        "select id::text from step where lease_until is not null union all select encode(key, 'hex') from effect"
        " where lease_until is not null union all select id::text from task where lease_until is not null"
    ),
    "the ledger says why a run has ended, and what was sent": (
        "select r.id::text from run r where r.state <> 'running' and r.end_code <> 'completed' and not exists (select"
        " from ledger l where l.run_id = r.id) union all select encode(e.key, 'hex') from effect e where"
        " e.state = 'done' and (select count(*) from ledger l where l.effect_key = e.key and l.outcome = 'sent') <> 1"
    ),
}


async def broken(pool: Pool) -> dict[str, list[dict[str, Any]]]:
    """Return by claim who breaks it."""
    found = {claim: await pool.fetch(statement) for claim, statement in WRONG.items()}
    return {claim: [dict(row) for row in rows] for claim, rows in found.items() if rows}


async def doubled(pool: Pool, server: Receiver) -> list[str]:
    """Return what was wrong with the calls that came in: more than were tried, done twice, other bytes after doubt."""
    bodies: defaultdict[str, list[bytes]] = defaultdict(list)
    for call in server.taken:
        bodies[call.headers["webhook-id"]].append(call.body)
    rows = await pool.fetch(
        "select e.key, array(select coalesce(a.outcome, '') from attempt a where a.effect_key = e.key order by a.fence)"
        " as tries from effect e"
    )
    tries = {f"msg_{row['key'].hex()}": row["tries"] for row in rows}
    wrong = [f"{key} is nobody's" for key in bodies.keys() - tries.keys()]
    for key, told in tries.items():
        came = bodies[key]
        since_doubt = len(told) - told.index("unknown") if "unknown" in told else 0
        if len(came) > len(told) or Counter(told)["done"] > 1:
            wrong.append(f"{key} came {len(came)} times after {told}")
        elif since_doubt and len(set(came[-since_doubt:])) > 1:
            wrong.append(f"{key} came in other words after {told}")
    return wrong


async def prepared(outreach: Outreach, ingest_pool: Pool, server: Receiver, chance: Random) -> Turmoil:
    """Return a book of accounts to which nothing has happened yet, with playbooks that call this server."""
    await outreach.pool.execute("delete from playbook")
    await ingest_pool.execute("truncate event cascade")
    secrets = {"secret": SECRET}
    await outreach.runner.outlets.create(NewOutlet("hook", "webhook", {"url": f"{server.url}/in"}, secrets, None))
    await outreach.runner.keeping.stock(books(1))
    accounts = [uuid4() for _ in range(12)]
    outreach.scoring.documents |= {account: health_of(account, "green") for account in accounts}
    return Turmoil(outreach, ingest_pool, server, chance, accounts)


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_meets_whatever_nothing_hangs_and_nothing_is_done_twice(
    outreach: Outreach, settings: RunnerSettings, database_url: str, ingest_pool: Pool, seed: int
) -> None:
    chance, over = Random(seed), asyncio.Event()
    hasty = settings.model_copy(update={"runner_quiet_margin_s": 1.0})
    async with receiver() as server:
        turmoil = await prepared(outreach, ingest_pool, server, chance)
        outreach.scoring.delay_s = 0.03
        working = [asyncio.create_task(work(hasty, database_url, over, chance)) for _ in range(WORKERS)]
        try:
            await asyncio.gather(*(turmoil.goes_on(SECONDS) for _ in range(4)))
        finally:
            failpoints.arm("")
            over.set()
            await asyncio.gather(*working)
        server.answers.clear()
        outreach.scoring.delay_s = 0.0
        await comes_to_rest(outreach)

        assert await broken(outreach.pool) == {}
        assert await doubled(outreach.pool, server) == []
        assert await outreach.pool.fetchval("select count(*) from run") > 0
