"""Statements about playbook documents and the one switch; it decides nothing about them."""

from collections.abc import Mapping
from typing import Any

import asyncpg

from milepost_runtime.database import Connection, Pool

_COLUMNS = "id, version, document, state, created_at, activated_at"


async def lock_playbook(connection: Connection, playbook_id: str) -> None:
    """Be the only one to change this playbook's versions until the transaction ends."""
    await connection.execute("select pg_advisory_xact_lock(hashtext('playbook'), hashtext($1))", playbook_id)


async def insert_version(
    connection: Connection, playbook_id: str, version: int, document: Mapping[str, Any], state: str
) -> None:
    """Keep a new version in this state."""
    await connection.execute(
        "insert into playbook (id, version, document, state, activated_at)"
        " values ($1, $2, $3, $4, case when $4 = 'retired' then null else clock_timestamp() end)",
        playbook_id,
        version,
        dict(document),
        state,
    )


async def current(source: "Pool | Connection", playbook_id: str | None = None) -> list[asyncpg.Record]:
    """Return the version in force of every playbook, or of one."""
    rows: list[asyncpg.Record] = await source.fetch(
        f"select {_COLUMNS} from playbook where state <> 'retired' and ($1::text is null or id = $1) order by id",  # noqa: S608 - a constant of the code
        playbook_id,
    )
    return rows


async def version(source: "Pool | Connection", playbook_id: str, number: int) -> asyncpg.Record | None:
    """Return one version, in force or not."""
    return await source.fetchrow(
        f"select {_COLUMNS} from playbook where id = $1 and version = $2",  # noqa: S608 - a constant of the code
        playbook_id,
        number,
    )


async def set_state(connection: Connection, playbook_id: str, state: str) -> bool:
    """Put the version in force into a state; False when there is no such playbook."""
    done = await connection.fetchval(
        "update playbook set state = $2,"
        " activated_at = case when $2 = 'active' and state <> 'active' then clock_timestamp() else activated_at end"
        " where id = $1 and state <> 'retired' returning true",
        playbook_id,
        state,
    )
    return bool(done)


async def retire(connection: Connection, playbook_id: str) -> None:
    """Take the version in force out of force; runs keep the version that they began with."""
    await connection.execute("update playbook set state = 'retired' where id = $1 and state <> 'retired'", playbook_id)


async def control(source: "Pool | Connection") -> asyncpg.Record:
    """Return the switch."""
    row = await source.fetchrow("select paused, changed_at, changed_by from control where id = 1")
    assert row is not None
    return row


async def set_control(connection: Connection, *, paused: bool, by: str) -> asyncpg.Record:
    """Turn the switch, keeping who did it; turning it to where it is keeps the first one's name."""
    await connection.execute(
        "update control set paused = $1, changed_at = clock_timestamp(), changed_by = $2 where id = 1 and paused <> $1",
        paused,
        by,
    )
    return await control(connection)


async def wake_held(connection: Connection, playbook_id: str | None = None) -> None:
    """Make steps and effects due now that waited for a pause to end, of one playbook or of all."""
    for table, state in (("step", "due"), ("effect", "ready")):
        await connection.execute(
            f"update {table} t set next_at = clock_timestamp() from run r"  # noqa: S608 - constants of the code
            " where r.id = t.run_id and r.account_id = t.account_id and r.state = 'running' and t.reason = 'paused'"
            " and t.state = $1 and t.next_at is not null and t.lease_until is null"
            " and ($2::text is null or r.playbook_id = $2)",
            state,
            playbook_id,
        )
