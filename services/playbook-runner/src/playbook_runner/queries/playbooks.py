"""Statements about playbook documents and the one switch; it decides nothing about them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool
from playbook_runner.queries.advancing import pauses

_COLUMNS = "id, version, document, state, author, created_at, activated_at"
IN_FORCE = "state in ('active', 'paused')"
_SWITCH = "hashtext('playbooks'), hashtext('switch')"


async def lock_playbook(connection: Connection, playbook_id: str) -> None:
    """Be the only one to change this playbook's versions until the transaction ends."""
    await connection.execute("select pg_advisory_xact_lock(hashtext('playbook'), hashtext($1))", playbook_id)


async def share_playbooks(connection: Connection, playbook_ids: Sequence[str]) -> None:
    """Let nobody change these playbooks' versions until the transaction ends; others may ask for the same meanwhile."""
    await connection.execute(
        "select pg_advisory_xact_lock_shared(hashtext('playbook'), hashtext(id)) from unnest($1::text[]) as id",
        sorted(playbook_ids),
    )


async def insert_draft(
    connection: Connection, playbook_id: str, version: int, document: Mapping[str, Any], text: str, author: str
) -> None:
    """Keep a new version, in force for nobody."""
    await connection.execute(
        "insert into playbook (id, version, document, state, text, author) values ($1, $2, $3, 'draft', $4, $5)",
        playbook_id,
        version,
        dict(document),
        text,
        author,
    )


async def current(source: "Pool | Connection", playbook_id: str | None = None) -> list[asyncpg.Record]:
    """Return the version in force of every playbook, or of one."""
    rows: list[asyncpg.Record] = await source.fetch(
        f"select {_COLUMNS} from playbook where {IN_FORCE} and ($1::text is null or id = $1) order by id",  # noqa: S608 - constants of the code
        playbook_id,
    )
    return rows


async def in_force(connection: Connection, playbook_ids: Sequence[str]) -> list[asyncpg.Record]:
    """Return which version of these playbooks is in force, and in which state, without its document."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"select id, version, state from playbook where {IN_FORCE} and id = any($1::text[])",  # noqa: S608 - a constant of the code
        playbook_ids,
    )
    return rows


async def shown(source: "Pool | Connection", playbook_id: str | None = None) -> list[asyncpg.Record]:
    """Return of every playbook, or of one, the version in force, else the newest; with the numbers of all."""
    rows: list[asyncpg.Record] = await source.fetch(
        f"select distinct on (id) {_COLUMNS},"  # noqa: S608 - constants of the code
        " array_agg(version) over (partition by id order by version"
        " rows between unbounded preceding and unbounded following) as versions"
        f" from playbook where $1::text is null or id = $1 order by id, {IN_FORCE} desc, version desc",
        playbook_id,
    )
    return rows


async def versions(source: "Pool | Connection", playbook_id: str) -> list[asyncpg.Record]:
    """Return every version of a playbook without its document, oldest first."""
    rows: list[asyncpg.Record] = await source.fetch(
        "select version, state, author, created_at, activated_at from playbook where id = $1 order by version",
        playbook_id,
    )
    return rows


async def version(source: "Pool | Connection", playbook_id: str, number: int) -> asyncpg.Record | None:
    """Return one version, in force or not, with its text."""
    return await source.fetchrow(
        f"select {_COLUMNS}, text from playbook where id = $1 and version = $2",  # noqa: S608 - a constant of the code
        playbook_id,
        number,
    )


async def newest(connection: Connection, playbook_id: str) -> asyncpg.Record | None:
    """Return the version with the highest number."""
    return await connection.fetchrow(
        "select version, document, author from playbook where id = $1 order by version desc limit 1", playbook_id
    )


async def before_current(connection: Connection, playbook_id: str) -> int | None:
    """Return the version that was in force before the one that is, or was last; None when there was none."""
    number: int | None = await connection.fetchval(
        "select version from playbook where id = $1 and state = 'retired' and activated_at is not null"
        " order by activated_at desc, version desc limit 1",
        playbook_id,
    )
    return number


async def put_in_force(connection: Connection, playbook_id: str, number: int, state: str) -> None:
    """Retire the version in force, if there is one, and put this one in its place, active or paused."""
    await connection.execute(
        f"update playbook set state = 'retired' where id = $1 and version <> $2 and {IN_FORCE}",  # noqa: S608 - a constant of the code
        playbook_id,
        number,
    )
    await connection.execute(
        "update playbook set state = $3, activated_at = clock_timestamp() where id = $1 and version = $2",
        playbook_id,
        number,
        state,
    )


async def set_state(connection: Connection, playbook_id: str, state: str) -> bool:
    """Put the version in force into a state; False when none is in force."""
    done = await connection.fetchval(
        f"update playbook set state = $2 where id = $1 and {IN_FORCE} returning true",  # noqa: S608 - a constant of the code
        playbook_id,
        state,
    )
    return bool(done)


async def control(source: "Pool | Connection") -> asyncpg.Record:
    """Return the switch."""
    row = await source.fetchrow("select paused, changed_at, changed_by from control where id = 1")
    assert row is not None
    return row


async def set_control(connection: Connection, *, paused: bool, by: str) -> asyncpg.Record:
    """Turn the switch, keeping who did it; turning it to where it is keeps the first one's name.

    Nobody counts on how it stood when this returns, until the transaction ends.
    """
    await connection.execute(f"select pg_advisory_xact_lock({_SWITCH})")
    await connection.execute(
        "update control set paused = $1, changed_at = clock_timestamp(), changed_by = $2 where id = 1 and paused <> $1",
        paused,
        by,
    )
    return await control(connection)


async def hold_pauses(connection: Connection, playbook_ids: Collection[str]) -> asyncpg.Record | None:
    """Let nobody resume these playbooks, or all of them, until the transaction ends; return what `pauses` does."""
    # No lock of the row: whoever comes to share that goes before who waits to turn the switch, who may wait for ever.
    await connection.execute(f"select pg_advisory_xact_lock_shared({_SWITCH})")
    await share_playbooks(connection, sorted(playbook_ids))
    # Read once both are given, so that it is what their last holders left.
    return await pauses(connection)


def are_holding(held: asyncpg.Record | None, playbook_id: str) -> bool:
    """Say whether pauses, as `hold_pauses` returns them, hold a playbook."""
    return held is not None and (held["all"] or playbook_id in held["playbooks"])


# The newest line of a run says since when a pause holds it.
_HELD = (
    ", asked_at = least(clock_timestamp(), t.asked_at + coalesce(clock_timestamp() - (select l.at from ledger l"
    " where l.account_id = t.account_id and l.run_id = t.run_id and l.code = 'paused' and t.reason = 'paused'"
    " order by l.id desc limit 1), interval '0'))"
)


async def wake_held(connection: Connection, playbook_id: str | None = None) -> None:
    """Make steps and effects of locked runs due now that waited for a pause to end, of one playbook or of all.

    The time for which a pause held a message is no time for which it waited: it has all its days still.
    """
    for table, key, states, more in (("step", "id", ["due", "waiting"], ""), ("effect", "key", ["ready"], _HELD)):
        await connection.execute(
            f"with held as (select t.{key} from {table} t join run r on r.id = t.run_id and r.account_id = t.account_id"  # noqa: S608 - constants of the code
            " where r.state = 'running' and t.reason = 'paused' and t.state = any($1::text[])"
            " and t.next_at is not null and t.lease_until is null and ($2::text is null or r.playbook_id = $2)"
            f" order by 1 for update of t) update {table} t set next_at = clock_timestamp(){more} from held"
            f" where t.{key} = held.{key}",
            states,
            playbook_id,
        )


async def wake_resumed(connection: Connection, fenced: Sequence[tuple[bytes, int]]) -> set[bytes]:
    """Give effects of locked runs back that are ours, due now, as `wake_held` wakes those that nobody has.

    Returns the keys of those that were still ours.
    """
    rows = await connection.fetch(
        f"update effect t set next_at = clock_timestamp(), lease_until = null, crashes = 0{_HELD}"  # noqa: S608 - a constant of the code
        " from unnest($1::bytea[], $2::bigint[]) as o(key, fence)"
        " where t.key = o.key and t.fence = o.fence and t.state = 'ready' returning t.key",
        [key for key, _ in fenced],
        [fence for _, fence in fenced],
    )
    return {row["key"] for row in rows}


async def runs_on_other_versions(connection: Connection, playbook_id: str, number: int) -> list[asyncpg.Record]:
    """Lock and return the open runs of a playbook that go by another version, with the paths of their open steps."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select r.id, r.version, array(select s.path || ':' || s.kind from step s where s.run_id = r.id"
        " and s.account_id = r.account_id and s.state in ('due', 'waiting', 'performing')) as open"
        " from run r where r.playbook_id = $1 and r.version <> $2 and r.state = 'running'"
        " order by r.id for update of r",
        playbook_id,
        number,
    )
    return rows


# What is under a moved run is looked at anew by the version that it goes by now; whoever holds it goes by the old one.
_MOVED_STEPS = (
    "with mine as (select s.id, w.wakes from step s join unnest($2::text[], $3::text[]) as w(path, wakes)"
    " on w.path = s.path where s.run_id = any($1::uuid[]) and s.state in ('due', 'waiting') order by s.id"
    " for update of s) update step s set state = 'due', next_at = clock_timestamp(), lease_until = null,"
    " fence = s.fence + 1, wakes_on = string_to_array(nullif(mine.wakes, ''), ' ') from mine where s.id = mine.id"
)
_MOVED_EFFECTS = (
    "with mine as (select key from effect where run_id = any($1::uuid[]) and state = 'ready'"
    " and lease_until is not null order by key for update) update effect e set fence = e.fence + 1,"
    " lease_until = null, next_at = clock_timestamp() from mine where e.key = mine.key"
)


async def move_runs(
    connection: Connection, run_ids: Sequence[UUID], number: int, wakes: Mapping[str, Sequence[str]]
) -> None:
    """Let locked runs go by another version: what they stand at, and what is being worded, is begun anew by it.

    `wakes` says what wakes a run at each of its steps, from this moment on.
    """
    if not run_ids:
        return
    await connection.execute("update run set version = $2 where id = any($1::uuid[])", run_ids, number)
    await connection.execute(_MOVED_STEPS, run_ids, list(wakes), [" ".join(words) for words in wakes.values()])
    await connection.execute(_MOVED_EFFECTS, run_ids)
