"""What claiming the next due 500 steps costs among so many that wait; a part of `internal_steps`.

It starts nothing and prints nothing.
"""

import asyncio
import statistics
import time
from datetime import timedelta
from typing import Any

import asyncpg

from milepost_runtime.database import Pool
from milepost_runtime.lanes import Lane, claim
from playbook_runner.settings import SCHEMA

# Ids begin with their time, as ours do; accounts come in any order.
NEW_ID = (
    "(lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')"
    " || substr(replace(gen_random_uuid()::text, '-', ''), 13))::uuid"
)
# Steps that began one after the other until `$2`, `$3` a second, each waiting 1, 3 or 7 times `$4` seconds: what is
# over by `$2` is done, the rest lies between it, as in a table that has been in use for long.
_WAITS = f"""
    insert into step (id, account_id, run_id, path, kind, state, next_at)
    select {NEW_ID}, gen_random_uuid(), {NEW_ID}, 'a', 'wait', case when due > $2 then 'waiting' else 'done' end,
           case when due > $2 then due end
    from (select $2::timestamptz + make_interval(secs => (i - $1) / $3::float8
            + (array[1, 3, 7])[1 + floor(random() * 3)::int] * $4::float8) as due
          from generate_series(1, $1) i) begun
"""
_MEAN, _LONGEST = 11 / 3, 7
_ENDED = "update step set state = 'done', next_at = null, lease_until = null where id = any($1::uuid[])"
# So many begin and come due between two claims: a few more than are claimed.
_DUE, _EVERY_S, _CLAIMS = 700, 0.2, 25


async def now(pool: Pool) -> Any:
    """Return the store's moment."""
    return await pool.fetchval("select clock_timestamp()")


async def claiming(url: str, pool: Pool, lane: Lane, waiting: int) -> float:
    """Return what claiming the next due 500 costs, in milliseconds, among so many runs that wait.

    Steps come due as time passes, and others begin meanwhile; what was claimed ends. A claim reads nothing but steps,
    so there are no runs.
    """
    filling = await asyncpg.connect(url, server_settings={"search_path": SCHEMA.name, "statement_timeout": "0"})
    await filling.execute("truncate run, step")
    rate = _DUE / _EVERY_S
    unit = waiting / rate / _MEAN
    begins = await now(pool) + timedelta(seconds=5.0 + waiting / 15_000)
    await filling.execute(_WAITS, round(rate * unit * _LONGEST), begins, rate, unit)
    await filling.execute("vacuum analyze step")
    await asyncio.sleep((begins - await now(pool)).total_seconds())
    costs = []
    async with pool.acquire() as connection:
        for _ in range(_CLAIMS):
            await asyncio.sleep(_EVERY_S)
            began = time.perf_counter()
            claims = await claim(connection, lane, 500)
            costs.append((time.perf_counter() - began) * 1000)
            await filling.execute(_ENDED, [one.key for one in claims])
            await filling.execute(_WAITS, _DUE, await now(pool), rate, unit)
            assert len(claims) == 500
    await filling.close()
    return statistics.median(costs)
