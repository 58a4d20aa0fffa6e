"""When an account has to be looked at again although nobody says anything about it; it schedules nothing."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from scoring_api.judging import Verdict

# Midnight comes for every account at once: each takes its turn within this many seconds after it.
SPREAD_S = 900


def turns_at(one: Verdict, fact: Mapping[str, Any], look_again: timedelta) -> datetime:
    """Return the next moment at which the score could change by itself, or be looked at anyway."""
    model = one.judged.model
    zone, bands = ZoneInfo(model.timezone), model.bands
    tomorrow = one.as_of.astimezone(zone).date() + timedelta(days=1)
    midnight = datetime.combine(tomorrow, time(0), zone) + timedelta(seconds=fact["account_id"].int % SPREAD_S)
    turns = [one.as_of + look_again, midnight.astimezone(one.as_of.tzinfo)]
    if fact["turns_at"] is not None:
        turns.append(fact["turns_at"] + timedelta(milliseconds=1))
    if fact["override_until"] is not None:
        turns.append(fact["override_until"])
    if one.state.since is not None:
        dwell = bands.dwell_up_days if one.state.direction == "up" else bands.dwell_down_days
        turns.append(one.state.since + timedelta(days=dwell))
    return max(min(turns), one.as_of + timedelta(seconds=1))
