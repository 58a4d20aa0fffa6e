"""Places: by whose clocks and days off a customer lives: the account's own, else the company's; it asks for no account.

Waits, dates and the arbiter go by the same place: this is where it is found.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg

from milepost_core.arbiter import Policy, parse_policy
from milepost_core.model.zones import is_zone
from milepost_core.schedules import Calendar
from playbook_runner.people.calendars import Calendars, is_known

ZONE: Final = "attribute.timezone"
REGION: Final = "attribute.region"
"""What an account says of itself."""
_WITHOUT: Final = Calendars()


@dataclass(frozen=True)
class Places:
    """The policy in force and the days off, as they hold for every place."""

    policy: Policy = field(default_factory=Policy)
    calendars: Calendars = field(default_factory=Calendars)

    def home(self, zone: str, region: str, around: date) -> Calendar:
        """Return the calendar of a customer who says to live there; what is empty or nobody knows is the policy's."""
        country = region.strip().upper().partition("-")[0]
        return self.of(zone, region if is_known(country) else self.policy.region, around)

    def of(self, zone: str, region: str, around: date) -> Calendar:
        """Return the calendar of a place, with the policy's working days; without holidays if it minds none."""
        if not self.policy.holidays:
            return _WITHOUT.of(self.zone(zone).key, "", around, self.policy.workdays)
        return self.calendars.of(self.zone(zone).key, region, around, self.policy.workdays)

    def zone(self, name: str) -> ZoneInfo:
        """Return the zone of that name, or the policy's for what is none."""
        return ZoneInfo(name if is_zone(name) else self.policy.zone)


def read_places(frame: asyncpg.Record, policy: Policy | None = None) -> Places:
    """Return the places of a row of `queries.arbiter.frame`, reading its policy unless somebody has."""
    if policy is None:
        policy = Policy() if frame["version"] is None else parse_policy(frame["document"])
    return Places(policy, Calendars.with_days((region, date.fromisoformat(day)) for region, day in frame["days"]))
