"""The same measurement without what people have said through us since a moment; it measures nothing itself."""

from dataclasses import replace
from datetime import datetime

from milepost_contracts.events import OWN_SOURCE
from milepost_core.events import PERSON_TYPES
from scoring_api.queries.signals.sheet import FIXED_PARAMETERS
from scoring_api.queries.signals.statement import VISIBLE, Compiled
from scoring_api.queries.signals.states import FOUND

_BY_TYPE = ", ".join(f"'{name}'" for name in sorted(PERSON_TYPES))
# Told through us, or through whatever system a person gave a pulse in; what we found ourselves nobody said.
BY_PEOPLE = f"(r.source = '{OWN_SOURCE}' and not starts_with(r.event_id, '{FOUND}') or r.type in ({_BY_TYPE}))"


def without_people(compiled: Compiled, since: datetime) -> Compiled:
    """Return a statement to which words of people stand as they stood at `since`, whatever became of them later.

    A word told later is not there, one taken back later still counts, and one that ran out later has not run out.
    """
    place = f"${FIXED_PARAMETERS + len(compiled.arguments) + 1}::timestamptz"
    standing = (
        "r.account_id = b.account_id and r.occurred_at <= b.as_of"
        f" and r.recorded_at <= least(b.known_at, {place})"
        f" and (r.superseded_at is null or r.superseded_at > least(b.known_at, {place}))"
        f" and (r.expires_at is null or r.expires_at > least(b.as_of, {place}))"
    )
    visible = f"(case when {BY_PEOPLE} then {standing} else {VISIBLE} end and r.account_id = b.account_id)"
    return replace(compiled, sql=compiled.sql.replace(VISIBLE, visible), arguments=(*compiled.arguments, since))
