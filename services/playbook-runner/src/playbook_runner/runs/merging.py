"""Merging: what was under way at an account that was merged into another one goes on there; it sends nothing.

The law: everything goes to the survivor, with its history, so that caps and re-entry rules see what was written to
either. A run ends (`merged`) where the survivor has the same playbook under way, or has answered the same reason, or
where it is held out from the playbook or in another arm of it: tasks that were for that run alone are closed then. Of
two open tasks for one reason the survivor's stays and takes the evidence of the other in. Where the survivor has been
assigned to an arm it stays there. Words to leave an account alone, open escalations and booked calls of either count
for both. Lines of the ledger stay where they were written.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from milepost_contracts.events import ACCOUNT_MERGED, OWN_SOURCE
from milepost_core.cadence import Leave
from milepost_runtime.database import Connection
from playbook_runner.people.ending import tell_closed
from playbook_runner.queries import merging as queries
from playbook_runner.queries import starting
from playbook_runner.runs.stopping import Leaving, stop

log = structlog.get_logger()
_WHY: Final = {
    "under_way": "where this is under way already",
    "assigned": "which is held out from this playbook, or in another arm of it",
}


async def ahead(connection: Connection, rows: Sequence[asyncpg.Record], accounts: Iterable[UUID]) -> None:
    """Lock whatever merges in these rows of the feed, and all else at these accounts, if there are any: before it."""
    pairs = list(_pairs(rows))
    if pairs:
        await starting.lock_starts(connection)
        await queries.lock(connection, {*accounts, *(account for pair in pairs for account in pair)})


async def follow(connection: Connection, rows: Sequence[asyncpg.Record]) -> None:
    """Carry out the merges that these rows of the feed of events tell, in their order, in the caller's transaction."""
    for gone, survivor in _pairs(rows):
        await merge(connection, gone, survivor)


def _pairs(rows: Sequence[asyncpg.Record]) -> Iterator[tuple[UUID, UUID]]:
    for row in rows:
        if row["type"] == ACCOUNT_MERGED and row["source"] == OWN_SOURCE:
            survivor = UUID(row["value_text"])
            if survivor != row["account_id"]:
                yield row["account_id"], survivor


async def merge(connection: Connection, gone: UUID, survivor: UUID) -> None:
    """Give what belonged to one account to another; done again, it changes nothing."""
    # Nobody opens a run for either of them meanwhile.
    await starting.lock_starts(connection)
    await queries.lock(connection, {gone, survivor})
    await queries.lead(connection, gone, survivor)
    rivals = await queries.rival_runs(connection, gone, survivor)
    whither = f"the account was merged into {survivor}, "
    ended = await stop(connection, [Leaving(row["id"], _leave(row["why"], whither)) for row in rivals])
    await tell_closed(connection, await queries.take_over(connection, gone, survivor, whither + _WHY["under_way"]))
    log.info("account_merged", account_id=str(gone), survivor=str(survivor), runs_ended=len(ended))


def _leave(why: str, whither: str) -> Leave:
    """Work that is under way at the survivor as well goes on there; what nobody is to do any more is closed."""
    return Leave("merged", whither + _WHY[why], close_tasks=why == "assigned")
