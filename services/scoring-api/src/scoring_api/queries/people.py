"""SQL about an account that somebody says something of: held still, with its score as it stands; it never commits."""

from datetime import datetime
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection

_LED = "select coalesce((select survivor_id from scoring.merged_account where account_id = $1), $1)"
# The order of a merge, and a lock that recording events does not wait for: nobody waits for somebody who waits for him.
_QUEUE = "select from scoring.rescoring where account_id = $1 for update"
_HOLD = (
    "select account_id, name, owner, clock_timestamp() as now from scoring.account where account_id = $1 for key share"
)
_STANDS = """
select s.as_of, s.display, s.effective_band, s.model_id, s.model_version,
  array(select jsonb_object_keys(s.detail -> 'signals') order by 1) as signals
from scoring.snapshot s where s.account_id = $1 order by s.as_of desc limit 1
"""


async def hold(connection: Connection, account: UUID, *, alone: bool) -> asyncpg.Record | None:
    """Return account_id, name, owner and the clock of an account, or its survivor, which no merge moves before the
    commit; None if there is none. With `alone`, others who want to be alone with it wait.
    """
    # Who waited while the account was merged away finds no row the first time.
    for _ in range(2):
        led: UUID = await connection.fetchval(_LED, account)
        if alone:
            await connection.execute(_QUEUE, led)
        row = await connection.fetchrow(_HOLD, led)
        if row is not None:
            return row
    return None


async def stands(connection: Connection, account: UUID) -> asyncpg.Record | None:
    """Return the newest score of an account with its model and the signals it was made of; None before the first."""
    return await connection.fetchrow(_STANDS, account)


async def now(connection: Connection) -> datetime:
    """Return the database's clock."""
    moment: datetime = await connection.fetchval("select clock_timestamp()")
    return moment
