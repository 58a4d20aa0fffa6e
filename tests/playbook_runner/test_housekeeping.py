"""Claims about what the runner does though nobody asks: named answers are forgotten while it runs, not at its start."""

from datetime import timedelta

from support.outreach import Outreach

from milepost_runtime.idempotency import KEPT_S
from milepost_runtime.lanes import drain
from playbook_runner.jobs import lanes


async def test_old_named_answers_are_forgotten_every_hour_and_those_of_today_are_kept(outreach: Outreach) -> None:
    pool, lane = outreach.pool, outreach.runner.housekeeping.lane
    await pool.execute("truncate idempotency")
    for key, age in ((b"old", KEPT_S + 60), (b"new", KEPT_S - 60)):
        await pool.execute(
            "insert into idempotency (key, content, answer, created_at)"
            " values ($1, '', 'sealed', clock_timestamp() - make_interval(secs => $2))",
            key,
            age,
        )
    await pool.execute("update chore set next_at = clock_timestamp(), lease_until = null")
    await drain(pool, lane)
    assert [row["key"] for row in await pool.fetch("select key from idempotency")] == [b"new"]

    await pool.execute("update idempotency set created_at = created_at - interval '1 hour'")
    await drain(pool, lane)
    assert await pool.fetchval("select count(*) from idempotency") == 1
    await outreach.later("chore", timedelta(hours=1))
    await drain(pool, lane)
    assert await pool.fetchval("select count(*) from idempotency") == 0
    assert lane.name in [one.name for one in lanes(outreach.runner)]
