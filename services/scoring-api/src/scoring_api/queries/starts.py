"""Keeps since when accounts are known and when they started, from whatever order the feed is read in; it never commits.

The row of an account says what is known by now and from which moment on that has stood; what a reader of an earlier
moment has to find, the records tell (`signals.starting`).
"""

from collections.abc import Iterable
from uuid import UUID

from milepost_contracts.events import ACCOUNT_MERGED, BOOK_KEEPING, EVENT_RETRACTED, OWN_SOURCE
from milepost_runtime.database import Connection
from scoring_api.queries.ordering import said_at, said_last, sequence


def later_word(old: str, new: str) -> str:
    """Return the condition that `new` tells of an account's start, and that `old` does not or was told before it."""
    words = (f'({one}.started_told_at, {one}.started_sequence collate "C")' for one in (new, old))
    return f"({new}.started_at is not null and ({old}.started_at is null or {' > '.join(words)}))"


def _sooner(old: str, new: str) -> str:
    """Return the condition that no start is told and `new` saw the account first, or knew of the same moment sooner."""
    seen = (f"({one}.first_seen_at, {one}.start_settled_at)" for one in (new, old))
    return f"({old}.started_at is null and {new}.started_at is null and {' < '.join(seen)})"


def newer_start(old: str, new: str) -> str:
    """Return the assignments that bring `old` up to date: the newest word on the start, or the first thing seen."""
    newer = later_word(old, new)
    columns = ("started_at", "started_told_at", "started_sequence")
    words = {name: f"case when {newer} then {new}.{name} else {old}.{name} end" for name in columns}
    seen = f"least({old}.first_seen_at, {new}.first_seen_at)"
    words |= {"first_seen_at": seen, "start_at": f"coalesce({words['started_at']}, {seen})"}
    words |= {"named_at": f"least({old}.named_at, {new}.named_at)"}
    which = f"case when {newer} or {_sooner(old, new)} then {new}.start_settled_at else {old}.start_settled_at end"
    words |= {"start_settled_at": which}
    return ", ".join(f"{name} = {word}" for name, word in words.items())


# Of our own words these two speak of what was told before: an account is not seen by them.
_UNSEEN = (ACCOUNT_MERGED, EVENT_RETRACTED)
# A name leads to an account from when we knew it on; whatever else happened makes it known from when it happened.
_TOLD = """
  select e.*, greatest(e.occurred_at, e.recorded_at) as known_at,
    case when e.source = $4 then greatest(e.occurred_at, e.recorded_at) else e.occurred_at end as seen_at
  from ingest.event e where e.id > $1 and e.id <= $2 and not (e.type = any($3::text[]) and e.source = $4)
"""
_NEWEST = f"order by {said_last('t')}) filter (where t.type = 'account.started'))[1]"
_ACCOUNTS = f"""
insert into scoring.account as a (account_id, start_at, started_at, started_told_at, started_sequence, first_seen_at,
  start_settled_at, updated_at)
select t.account_id, coalesce((array_agg(t.occurred_at {_NEWEST}, min(t.seen_at)), (array_agg(t.occurred_at {_NEWEST},
  (array_agg({said_at("t")} {_NEWEST}, (array_agg({sequence("t")} {_NEWEST}, min(t.seen_at),
  coalesce((array_agg(t.known_at {_NEWEST}, (array_agg(t.known_at order by t.seen_at, t.known_at))[1]),
  clock_timestamp()
from ({_TOLD}) t group by t.account_id order by t.account_id
on conflict (account_id) do update set {newer_start("a", "excluded")}, updated_at = clock_timestamp()
where excluded.first_seen_at < a.first_seen_at or {later_word("a", "excluded")} or {_sooner("a", "excluded")}
returning a.account_id
"""  # noqa: S608 - constants of ours


async def upsert_accounts(connection: Connection, after: int, upto: int) -> list[UUID]:
    """Make every account of a range of the feed known; return those that are new or whose start moved.

    `account.started` wins over the first thing seen; of several the one that was said last counts.
    """
    rows = await connection.fetch(_ACCOUNTS, after, upto, list(_UNSEEN), OWN_SOURCE)
    return [row["account_id"] for row in rows]


async def note_names(connection: Connection, after: int, upto: int) -> None:
    """Keep since when our own book-keeping knows these accounts: seen they stay, whatever else is taken back."""
    await connection.execute(
        "update scoring.account a set named_at = n.at from"
        " (select account_id, min(greatest(occurred_at, recorded_at)) as at"
        " from ingest.event where id > $1 and id <= $2 and type = any($3::text[]) and source = $4"
        " group by account_id) n where a.account_id = n.account_id and (a.named_at is null or a.named_at > n.at)",
        after,
        upto,
        [one for one in BOOK_KEEPING if one not in _UNSEEN],
        OWN_SOURCE,
    )


# The start follows from what still counts, and where nothing does from all that was ever told: what stood here while
# the feed was read would depend on the order. What names the account is told by us and never taken back. What counted
# until it was superseded was the start for those who look at a moment before that.
_RESTART = f"""
with touched as materialized (
  select u.account_id from unnest($1::uuid[]) as u(account_id)
  where exists (select from scoring.record r where r.account_id = u.account_id and r.superseded_at is not null)
), told as materialized (
  select r.*, greatest(r.occurred_at, r.recorded_at) as known_at
  from touched join scoring.record r using (account_id) where r.source <> $2
), counted as (
  select a.account_id, s.occurred_at as started_at, {said_at("s")} as told_at, {sequence("s")} as sequence,
    coalesce(least(f.occurred_at, a.named_at), e.occurred_at) as seen_at,
    case when s.occurred_at is not null then s.known_at
      when f.occurred_at <= coalesce(a.named_at, 'infinity') then least(f.known_at,
        case when f.occurred_at = a.named_at then a.named_at end)
      else coalesce(a.named_at, 'infinity') end as known_at
  from touched t join scoring.account a using (account_id)
  left join lateral (select * from told r where r.account_id = t.account_id and r.superseded_at is null
    and r.type = 'account.started' order by {said_last("r")} limit 1) s on true
  left join lateral (select * from told r where r.account_id = t.account_id and r.superseded_at is null
    order by r.occurred_at, r.known_at limit 1) f on true
  left join lateral (select min(r.occurred_at) as occurred_at from told r where r.account_id = t.account_id) e on true
), settled as (
  select c.*, greatest(c.known_at, (select max(r.superseded_at) from told r where r.account_id = c.account_id
    and (r.type = 'account.started' or (c.started_at is null and r.occurred_at < c.seen_at)))) as settled_at
  from counted c
)
update scoring.account a set started_at = c.started_at, started_told_at = c.told_at, started_sequence = c.sequence,
  first_seen_at = c.seen_at, start_at = coalesce(c.started_at, c.seen_at), start_settled_at = c.settled_at
from settled c where a.account_id = c.account_id
  and (a.started_at, a.started_told_at, a.started_sequence, a.first_seen_at, a.start_at, a.start_settled_at)
    is distinct from
    (c.started_at, c.told_at, c.sequence, c.seen_at, coalesce(c.started_at, c.seen_at), c.settled_at)
returning a.account_id
"""  # noqa: S608 - names of ours


async def restart(connection: Connection, accounts: Iterable[UUID]) -> list[UUID]:
    """Find anew when these accounts started, as far as any word on them was superseded; return those that moved."""
    rows = await connection.fetch(_RESTART, list(accounts), OWN_SOURCE)
    return [row["account_id"] for row in rows]
