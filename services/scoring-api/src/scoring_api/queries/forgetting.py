"""Lets references lead nowhere and people be nobody, as the feed says; it never commits."""

from milepost_contracts.events import ACCOUNT_UNLINKED, OWN_SOURCE, PERSON_ERASED
from milepost_runtime.database import Connection
from scoring_api.queries import merges, unsaying
from scoring_api.queries.records import Span

_BLANKED = """
    (select coalesce(m.survivor_id, p.account_id) as account_id, e.event_id, e.actor, e.item, e.value_text,
        e.properties
    from ingest.event p left join scoring.merged_account m on m.account_id = p.account_id
    cross join lateral jsonb_array_elements_text(
        case when jsonb_typeof(p.properties -> 'event_ids') = 'array' then p.properties -> 'event_ids' else '[]' end
    ) as n(event_id) join ingest.event e on e.event_id = n.event_id
    where p.id > $1 and p.id <= $2 and p.type = $3 and p.source = $4)
"""


async def unlink(connection: Connection, span: Span) -> None:
    """Forget references that lead to no account any more, unless a later row of the feed says that they do.

    When it happened does not count: an older event may open an account under a name that was taken away since.
    """
    await connection.execute(
        "delete from scoring.account_reference r using ingest.event e where e.id > $1 and e.id <= $2"
        " and e.type = $3 and e.source = $4 and r.reference = e.value_text and r.told_by_id < e.id",
        *span,
        ACCOUNT_UNLINKED,
        OWN_SOURCE,
    )


async def forget(connection: Connection, span: Span) -> None:
    """Let records and attributes of forgotten people say what the feed still says of them."""
    gone = await unsaying.names(connection, _BLANKED, *span, PERSON_ERASED, OWN_SOURCE)
    if gone:
        await merges.hold(connection, span)
        await unsaying.unsay(connection, gone)
    await connection.execute(
        f"update scoring.record r set actor = e.actor, item = e.item, properties = e.properties,"  # noqa: S608 - constants of ours
        " value_text = case when r.type like 'stakeholder.%' then r.value_text else e.value_text end"
        f" from {_BLANKED} e where r.account_id = e.account_id and r.event_id = e.event_id",
        *span,
        PERSON_ERASED,
        OWN_SOURCE,
    )
    await connection.execute(
        f"with gone as (delete from scoring.attribute a using {_BLANKED} e where a.account_id = e.account_id"  # noqa: S608 - as above
        " and a.event_id = e.event_id and not e.properties ? a.name returning a.account_id, a.name)"
        " update scoring.account a set attributes = a.attributes - g.names"
        " from (select account_id, array_agg(name) as names from gone group by 1) g where g.account_id = a.account_id",
        *span,
        PERSON_ERASED,
        OWN_SOURCE,
    )
