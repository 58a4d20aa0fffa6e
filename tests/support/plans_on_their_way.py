"""Playbooks that people start, and runs of theirs that are on their way: begun, told of what happens, looked at."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from support.outreach import Outreach, health_of

from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from playbook_runner.queries.waking import SETTLED_S

PLAN = "plan"


def plan(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A playbook that people start."""
    head = {"format": "playbook/1", "id": PLAN, "version": 1, "name": "Plan", "trigger": {"kind": "by_hand"}}
    return head | {"steps": list(steps)} | more


def wait(name: str, **how: Any) -> dict[str, Any]:
    return {"id": name, "kind": "wait"} | how


def task(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "kind": "task", "owner": ["owner"], "title": "Call them", "script": "Say hello"} | more


async def begin(outreach: Outreach, document: dict[str, Any], band: str = "red", **attributes: Any) -> UUID:
    """Bring a playbook in force and start it by hand for a new account; what is due is done."""
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account, band)
    outreach.scoring.attributes[account] = attributes
    await outreach.runner.keeping.stock([document])
    await outreach.runner.by_hand.start(account, PLAN, "a hunch", "kim")
    await outreach.advance()
    return account


async def steps(outreach: Outreach, account: UUID) -> dict[str, str]:
    rows = await outreach.pool.fetch(
        "select path, state from step where account_id = $1 order by created_at, id", account
    )
    return {row["path"]: row["state"] for row in rows}


async def happens(outreach: Outreach, ingest_pool: Pool, account: UUID, kind: str, at: datetime | None = None) -> None:
    """Let an event be told, settle, and be read."""
    await ingest_pool.execute(
        "insert into event (event_id, account_id, type, occurred_at, source, properties)"
        " values ($1, $2, $3, coalesce($4, clock_timestamp()), 'tests', '{}')",
        str(uuid4()),
        account,
        kind,
        at,
    )
    await read_on(outreach)


async def read_on(outreach: Outreach) -> None:
    await asyncio.sleep(SETTLED_S + 0.05)
    await drain(outreach.pool, outreach.runner.waking.lane)
    await outreach.advance()
