"""Statements that give what belonged to an account that is gone to the one that lives on; it decides no merge.

Rows that are somebody's at this moment are taken from them (their fence moves on), so that nothing is written under the
old account any more. What was started goes on, and ends under the new one.
"""

from collections.abc import Collection
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool

_LOCKED = (
    "select id from run where account_id = any($1::uuid[]) and state = 'running' order by id for update",
    "select id from step where account_id = any($1::uuid[]) and ended_at is null order by id for update",
    "select key from effect where account_id = any($1::uuid[]) and state in ('ready', 'started', 'in_doubt', 'parked')"
    " order by key for update",
    "select id from approval where account_id = any($1::uuid[]) and state = 'open' order by id for update",
    "select id from task where account_id = any($1::uuid[]) and state in ('open', 'claimed', 'snoozed')"
    " order by id for update",
)
_TAKEN = (
    "update effect set account_id = $2, fence = fence + 1, lease_until = null,"
    " next_at = case when lease_until is null then next_at else clock_timestamp() end"
    " where account_id = $1 and state = 'ready'",
    "update effect set account_id = $2 where account_id = $1",
    "update step set account_id = $2, fence = fence + 1, lease_until = null,"
    " next_at = case when lease_until is null then next_at else clock_timestamp() end"
    " where account_id = $1 and state in ('due', 'waiting')",
    "update step set account_id = $2 where account_id = $1",
    "update run set account_id = $2 where account_id = $1",
    "update attempt set account_id = $2 where account_id = $1",
    "update touch set account_id = $2 where account_id = $1",
    "update task set account_id = $2 where account_id = $1",
    "update task_word set account_id = $2 where account_id = $1",
    "update approval set account_id = $2 where account_id = $1",
    "update in_app_message set account_id = $2 where account_id = $1",
    "update suppression set account_id = $2 where account_id = $1",
    # Where an account stands in a playbook is decided once: the survivor's own word stays.
    "update assignment a set account_id = $2 where account_id = $1 and not exists (select from assignment s"
    " where s.account_id = $2 and s.playbook_id = a.playbook_id)",
)
# Whether a watch may fire follows from the account's own health.
_LEFT = ("delete from assignment where account_id = $1", "delete from armed where account_id = $1")
_MATTERS = (
    "with gone as (delete from matter where account_id = $1 returning *)"
    " insert into matter as m (account_id, kind, item, opened_at, closed_at, starts_at)"
    " select $2, kind, item, opened_at, closed_at, starts_at from gone on conflict (account_id, kind, item) do update"
    " set opened_at = greatest(m.opened_at, excluded.opened_at),"
    " closed_at = greatest(m.closed_at, excluded.closed_at),"
    " starts_at = case when excluded.opened_at >= coalesce(m.opened_at, '-infinity') then excluded.starts_at"
    " else m.starts_at end"
)
# The survivor's task for the same reason takes in everything that was said about the other one.
_JOINED = (
    "with pair as (select g.id as gone_id, s.id as kept_id, g.title, g.owner from task g join task s"
    "   on s.account_id = $2 and s.reason = g.reason and s.state in ('open', 'claimed', 'snoozed')"
    "   where g.account_id = $1 and g.state in ('open', 'claimed', 'snoozed')),"
    " closed as (update task set state = 'closed', next_at = null, lease_until = null, ended_by = 'milepost',"
    "   ended_at = clock_timestamp(), outcome_note = $3 from pair where task.id = pair.gone_id returning task.*),"
    " said as (insert into task_word (account_id, task_id, kind, author, text) select $1, gone_id, 'closed',"
    "   'milepost', $3 from pair),"
    " kept as (insert into task_word (account_id, task_id, kind, author, text, detail)"
    "   select $2, pair.kept_id, w.kind, w.author, w.text, w.detail from pair"
    "   join task_word w on w.task_id = pair.gone_id and w.kind = 'evidence' order by w.id)"
    " select *, ended_at as now from closed order by id"
)


async def living(connection: "Connection | Pool", accounts: Collection[UUID]) -> dict[UUID, UUID]:
    """Return by account the one that lives on for it; who is not there lives on themselves."""
    rows = await connection.fetch(
        "select account_id, survivor_id from merged_account where account_id = any($1::uuid[])", list(accounts)
    )
    return {row["account_id"]: row["survivor_id"] for row in rows}


async def living_one(source: "Connection | Pool", account_id: UUID) -> UUID:
    """Return the account that lives on for this one: itself, unless it was merged."""
    return (await living(source, [account_id])).get(account_id, account_id)


async def lead(connection: Connection, gone: UUID, survivor: UUID) -> None:
    """Let an account, and those that it lived on for, lead to another one, which is not gone (any more)."""
    await connection.execute("delete from merged_account where account_id = $1", survivor)
    await connection.execute(
        "update merged_account set survivor_id = $2 where survivor_id = $1 and account_id <> $2", gone, survivor
    )
    await connection.execute(
        "insert into merged_account (account_id, survivor_id) values ($1, $2)"
        " on conflict (account_id) do update set survivor_id = excluded.survivor_id, merged_at = excluded.merged_at",
        gone,
        survivor,
    )


async def lock(connection: Connection, accounts: Collection[UUID]) -> None:
    """Let nobody move what accounts still have to do until the transaction ends."""
    for statement in _LOCKED:
        await connection.execute(statement, list(accounts))


async def rival_runs(connection: Connection, gone: UUID, survivor: UUID) -> list[asyncpg.Record]:
    """Return the runs (id, playbook_id) of an account that is gone which do not go on at the survivor, and why not.

    `why` is `under_way` where that has an open run of the same playbook, or had one for the same reason; `assigned`
    where it is in another arm of the playbook, or held out.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        "select * from (select g.id, g.playbook_id, case when exists (select from run s where s.account_id = $2"
        "   and (s.trigger_key = g.trigger_key or s.playbook_id = g.playbook_id and s.state = 'running'))"
        "   then 'under_way' when exists (select from assignment a where a.account_id = $2"
        "   and a.playbook_id = g.playbook_id and not a.excluded and (a.arm = 'holdout' or a.arm <> g.arm))"
        "   then 'assigned' end as why"
        " from run g where g.account_id = $1 and g.state = 'running') r where why is not null",
        gone,
        survivor,
    )
    return rows


async def take_over(connection: Connection, gone: UUID, survivor: UUID, sentence: str) -> list[asyncpg.Record]:
    """Give everything of one account to another; of two open tasks for one reason one is closed with this sentence.

    Returns the tasks that were closed.
    """
    closed: list[asyncpg.Record] = await connection.fetch(_JOINED, gone, survivor, sentence)
    # A reason counts once for an account, whoever of the two had it.
    await connection.execute(
        "update run g set trigger_key = sha256(g.trigger_key || uuid_send(g.id)) where g.account_id = $1"
        " and exists (select from run s where s.account_id = $2 and s.trigger_key = g.trigger_key)",
        gone,
        survivor,
    )
    await connection.execute(_MATTERS, gone, survivor)
    for statement in _TAKEN:
        await connection.execute(statement, gone, survivor)
    for statement in _LEFT:
        await connection.execute(statement, gone)
    return closed
