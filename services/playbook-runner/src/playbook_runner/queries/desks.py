"""Statements behind the lists of tasks and the desks of people; it changes nothing."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from milepost_runtime.database import Pool


async def page(
    pool: Pool, filters: tuple[Sequence[str] | None, str | None, UUID | None], before: UUID | None, limit: int
) -> list[asyncpg.Record]:
    """Return tasks of an owner (under these names), a state, an account (None: any), newest first, below an id."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "select * from task where ($1::text[] is null or owner = any($1)) and ($2::text is null or state = $2)"
        " and ($3::uuid is null or account_id = $3) and ($4::uuid is null or id < $4) order by id desc limit $5",
        *filters,
        before,
        limit,
    )
    return rows


async def one(pool: Pool, task_id: UUID) -> asyncpg.Record | None:
    """Return one task."""
    return await pool.fetchrow("select * from task where id = $1", task_id)


async def words_of(pool: Pool, task_id: UUID) -> list[asyncpg.Record]:
    """Return what was said and done about a task, oldest first."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "select kind, author, text, detail, at from task_word where task_id = $1 order by id", task_id
    )
    return rows


async def awake_of(pool: Pool, owners: Sequence[str]) -> list[asyncpg.Record]:
    """Return what is on somebody's desk today: open and claimed, neither asleep nor waiting for the customer.

    `value_of` is the attribute by which their playbooks say what customers are worth; empty: they name none.
    """
    rows: list[asyncpg.Record] = await pool.fetch(
        "select t.*, coalesce(p.document -> 'tiers' ->> 'value_of', '') as value_of from task t"
        " left join run r on r.id = t.run_id and r.account_id = t.account_id"
        " left join playbook p on p.id = r.playbook_id and p.version = r.version"
        " where t.owner = any($1::text[]) and t.state in ('open', 'claimed')"
        " and t.awaiting_since is null order by t.id",
        owners,
    )
    return rows


async def experience(pool: Pool, playbooks: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return for playbooks how many of their tasks helped, and how many ended with any outcome."""
    rows = await pool.fetch(
        "select playbook_id, count(*) filter (where outcome in ('helped', 'root_cause'))::int as helped,"
        " count(*)::int as ended"
        " from task where playbook_id = any($1::text[]) and outcome is not null group by 1",
        playbooks,
    )
    return {row["playbook_id"]: (row["helped"], row["ended"]) for row in rows}


async def minutes_spent(pool: Pool, owners: Sequence[str], zone: str) -> float:
    """Return the minutes of work that somebody has ended today, where they live; without a word, what was thought."""
    minutes: float = await pool.fetchval(
        "select coalesce(sum(coalesce(minutes_spent, effort_minutes)), 0)::float8 from task"
        " where owner = any($1::text[]) and state = 'done'"
        " and ended_at >= date_trunc('day', clock_timestamp() at time zone $2) at time zone $2",
        owners,
        zone,
    )
    return minutes
