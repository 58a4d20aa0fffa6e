"""Takes the names of forgotten people out of what was said of accounts; it never commits.

The feed names nobody who was forgotten. Who it was is seen one last time in our own records, before they are blanked:
what stands there and in the feed no more. Elsewhere the same name may be another person's, so only these accounts
are looked through; everywhere only where somebody who may says the name to us.

Snapshots lose the name as well, though nothing else is ever written over in them. Their `inputs_hash` stays what it
was: it speaks of the words that were there, and of a snapshot that lost some it cannot be computed anew.
"""

import re
from typing import NamedTuple
from uuid import UUID

from milepost_contracts.events import OWN_SOURCE
from milepost_runtime.database import Connection, Pool

ANYBODY = "erased:person"


class Name(NamedTuple):
    """A name that goes out of an account, and what stands in its place."""

    account_id: UUID
    name: str
    instead: str


# Who signs ($2: the name, $3: what stands in its place), and texts ($4: the name as a word of its own).
_SIGNS = "case when lower({0}) = lower($2) then $3 else {0} end"
_TEXT = "regexp_replace({0}, $4, $3, 'gi')"
_TABLES = {
    "override": (("author", "told_by", "ended_by"), ("reason", "ended_because")),
    "note": (("author", "told_by", "deleted_by"), ("text",)),
    "feedback": (("author", "told_by", "owner", "answered_by"), ("because", "answer")),
}
_WORD = _TEXT.format("(p.value #>> '{}')")
_OWN = f"""
update scoring.record set actor = {_SIGNS.format("actor")}, properties = (
  select coalesce(jsonb_object_agg(p.key,
    case when jsonb_typeof(p.value) = 'string' then to_jsonb({_WORD}) else p.value end), '{{}}')
  from jsonb_each(properties) as p)
where account_id = $1 and source = $5 and event_id like 'own:%'
"""  # noqa: S608 - constants of ours

_KEPT_OVERRIDE = f"""
case when jsonb_typeof(s.readings -> 'override') = 'object' then s.readings -> 'override' || jsonb_build_object(
  'author', {_SIGNS.format("(s.readings #>> '{override,author}')")},
  'reason', {_TEXT.format("(s.readings #>> '{override,reason}')")}) else s.readings -> 'override' end
"""
_KEPT_PLAN = f"""
case when jsonb_typeof(s.readings #> '{{plan,milestones}}') = 'array' then s.readings -> 'plan' || jsonb_build_object(
  'milestones', (select coalesce(jsonb_agg(m.one || jsonb_build_object(
      'label', {_TEXT.format("(m.one ->> 'label')")}, 'owner', {_TEXT.format("(m.one ->> 'owner')")})
      order by m.place), '[]')
    from jsonb_array_elements(s.readings #> '{{plan,milestones}}') with ordinality as m(one, place)))
  else s.readings -> 'plan' end
"""  # noqa: S608 - as above
# What an account that was merged away told of itself stays with it, though people's words have moved on.
_KEPT = f"""
with told as materialized (
  select s.account_id, s.as_of, {_KEPT_OVERRIDE} as override, {_KEPT_PLAN} as plan from scoring.snapshot s
  where s.account_id = $1 or s.account_id in (select account_id from scoring.merged_account where survivor_id = $1)
)
update scoring.snapshot s set readings = s.readings || jsonb_build_object('override', t.override, 'plan', t.plan)
from told t where s.account_id = t.account_id and s.as_of = t.as_of
  and (s.readings -> 'override' is distinct from t.override or s.readings -> 'plan' is distinct from t.plan)
"""  # noqa: S608 - constants of ours
# A score that somebody is computing from the old words is not written: its claim is lost, and it is computed again.
_LOST = (
    "update scoring.rescoring set fence = fence + 1, lease_until = null"
    " where account_id = $1 and lease_until is not null"
)


def _statement(table: str) -> str:
    signs, texts = _TABLES[table]
    sets = [f"{one} = {_SIGNS.format(one)}" for one in signs] + [f"{one} = {_TEXT.format(one)}" for one in texts]
    return f"update scoring.{table} set {', '.join(sets)} where account_id = $1"  # noqa: S608 - names of ours


def _naming() -> str:
    """Return the statement that finds the accounts of which a name ($1, $2: as a pattern) is said ($3: our source)."""
    parts = []
    for table, (signs, texts) in _TABLES.items():
        said = [f"lower({one}) = lower($1)" for one in signs] + [f"{one} ~* $2" for one in texts]
        parts.append(f"select account_id from scoring.{table} where {' or '.join(said)}")  # noqa: S608 - names of ours
    parts.append(
        "select account_id from scoring.record where source = $3 and event_id like 'own:%' and (lower(actor) ="
        " lower($1) or exists (select from jsonb_each(properties) as p where jsonb_typeof(p.value) = 'string'"
        " and (p.value #>> '{}') ~* $2))"
    )
    return " union ".join(parts) + " order by 1"


_NAMING = _naming()


async def names(connection: Connection, blanked: str, *arguments: object) -> list[Name]:
    """Return the names that our records still have and the feed has no more; `blanked` selects the feed's rows."""
    rows = await connection.fetch(
        "select distinct r.account_id, n.was, coalesce(n.now, $5) as now from scoring.record r"  # noqa: S608 - as above
        f" join {blanked} e on r.account_id = e.account_id and r.event_id = e.event_id"
        " cross join lateral (values (r.actor, e.actor), (r.item, e.item)) as n(was, now)"
        " where n.was <> '' and n.was is distinct from n.now order by 1, 2",
        *arguments,
        ANYBODY,
    )
    return [Name(row["account_id"], row["was"], row["now"]) for row in rows]


async def unsay(connection: Connection, gone: list[Name]) -> None:
    """Let nobody sign with these names, and no text speak of them, nor what was known of the account then.

    The rows of these accounts in `rescoring` are locked by whoever calls, in the order of the accounts.
    """
    rows = [(*one, _as_word(one.name)) for one in gone]
    await connection.executemany(_LOST, [(one.account_id,) for one in gone])
    for table in _TABLES:
        await connection.executemany(_statement(table), rows)
    await connection.executemany(_OWN, [(*row, OWN_SOURCE) for row in rows])
    await connection.executemany(_KEPT, rows)


async def accounts_naming(pool: Pool, name: str) -> list[UUID]:
    """Return the accounts of which something is signed with a name, or speaks of it as a word of its own."""
    rows = await pool.fetch(_NAMING, name, _as_word(name), OWN_SOURCE)
    return [row["account_id"] for row in rows]


def _as_word(name: str) -> str:
    """Return the pattern of a name that is no part of a longer word, of an address that is no part of a longer one."""
    literal = re.sub(r"([^\w])", r"\\\1", name)
    if "@" in name:
        return rf"(?<![[:alnum:]_.+-]){literal}(?![[:alnum:]_-]|\.[[:alnum:]])"
    return f"(?<![[:alnum:]_]){literal}(?![[:alnum:]_])"
