"""Claims about moves that meet at the same work: they lock in one order, so that none of them is rolled back."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import combinations
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from structlog.testing import capture_logs
from support.held_up import somebody_waits, waits_or_ends
from support.outreach import Outreach, health_of, publish

from milepost_runtime.database import Connection, is_store_trouble
from milepost_runtime.lanes import drain
from playbook_runner.arbiter.suppressing import Word
from playbook_runner.effects.resolving import RunEnded
from playbook_runner.people.approving import ApprovalEnded
from playbook_runner.people.tending import Outcome, TaskEnded
from playbook_runner.queries import locking
from playbook_runner.queries.playbooks import hold_pauses, lock_playbook
from playbook_runner.runs.by_hand import NotStarted
from playbook_runner.runs.merging import merge
from playbook_runner.runs.watching import ensure_watching

PAIRS = 15
HISTORY = 20_000
TASK = {"id": "a", "kind": "task", "owner": ["owner"], "title": "Call", "script": "Say hello", "reason": "risk"}
GATE = {"id": "g", "kind": "approval", "about": "m", "by": ["owner"]}
MAIL = {"id": "m", "kind": "email", "to": "owner", "subject": "Hello", "text": "Hello {{ account.name }}"}


PLANS: dict[str, tuple[dict[str, Any], ...]] = {"calls": (TASK,), "more-calls": (TASK,), "gated": (GATE, MAIL)}


def plan(name: str, *steps: dict[str, Any], version: int = 1) -> dict[str, Any]:
    return {
        "format": "playbook/1", "id": name, "version": version, "name": name, "trigger": {"kind": "by_hand"},
        "exits": [{"kind": "opted_out"}], "steps": list(steps),
    }  # fmt: skip


async def under_way(outreach: Outreach) -> UUID:
    """Two runs wait for one task of an account, and a third one for a gate."""
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account)
    for name in PLANS:
        await outreach.runner.by_hand.start(account, name, "a hunch", "kim")
    await outreach.advance()
    return account


async def complete(outreach: Outreach, account: UUID) -> None:
    task = await outreach.pool.fetchval("select id from task where account_id = $1", account)
    await outreach.runner.tending.complete(task, Outcome("helped"), "kim")


async def approve(outreach: Outreach, account: UUID) -> None:
    gate = await outreach.pool.fetchval("select id from approval where account_id = $1", account)
    await outreach.runner.approving.approve(gate, None, "kim")


async def opt_out(outreach: Outreach, account: UUID) -> None:
    said = Word("opt_out", f"ana@{account.hex}.example", account, "no more", "ana", None)
    await outreach.runner.suppressing.say(said)


async def cancel(outreach: Outreach, account: UUID) -> None:
    for run in await outreach.pool.fetch("select id from run where account_id = $1 order by id desc", account):
        await outreach.runner.resolving.cancel(run["id"], "kim")


async def merged(outreach: Outreach, account: UUID) -> None:
    async with outreach.pool.acquire() as connection, connection.transaction():
        await merge(connection, account, uuid4())


async def resume(outreach: Outreach, account: UUID) -> None:
    await outreach.runner.keeping.switch(paused=False, by="kim")


async def stop_all(outreach: Outreach, account: UUID) -> None:
    for name, steps in PLANS.items():
        number = await outreach.pool.fetchval("select max(version) + 1 from playbook where id = $1", name)
        await outreach.runner.keeping.stock([plan(name, *steps, version=number)])
        await outreach.runner.releasing.rollback(name, "stop", "kim")


async def go_on(outreach: Outreach, account: UUID) -> None:
    await outreach.advance()
    await outreach.perform()


MOVES: list[Callable[[Outreach, UUID], Awaitable[None]]] = [complete, approve, opt_out, cancel, merged]


@pytest.mark.parametrize("pair", list(combinations(MOVES, 2)), ids=lambda pair: " and ".join(m.__name__ for m in pair))
async def test_moves_that_meet_at_the_same_work_wait_for_each_other_and_none_is_rolled_back(
    outreach: Outreach, pair: tuple[Callable[[Outreach, UUID], Awaitable[None]], ...]
) -> None:
    await outreach.runner.keeping.stock([plan(name, *steps) for name, steps in PLANS.items()])
    accounts = [await under_way(outreach) for _ in range(PAIRS)]
    with capture_logs() as lines:
        found = [
            await asyncio.gather(*(move(outreach, account) for move in pair), return_exceptions=True)
            for account in accounts
        ]
    refusals = [one for both in found for one in both if one is not None]
    assert not [one for one in refusals if not isinstance(one, TaskEnded | ApprovalEnded | RunEnded)], refusals
    assert not [line for line in lines if line["event"] == "begun_again" and line["error"] == "DeadlockDetectedError"]


@pytest.mark.parametrize("sweep", [resume, stop_all, go_on], ids=lambda sweep: sweep.__name__)
async def test_what_moves_many_runs_and_what_moves_one_wait_for_each_other(
    outreach: Outreach, sweep: Callable[[Outreach, UUID], Awaitable[None]]
) -> None:
    await outreach.runner.keeping.stock([plan(name, *steps) for name, steps in PLANS.items()])
    accounts = [await under_way(outreach) for _ in range(PAIRS)]
    await outreach.pool.execute(
        "update step set reason = 'paused', next_at = clock_timestamp() where state = 'waiting'"
    )
    with capture_logs() as lines:
        found = await asyncio.gather(
            *(move(outreach, account) for account in accounts for move in (complete, approve, opt_out)),
            *(sweep(outreach, account) for account in accounts[:3]),
            return_exceptions=True,
        )
    refusals = [one for one in found if one is not None and not isinstance(one, asyncpg.Record)]
    assert not [one for one in refusals if not isinstance(one, TaskEnded | ApprovalEnded | RunEnded)], refusals
    assert not [line for line in lines if "Deadlock" in str(line)]


async def test_who_opts_out_while_their_tasks_are_completed_has_no_run_left(outreach: Outreach) -> None:
    await outreach.runner.keeping.stock([plan(name, *steps) for name, steps in PLANS.items()])
    accounts = [await under_way(outreach) for _ in range(PAIRS)]
    done = await asyncio.gather(
        *(move(outreach, account) for account in accounts for move in (complete, opt_out, approve)),
        return_exceptions=True,
    )
    assert not [one for one in done if isinstance(one, Exception) and is_store_trouble(one)]
    await outreach.advance()
    assert await outreach.pool.fetchval("select count(*) from run where state = 'running'") == 0
    assert await outreach.pool.fetchval("select count(*) from suppression where kind = 'opt_out'") == PAIRS


async def test_who_notes_that_a_band_lasts_and_who_looks_whether_it_has_wait_for_each_other(outreach: Outreach) -> None:
    lasting = {"kind": "band_changed", "to": ["red"], "hold_days": 2}
    await outreach.runner.keeping.stock([plan("lasting", TASK) | {"trigger": lasting, "re_entry": {"days": 0}}])
    await ensure_watching(outreach.pool)
    accounts = sorted((uuid4() for _ in range(PAIRS * 10)), reverse=True)
    for account in accounts:
        outreach.scoring.documents[account] = health_of(account)
    with capture_logs() as lines:
        for _ in range(5):
            for account in accounts:
                await publish(outreach.scoring_pool, account)
            await asyncio.gather(outreach.start(), drain(outreach.pool, outreach.runner.watching.lane))
            await outreach.pool.execute("update armed set held_since = clock_timestamp() - interval '3 days'")
            await outreach.pool.execute("update watch set next_at = '-infinity'")
        await drain(outreach.pool, outreach.runner.watching.lane)

    assert not [line for line in lines if "Deadlock" in str(line)]
    assert await outreach.pool.fetchval("select count(*) from run where playbook_id = 'lasting'") == len(accounts)


async def test_what_opens_runs_and_what_is_put_in_force_or_paused_wait_for_each_other(outreach: Outreach) -> None:
    meant = {"trigger": {"kind": "band_changed", "to": ["red"]}, "audience": {"subject": "score", "operator": "known"}}
    for version in (1, 2):
        await outreach.runner.keeping.stock([plan("meant", GATE, MAIL, version=version) | meant])
    accounts = [await outreach.drop() for _ in range(PAIRS * 20)]

    async def turn() -> None:
        for _ in range(PAIRS):
            await outreach.runner.releasing.rollback("meant", "stop", "kim")
            in_force = await outreach.pool.fetchval(
                "select version from playbook where id = 'meant' and state = 'active'"
            )
            others = "select count(*) from run where playbook_id = 'meant' and state = 'running' and version <> $1"
            assert await outreach.pool.fetchval(others, in_force) == 0
            await outreach.runner.keeping.set_state("meant", "paused", "kim")
            await outreach.runner.keeping.set_state("meant", "active", "kim")

    async def by_hand() -> None:
        for account in accounts[:PAIRS]:
            with contextlib.suppress(NotStarted):
                await outreach.runner.by_hand.start(account, "meant", "a hunch", "kim")

    with capture_logs() as lines:
        await asyncio.gather(outreach.start(), turn(), by_hand())
    await outreach.start()

    assert not [line for line in lines if "Deadlock" in str(line)]
    rows = await outreach.pool.fetch(
        "select account_id from run where playbook_id = 'meant' union select account_id from ledger"
        " where playbook_id = 'meant'"
    )
    assert {row["account_id"] for row in rows} == set(accounts), "each of them was answered"


async def count_on(outreach: Outreach) -> bool:
    """Count on the pauses for a moment; return whether all outreach is paused then."""
    async with outreach.pool.acquire() as connection, connection.transaction():
        held = await hold_pauses(connection, ["calls"])
        return held is not None and bool(held["all"])


async def test_a_switch_waits_for_those_who_count_on_it_and_not_for_those_who_come_later(outreach: Outreach) -> None:
    async with outreach.pool.acquire() as first, first.transaction():
        await hold_pauses(first, ["calls"])
        switching = asyncio.create_task(outreach.runner.keeping.switch(paused=True, by="kim"))
        await somebody_waits(first)
        later = asyncio.create_task(count_on(outreach))
        await waits_or_ends(first, later)
        assert not switching.done()

    await switching
    assert await later, "who came later found it turned"


async def test_whoever_changes_a_paused_playbook_holds_up_no_step_of_another_one(outreach: Outreach) -> None:
    await outreach.runner.keeping.stock([plan("calls", TASK), plan("more-calls", TASK)])
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account)
    for name in ("calls", "more-calls"):
        await outreach.runner.by_hand.start(account, name, "a hunch", "kim")
    await outreach.runner.keeping.set_state("calls", "paused", "kim")
    async with outreach.pool.acquire() as connection, connection.transaction():
        await lock_playbook(connection, "calls")
        advancing = asyncio.create_task(outreach.advance())
        await somebody_waits(connection)
        begun = await outreach.pool.fetch(
            "select r.playbook_id, s.state from step s join run r on r.id = s.run_id order by 1"
        )
    await advancing

    assert [tuple(row) for row in begun] == [("calls", "due"), ("more-calls", "performing")]
    assert await outreach.pool.fetchval("select count(*) from step where reason = 'paused'") == 1


async def beside_history(outreach: Outreach) -> UUID:
    """Put a run that waits, held by a pause, beside many that are over; return its account."""
    account = uuid4()
    await outreach.pool.execute(
        "with run as (insert into run (id, account_id, playbook_id, version, trigger_kind, trigger_key, state)"
        " select n.id, n.id, 'p', 1, 'by_hand', sha256(uuid_send(n.id)), n.state from (select $1::uuid as id,"
        " 'running' as state union all select gen_random_uuid(), 'done' from generate_series(1, $2)) n)"
        " insert into step (id, account_id, run_id, path, kind, state, wakes_on, next_at, reason)"
        " values ($1, $1, $1, 'wait', 'wait', 'waiting', array['event:a'], clock_timestamp(), 'paused')",
        account,
        HISTORY,
    )
    await outreach.pool.execute("analyze run, step")
    return account


@pytest.mark.parametrize("asked", ["told", "held", "all held"])
async def test_taking_the_runs_in_question_reads_none_of_those_that_are_over(outreach: Outreach, asked: str) -> None:
    account = await beside_history(outreach)
    async with outreach.pool.acquire() as connection, connection.transaction():
        before = await runs_read(connection)
        if asked == "told":
            await locking.runs_told(connection, [uuid4()], [account], ["event:a"], [datetime.now(UTC)])
        else:
            await locking.runs_held(connection, "p" if asked == "held" else None)
        read = await runs_read(connection) - before
        async with outreach.pool.acquire() as other:
            free = await other.fetch("select id from run where state = 'running' for update skip locked")

    assert free == []
    assert read < 50


async def runs_read(connection: Connection) -> int:
    """Return how many rows of the table of runs this connection has read lately."""
    read: int = await connection.fetchval(
        "select (seq_tup_read + idx_tup_fetch)::bigint from pg_stat_xact_user_tables where relname = 'run'"
    )
    return read
