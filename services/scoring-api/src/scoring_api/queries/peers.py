"""SQL about the peers of a model version: gathered from the newest snapshots, kept, read again; it never commits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from milepost_runtime.database import Connection

LONGEST_S = 120

# Everybody whom this version judged last, with the inputs and figures of that look.
_JUDGED = """
from scoring.standing t join scoring.snapshot s on s.account_id = t.account_id and s.as_of = t.snapshot_as_of
where s.model_id = $1 and s.model_version = $2 and t.as_of <= $3
"""

_MEASURES = f"""
select w.signal, v.segment, v.key, array_agg(v.value) as values, array_agg(v.waiting) as waiting,
  array_agg(v.age) as ages, array_agg(v.days) as days
from unnest($4::text[], $5::int[]) as w(signal, place)
cross join lateral (select s.readings ->> 'segment' as segment, s.readings #>> array['peers', w.signal] as key,
  (s.readings #>> array['raw', w.place::text])::float8 as value,
  s.readings -> 'censored' @> to_jsonb(w.place) as waiting,
  (s.readings ->> 'account_age_days')::float8 as age,
  extract(epoch from $3::timestamptz - s.as_of)::float8 / 86400 as days {_JUDGED}) v
where v.key is not null and v.value is not null
group by w.signal, v.segment, v.key order by w.signal, v.segment, v.key
"""  # noqa: S608 - constants of ours

_MEDIANS = f"""
select e.key as signal, percentile_cont(0.5) within group (order by (e.value ->> 'y')::float8) as y
from (select s.detail {_JUDGED}) j cross join lateral jsonb_each(j.detail -> 'signals') as e
where e.value ->> 'state' in ('observed', 'imputed') group by e.key order by e.key
"""  # noqa: S608 - constants of ours


async def prepare(connection: Connection) -> datetime:
    """Let this transaction take its time over many accounts; return its moment by the database's clock."""
    await connection.execute(f"set local statement_timeout = '{LONGEST_S}s'")
    moment: datetime = await connection.fetchval("select clock_timestamp()")
    return moment


async def newest(connection: Connection, model: tuple[str, int], as_of: datetime) -> int | None:
    """Return the id of the peers of a model version that were gathered last by a moment; None before the first."""
    found: int | None = await connection.fetchval(
        "select id from scoring.cohort where model_id = $1 and model_version = $2 and as_of <= $3"
        " order by as_of desc, id desc limit 1",
        *model,
        as_of,
    )
    return found


async def kept(connection: Connection, cohort_id: int) -> asyncpg.Record | None:
    """Return one row of peers: id, model_id, model_version, as_of, accounts, tables, medians."""
    return await connection.fetchrow("select * from scoring.cohort where id = $1", cohort_id)


async def last(connection: Connection, model: tuple[str, int], as_of: datetime) -> asyncpg.Record | None:
    """Return the peers of a model version that were gathered last by a moment."""
    found = await newest(connection, model, as_of)
    return None if found is None else await kept(connection, found)


async def judged(connection: Connection, model: tuple[str, int], as_of: datetime) -> int:
    """Return how many accounts were judged last by a model version."""
    count = f"select count(*) {_JUDGED}"
    found: int = await connection.fetchval(count, *model, as_of, timeout=LONGEST_S)
    return found


async def measures(
    connection: Connection, model: tuple[str, int], as_of: datetime, signals: Sequence[tuple[str, int]]
) -> list[asyncpg.Record]:
    """Return for each signal, segment's view and group what its accounts measured when they were looked at last.

    signal, segment, key, and account by account: values, waiting (for a first event), ages (of the account in days),
    days (between that look and `as_of`). `signals` are those that compare, each with its column.
    """
    names, places = [one[0] for one in signals], [one[1] for one in signals]
    rows: list[asyncpg.Record] = await connection.fetch(_MEASURES, *model, as_of, names, places, timeout=LONGEST_S)
    return rows


async def medians(connection: Connection, model: tuple[str, int], as_of: datetime) -> dict[str, float]:
    """Return the median points of each signal over the accounts that have any."""
    rows = await connection.fetch(_MEDIANS, *model, as_of, timeout=LONGEST_S)
    return {row["signal"]: row["y"] for row in rows}


async def keep(connection: Connection, row: Sequence[Any]) -> int:
    """Add a row of peers: model_id, model_version, as_of, accounts, tables, medians; return its id."""
    found: int = await connection.fetchval(
        "insert into scoring.cohort (model_id, model_version, as_of, accounts, tables, medians)"
        " values ($1, $2, $3, $4, $5, $6) returning id",
        *row,
    )
    return found


async def mark(connection: Connection, model: tuple[str, int], as_of: datetime) -> int:
    """Make everybody due whom a model version judged last, because their peers are others; return how many."""
    return len(
        await connection.fetch(
            "insert into scoring.rescoring as r (account_id, next_at, marked, cause)"
            f" select t.account_id, clock_timestamp(), 1, 'model' {_JUDGED} order by 1"
            " on conflict (account_id) do update set next_at = least(r.next_at, excluded.next_at),"
            " marked = r.marked + 1, cause = case when r.cause = 'silence' then excluded.cause else r.cause end"
            " returning account_id",
            *model,
            as_of,
            timeout=LONGEST_S,
        )
    )


async def hurry(connection: Connection) -> None:
    """Have peers gathered at once, and once more if they are being gathered just now."""
    await connection.execute("update scoring.chore set next_at = clock_timestamp() where name = 'gather'")
