"""SQL about an account that somebody says something of: held still, with its score as it stands; it never commits."""

from datetime import datetime
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection

# Who says something holds the account's row: two words on one account come one after the other, and no merge between.
_HOLD = (
    "select account_id, name, owner, clock_timestamp() as now from scoring.account where account_id = coalesce("
    "(select survivor_id from scoring.merged_account where account_id = $1), $1) for no key update"
)
_STANDS = """
select s.as_of, s.display, s.effective_band, s.model_id, s.model_version,
  array(select jsonb_object_keys(s.detail -> 'signals') order by 1) as signals
from scoring.snapshot s where s.account_id = $1 order by s.as_of desc limit 1
"""


async def hold(connection: Connection, account: UUID) -> asyncpg.Record | None:
    """Return account_id, name, owner and the clock, and hold the account, or its survivor, to the commit; or None."""
    # Who waited while the account was merged away finds no row the first time.
    return await connection.fetchrow(_HOLD, account) or await connection.fetchrow(_HOLD, account)


async def stands(connection: Connection, account: UUID) -> asyncpg.Record | None:
    """Return the newest score of an account with its model and the signals it was made of; None before the first."""
    return await connection.fetchrow(_STANDS, account)


async def now(connection: Connection) -> datetime:
    """Return the database's clock."""
    moment: datetime = await connection.fetchval("select clock_timestamp()")
    return moment
