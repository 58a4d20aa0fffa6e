"""Statements about watches: how far each has looked, and how it stands to accounts; it never decides what fires."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import asyncpg

from milepost_core.playbooks.watching import Stand
from milepost_runtime.database import Connection, Pool

Source: TypeAlias = "Pool | Connection"
# The row that keeps the others in step with the playbooks in force.
KEEPER = ""
_LOST = "fence = watch.fence + 1, lease_until = null, crashes = 0, fault = ''"


@dataclass(frozen=True)
class Held:
    """Since when something that has to last has lasted for an account; None: it does not."""

    account_id: UUID
    playbook_id: str
    since: datetime | None


@dataclass(frozen=True)
class Progress:
    """How far a watch has come: in the feed of changes, and in its sweep over the book.

    `stage` is what it sweeps: `book`, then `standing` (accounts that it knows), or nothing; of dates `book` or `lately`
    (those about today alone). `after` is where it is.
    `settled`: it has seen the whole book since it was switched on or changed; `begins`: its next sweep begins.
    """

    position: int
    stage: str
    after: UUID | None
    settled: bool
    begins: bool = False


async def ensure_keeper(source: Source) -> None:
    """Put the row in its place that keeps the watches in step."""
    await source.execute(
        "insert into watch (playbook_id, trigger_digest, next_at) values ($1, '', '-infinity') on conflict do nothing",
        KEEPER,
    )


async def keep_watches(connection: Connection, wanted: Mapping[str, bytes]) -> int:
    """Have a watch for each of these playbooks and for no other; return how many are new or begin anew.

    One begins at the end of the feed, anew if its trigger has become another: what is true already is not news. Whoever
    is looking for it at this moment loses it. One that is not wanted rests: its fence goes on when it is wanted again.
    """
    await connection.execute(
        f"update watch set trigger_digest = '', next_at = null, {_LOST}"  # noqa: S608 - a constant of the code
        " where playbook_id <> $2 and playbook_id <> all($1::text[]) and trigger_digest <> ''",
        list(wanted),
        KEEPER,
    )
    changed = await connection.fetch(
        "insert into watch (playbook_id, trigger_digest, position, next_at)"  # noqa: S608 - a constant of the code
        " select w.playbook_id, w.digest, (select coalesce(max(id), 0) from scoring.change), clock_timestamp()"
        " from unnest($1::text[], $2::bytea[]) as w(playbook_id, digest)"
        " on conflict (playbook_id) do update set trigger_digest = excluded.trigger_digest, stage = '', after = null,"
        " position = excluded.position, next_at = excluded.next_at,"
        f" settled = false, swept_at = null, begun_at = clock_timestamp(), {_LOST}"
        " where watch.trigger_digest <> excluded.trigger_digest returning playbook_id",
        list(wanted),
        list(wanted.values()),
    )
    # What lasted by another rule does not by this one.
    await connection.execute(
        "update armed set held_since = null where held_since is not null and playbook_id = any($1::text[])"
        " and exists (select from watch w where w.playbook_id = armed.playbook_id and w.swept_at is null)",
        [row["playbook_id"] for row in changed],
    )
    return len(changed)


async def keep_progress(connection: Connection, playbook_id: str, at: Progress) -> None:
    """Keep how far a watch has come; a sweep that begins is noted with the server's clock."""
    await connection.execute(
        "update watch set position = $2, after = $4, settled = $5, fault = '',"
        " swept_at = case when $6 then clock_timestamp() else swept_at end, stage = $3 where playbook_id = $1",
        playbook_id,
        at.position,
        at.stage,
        at.after,
        at.settled,
        at.begins,
    )


async def keep_fault(connection: Connection, playbook_id: str, fault: str) -> None:
    """Keep why a watch cannot look."""
    await connection.execute("update watch set fault = $2 where playbook_id = $1", playbook_id, fault)


async def fault(source: Source, playbook_id: str) -> str:
    """Return why the watch of a playbook cannot look, empty while it can, or when there is none."""
    return await source.fetchval("select fault from watch where playbook_id = $1", playbook_id) or ""


async def stands(connection: Connection, playbook_id: str, accounts: Sequence[UUID]) -> dict[UUID, Stand]:
    """Return how a watch stands to these accounts, as far as it knows them."""
    rows = await connection.fetch(
        "select account_id, armed, episode, held_since from armed"
        " where playbook_id = $1 and account_id = any($2::uuid[])",
        playbook_id,
        accounts,
    )
    return {row["account_id"]: Stand(row["armed"], row["episode"], row["held_since"]) for row in rows}


async def keep_stands(connection: Connection, playbook_id: str, found: Mapping[UUID, Stand]) -> None:
    """Keep how a watch stands to these accounts."""
    stands_ = list(found.values())
    await connection.execute(
        "insert into armed (account_id, playbook_id, armed, episode, held_since)"
        " select s.account_id, $1, s.armed, s.episode, s.held_since"
        " from unnest($2::uuid[], $3::bool[], $4::int[], $5::timestamptz[])"
        " as s(account_id, armed, episode, held_since)"
        " on conflict (account_id, playbook_id) do update set armed = excluded.armed, episode = excluded.episode,"
        " held_since = excluded.held_since, changed_at = clock_timestamp()",
        playbook_id,
        list(found),
        [one.armed for one in stands_],
        [one.episode for one in stands_],
        [one.held_since for one in stands_],
    )


async def keep_held(connection: Connection, held: Sequence[Held]) -> None:
    """Note since when bands last; only what lasts needs a row."""
    await connection.execute(
        "insert into armed (account_id, playbook_id, held_since)"
        " select * from unnest($1::uuid[], $2::text[], $3::timestamptz[]) as h(account_id, playbook_id, since)"
        " where h.since is not null on conflict (account_id, playbook_id) do update"
        " set held_since = excluded.held_since, changed_at = clock_timestamp()",
        [one.account_id for one in held],
        [one.playbook_id for one in held],
        [one.since for one in held],
    )
    over = [one for one in held if one.since is None]
    await connection.execute(
        "update armed set held_since = null, changed_at = clock_timestamp() where held_since is not null"
        " and (account_id, playbook_id) in (select * from unnest($1::uuid[], $2::text[]))",
        [one.account_id for one in over],
        [one.playbook_id for one in over],
    )


async def lasted(source: Source, playbook_id: str, days: float, limit: int) -> list[UUID]:
    """Return accounts for which something has lasted for so many days by now, longest first."""
    rows = await source.fetch(
        "select account_id from armed where playbook_id = $1 and held_since is not null"
        # The clock stands still, so that the index is read as far as it has lasted and no further.
        " and held_since <= statement_timestamp() - make_interval(secs => $2::float8 * 86400)"
        " order by held_since limit $3",
        playbook_id,
        days,
        limit,
    )
    return [row["account_id"] for row in rows]


async def standing(source: Source, playbook_id: str, after: UUID | None, limit: int) -> list[UUID]:
    """Return the next accounts that a watch knows, in the order of their ids."""
    rows = await source.fetch(
        "select account_id from armed where playbook_id = $1 and ($2::uuid is null or account_id > $2)"
        " order by account_id limit $3",
        playbook_id,
        after,
        limit,
    )
    return [row["account_id"] for row in rows]


async def watch(source: Source, playbook_id: str) -> asyncpg.Record | None:
    """Return how far a watch has come, with the clock."""
    return await source.fetchrow(
        "select position, stage, after, settled, swept_at, begun_at, trigger_digest, clock_timestamp() as now"
        " from watch where playbook_id = $1",
        playbook_id,
    )
