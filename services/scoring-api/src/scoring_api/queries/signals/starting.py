"""When an account started, as it was known at the moment asked for; it never changes what is known.

The account's row holds the start as it is known by now, and from when on that has been so: only readers of an earlier
moment have to look at the records themselves.
"""

from milepost_contracts.events import OWN_SOURCE
from scoring_api.queries.ordering import said_last
from scoring_api.queries.signals.selecting import visible_by

# What people say through us speaks of an account that is known already: nobody is first seen by it.
_SEEN = f"r.account_id = b.account_id and r.source <> '{OWN_SOURCE}'"
_STARTED = (
    f"select r.occurred_at from scoring.record r where {_SEEN} and r.type = 'account.started'"  # noqa: S608 - names of ours
    f" and {visible_by('r')} order by {said_last('r')} limit 1"
)
_FIRST = f"select min(r.occurred_at) from scoring.record r where {_SEEN} and {visible_by('r')}"  # noqa: S608 - as above
_NAMED = "case when t.named_at <= least(b.as_of, b.known_at) then t.named_at end"
# Of an account of which nothing counts any more the first thing that was ever told still says that it is known.
_EVER = (
    f"select min(r.occurred_at) from scoring.record r where {_SEEN}"  # noqa: S608 - as above
    " and r.occurred_at <= b.as_of and r.recorded_at <= b.known_at"
)


def start_at() -> str:
    """Return the expression for the start of account `t` at the moment of `b`; null: nobody knew the account then.

    The newest visible word on the start counts, by when it was said; without one, the first thing that was seen.
    """
    return (
        "case when b.as_of >= t.start_at and b.known_at >= t.start_settled_at then t.start_at"
        f" else coalesce(({_STARTED}), least(({_FIRST}), {_NAMED}), ({_EVER})) end"
    )


def start_as_told(otherwise: str) -> str:
    """Return the same expression by the records alone; `otherwise` is the start if none of them tells one."""
    return f"coalesce(({_STARTED}), {otherwise}, ({_FIRST}), ({_EVER}))"
