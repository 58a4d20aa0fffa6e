"""Statements that stop runs with everything that they still had to do; it never decides which."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection
from playbook_runner.queries.tasks import OPEN

_UNCLEAR = (
    "exists (select from attempt a where a.effect_key = e.key and a.account_id = e.account_id"
    " and a.outcome = 'unknown')"
)
# What was started goes on to its own end; what may have arrived is a person's to decide about.
_EFFECTS = f"""
with gone as (select key from effect where run_id = any($1::uuid[]) and state = 'ready' order by key for update)
update effect e set state = case when {_UNCLEAR} then 'parked' else 'cancelled' end,
  reason = case when {_UNCLEAR} then 'an earlier try may have arrived; no further one is made: ' else '' end || $2,
  next_at = null, lease_until = null, fence = e.fence + 1
from gone where e.key = gone.key
returning e.key, e.run_id, e.state, e.reason
"""  # noqa: S608 - a constant of the code
_STEPS = f"""
with gone as (select id from step where run_id = any($1::uuid[]) and (state in ('due', 'waiting')
  or (state = 'performing' and not exists (select from effect e where e.step_id = step.id
    and (e.state in ('started', 'in_doubt', 'parked') or (e.state = 'ready' and {_UNCLEAR})))))
  order by id for update)
update step s set state = 'cancelled', reason = $2, next_at = null, lease_until = null, fence = s.fence + 1,
  wakes_on = null, ended_at = clock_timestamp()
from gone where s.id = gone.id
"""  # noqa: S608 - a constant of the code
_GATES = """
with gone as (select id from approval where run_id = any($1::uuid[]) and state = 'open' order by id for update)
update approval a set state = 'cancelled', reason = $2, next_at = null, lease_until = null, fence = a.fence + 1,
  ended_at = clock_timestamp()
from gone where a.id = gone.id
"""
# Whoever takes the work up for another run holds the task until that is written, so it is waited for first.
_TASKS_OF = f"""
select id from task where state in {OPEN} and account_id in (select account_id from run where id = any($1::uuid[]))
  and exists (select from task_word w where w.task_id = task.id and w.kind = 'evidence'
    and (w.detail ->> 'run_id')::uuid = any($1::uuid[])) order by id for update
"""  # noqa: S608 - a constant of the code
# Several runs may have given a reason for the same work: it is closed with the last of them. Whose reasons they are is
# read once, as a planner that cannot see into a detail may else compare every reason with every run.
_CLOSE = f"""
with reason as materialized (select task_id, id, (detail ->> 'run_id')::uuid as run_id from task_word
    where task_id = any($1::uuid[]) and kind = 'evidence'),
wanted as materialized (select w.task_id from reason w join run r on r.id = w.run_id
    where r.state = 'running' or r.id = any($4::uuid[])),
gone as (select distinct on (w.task_id) w.task_id as id, e.sentence from reason w
    join unnest($2::uuid[], $3::text[]) as e(run_id, sentence) on e.run_id = w.run_id
    where w.task_id not in (select task_id from wanted) order by w.task_id, w.id desc),
closed as (update task t set state = 'closed', next_at = null, lease_until = null, fence = t.fence + 1,
    ended_at = clock_timestamp(), ended_by = 'playbook', outcome_note = gone.sentence
    from gone where t.id = gone.id and t.state in {OPEN} returning t.*),
said as (insert into task_word (account_id, task_id, kind, author, text)
  select account_id, id, 'closed', 'playbook', outcome_note from closed)
select *, ended_at as now from closed order by id
"""  # noqa: S608 - a constant of the code


async def stop_waiting(connection: Connection, run_ids: Sequence[UUID], reason: str) -> list[asyncpg.Record]:
    """Cancel every step, effect and gate of runs that has not been started; whoever holds one loses it.

    What may have arrived is parked instead. Returns the effects that were parked. The caller holds the runs.
    """
    await connection.execute(_STEPS, run_ids, reason)
    effects = await connection.fetch(_EFFECTS, run_ids, reason)
    await connection.execute(_GATES, run_ids, reason)
    return [row for row in effects if row["state"] == "parked"]


async def close_tasks(
    connection: Connection, ended: Mapping[UUID, str], keeping: Sequence[UUID]
) -> list[asyncpg.Record]:
    """Close the tasks of runs that have ended, with the sentence of each; return those that were closed.

    Those stay open that are of a run in `keeping` as well, or of one that goes on. The caller holds the runs.
    """
    tasks = await connection.fetch(_TASKS_OF, list(ended)) if ended else []
    if not tasks:
        return []
    closed: list[asyncpg.Record] = await connection.fetch(
        _CLOSE, [row["id"] for row in tasks], list(ended), list(ended.values()), keeping
    )
    return closed


async def open_runs_of(
    connection: Connection, accounts: Sequence[UUID], since: Sequence[object]
) -> list[asyncpg.Record]:
    """Return the open runs of accounts that began no later than something that happened there, in any order.

    `since` has one moment for each account. Each row has the place (`n`) of what happened.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        "select h.n::int as n, r.id, r.account_id, r.playbook_id, r.version, r.trigger_kind, r.band, r.correlation_id,"
        " r.started_at from unnest($1::uuid[], $2::timestamptz[]) with ordinality as h(account_id, at, n)"
        " join run r on r.account_id = h.account_id and r.state = 'running' and r.started_at <= h.at",
        accounts,
        since,
    )
    return rows


async def wake(
    connection: Connection, accounts: Sequence[UUID], words: Sequence[str], moments: Sequence[object]
) -> int:
    """Make due what waits for something that happened at its account since it came there; return how many steps.

    A step at which nobody could look yet waits for it as well. Whoever holds such a step at this moment loses it: it
    was decided without this.
    """
    woken = await connection.fetch(
        "with told as (select distinct on (s.id) s.id, h.word from unnest($1::uuid[], $2::text[], $3::timestamptz[])"
        "   as h(account_id, word, at) join step s on s.account_id = h.account_id and s.wakes_on is not null"
        "   and s.wakes_on @> array[h.word] and s.created_at <= h.at where s.state in ('due', 'waiting')"
        "   order by s.id, h.at),"
        " mine as (select s.id, told.word from step s join told on told.id = s.id order by s.id for update of s)"
        " update step s set state = 'due', next_at = least(s.next_at, clock_timestamp()), lease_until = null,"
        " fence = s.fence + 1, wakes_on = null, outcome = case when mine.word like 'event:%' then mine.word end"
        " from mine where s.id = mine.id and s.state in ('due', 'waiting') returning s.id",
        accounts,
        words,
        moments,
    )
    return len(woken)
