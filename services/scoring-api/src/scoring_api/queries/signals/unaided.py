"""The same measurement without what people have said through us since a moment; it measures nothing itself."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from milepost_contracts.events import OWN_SOURCE
from scoring_api.queries.signals.sheet import FIXED_PARAMETERS
from scoring_api.queries.signals.statement import VISIBLE, Compiled
from scoring_api.queries.signals.states import FOUND


def without_people(compiled: Compiled, since: datetime) -> Compiled:
    """Return a statement to which records of people count only if they were told by `since`."""
    place = FIXED_PARAMETERS + len(compiled.arguments) + 1
    by_people = f"r.source = '{OWN_SOURCE}' and not starts_with(r.event_id, '{FOUND}')"
    said_since = f"{by_people} and r.recorded_at > ${place}::timestamptz"
    arguments: Sequence[Any] = (*compiled.arguments, since)
    return replace(
        compiled, sql=compiled.sql.replace(VISIBLE, f"{VISIBLE} and not ({said_since})"), arguments=tuple(arguments)
    )
