"""Statements behind the arbiter: locks, what stands against messages, whose attention was taken; it decides nothing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from milepost_core.arbiter import RIVALS_AHEAD
from milepost_runtime.database import Connection


@dataclass(frozen=True)
class Subject:
    """Who a message is about and for, as statements look for it; `address` is lower-case and plain."""

    key: bytes
    account_id: UUID
    playbook_id: str
    person: bytes
    address: str
    priority: int


@dataclass(frozen=True)
class Reach:
    """How far back and ahead a policy looks: touches, calls that are over, escalations (0 days: for ever)."""

    touch_days: float
    after_call_hours: float
    escalation_days: float


@dataclass(frozen=True)
class Took:
    """Attention that is about to be taken."""

    account_id: UUID
    key: bytes
    person: bytes
    channel: str
    transactional: bool
    colleague: bool


async def frame(connection: Connection, now: datetime | None) -> asyncpg.Record:
    """Return the moment (None: the store's clock), the newest policy (null: nobody has said any), and days off."""
    row = await connection.fetchrow(
        "select c.now, p.version, p.document, coalesce((select jsonb_agg(jsonb_build_array(h.region, h.day))"
        " from holiday h where h.day between c.now::date - 400 and c.now::date + 400), '[]') as days"
        " from (select coalesce($1::timestamptz, clock_timestamp()) as now) c left join lateral"
        " (select version, document from policy order by version desc limit 1) p on true",
        now,
    )
    assert row is not None, "a row of constants"
    return row


async def lock(connection: Connection, keys: Sequence[int], colleagues: Sequence[int]) -> None:
    """Wait until nobody else decides about these people and accounts, then keep them until the transaction ends.

    What goes to `colleagues` is decided at the same time, unless the policy counts that as well. Keys are taken in one
    order by everybody, so that no two can wait for each other.
    """
    await connection.execute(
        "select case when k.shared and not coalesce((select document->'caps' @> '[{\"of\": \"colleague\"}]' from policy"
        " order by version desc limit 1), false) then pg_advisory_xact_lock_shared(k.key)::text"
        " else pg_advisory_xact_lock(k.key)::text end from (select key, bool_and(shared) as shared from"
        " (select unnest($1::bigint[]) as key, false as shared union all select unnest($2::bigint[]), true) told"
        " group by key order by key) k",
        keys,
        colleagues,
    )


async def lock_accounts(connection: Connection, accounts: Collection[UUID]) -> None:
    """Wait until nobody decides about messages to anybody at these accounts, then keep it so, as `lock` does."""
    await lock(connection, sorted(lock_of(account.bytes) for account in accounts), [])


def lock_of(digest: bytes) -> int:
    """Return the number under which the store locks a person or an account."""
    return int.from_bytes(digest[-8:], signed=True)


async def standings(
    connection: Connection, subjects: Sequence[Subject], now: datetime, reach: Reach
) -> list[asyncpg.Record]:
    """Return what is known about the recipient and the account of each message, in their order."""
    rows: list[asyncpg.Record] = await connection.fetch(
        _STANDINGS,
        [one.key for one in subjects],
        [one.account_id for one in subjects],
        [one.playbook_id for one in subjects],
        [one.person for one in subjects],
        [one.address for one in subjects],
        [one.priority for one in subjects],
        now,
        reach.touch_days,
        reach.after_call_hours,
        reach.escalation_days,
        RIVALS_AHEAD,
    )
    return rows


_OBJECTIONS = (
    "select coalesce(jsonb_agg(jsonb_build_object('kind', s.kind, 'of_person', s.person is not null, 'reason',"
    " s.reason, 'until', s.until)), '[]') from suppression s where"
    " (s.person = a.person and (s.account_id is null or s.account_id = a.account_id)"
    " or s.person is null and s.account_id = a.account_id) and s.since <= c.now"
    " and (s.until is null or s.until > c.now) and (s.ended_at is null or s.ended_at > c.now)"
)
# Some try of an effect `e` may have arrived, whatever was made of it afterwards.
_UNCLEAR = (
    "exists (select from attempt x where x.effect_key = e.key and x.account_id = e.account_id"
    " and x.outcome = 'unknown')"
)
# The one word on what uses up a cap, for touches `t`. What is under way, in doubt, parked or done has taken somebody's
# attention; what waits again, was refused, suppressed or called off has not, unless a try of it may have arrived.
COUNTS = (
    "not t.transactional and not exists (select from effect e where e.key = t.effect_key"
    " and e.account_id = t.account_id and e.state in ('ready', 'suppressed', 'failed_permanent', 'cancelled')"
    f" and not {_UNCLEAR})"
)
_TOUCHES = (
    "select coalesce(jsonb_agg(jsonb_build_array("  # noqa: S608 - a constant of the code
    "encode(t.person, 'hex'), t.at, t.channel, t.colleague)), '[]')"
    " from touch t where (t.account_id = a.account_id or t.person = a.person) and t.effect_key <> a.key"
    f" and t.at > c.now - make_interval(secs => $8::float8 * 86400) and t.at <= c.now and {COUNTS}"
)
# The one word on who waits for a turn, for effects `e`: what may have arrived holds its place as a touch, and what a
# pause holds back takes nobody's turn.
WAITS = (
    f"e.state = 'ready' and not e.transactional and not {_UNCLEAR}"
    " and not exists (select from run r join playbook p on p.id = r.playbook_id and p.state = 'paused'"
    " where r.id = e.run_id and r.account_id = e.account_id)"
)
# An effect `e` goes to one of us.
TO_US = (
    "(e.channel = 'slack' or exists (select from touch t where t.account_id = e.account_id and t.effect_key = e.key"
    " and t.colleague) or exists (select from person p where p.active and lower(p.email) = lower(e.recipient)))"
)
# Those of the batch itself are the law's.
_RIVALS = (
    "select coalesce(jsonb_agg(jsonb_build_array("  # noqa: S608 - constants of the code
    f"e.recipient, e.channel, e.priority, {TO_US})), '[]') from effect e"
    f" where e.account_id = a.account_id and {WAITS} and e.next_at <= c.now + $11::interval"
    " and e.priority > a.priority and e.key <> all($1)"
)
_MATTERS = (
    "select bool_or(m.kind = 'escalation' and ($10::float8 = 0"
    " or m.opened_at > c.now - make_interval(secs => $10::float8 * 86400))) as escalated,"
    " min(m.starts_at) filter (where m.kind = 'call'"
    " and m.starts_at + make_interval(secs => $9::float8 * 3600) > c.now)"
    " as call_at from matter m where m.account_id = a.account_id"
    " and m.opened_at > coalesce(m.closed_at, '-infinity')"
)
_PERSON = (
    "select p.zone, p.region, p.id, (select (max(x.until) + 1)::timestamp at time zone p.zone from absence x"
    " where x.person_id = p.id and (c.now at time zone p.zone)::date between x.since and x.until) as away_until"
    " from person p where lower(p.email) = a.address and p.active order by p.id limit 1"
)
_STANDINGS = (
    f"select ({_OBJECTIONS}) as objections, ({_TOUCHES}) as touches, ({_RIVALS}) as rivals,"  # noqa: S608 - constants of the code
    " coalesce((select t.colleague from touch t where t.account_id = a.account_id and t.effect_key = a.key), false)"
    " as ours, coalesce(m.escalated, false) as escalated, m.call_at, p.zone, p.region, p.id as person_id, p.away_until,"
    " exists (select from assignment x where x.account_id = a.account_id and x.playbook_id = a.playbook_id"
    " and x.arm = 'holdout') as holdout"
    " from unnest($1::bytea[], $2::uuid[], $3::text[], $4::bytea[], $5::text[], $6::int[]) with ordinality"
    " as a(key, account_id, playbook_id, person, address, priority, place)"
    " cross join (select $7::timestamptz as now) c"
    f" left join lateral ({_MATTERS}) m on true left join lateral ({_PERSON}) p on true order by a.place"
)


async def take(connection: Connection, taken: Sequence[Took]) -> None:
    """Write down whose attention is taken from now on; a message that tries again takes it again."""
    await connection.execute(
        "insert into touch (account_id, effect_key, person, channel, transactional, colleague)"
        " select * from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::text[], $5::bool[], $6::bool[])"
        " on conflict (account_id, effect_key) do update set person = excluded.person, at = clock_timestamp()",
        [one.account_id for one in taken],
        [one.key for one in taken],
        [one.person for one in taken],
        [one.channel for one in taken],
        [one.transactional for one in taken],
        [one.colleague for one in taken],
    )
