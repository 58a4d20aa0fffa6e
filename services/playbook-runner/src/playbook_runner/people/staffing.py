"""Staffing: who can have a piece of work today, and in which hours they work; it gives nobody anything."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from zoneinfo import ZoneInfoNotFoundError

import asyncpg

from milepost_core.owning import ROLE, Colleague, Owner, find_owner
from milepost_core.schedules import Calendar
from milepost_core.worktime import Worktime
from milepost_runtime.database import Connection
from playbook_runner.people.calendars import Calendars
from playbook_runner.queries import colleagues as queries


@dataclass(frozen=True)
class Staff:
    """Everybody at one moment; `otherwise` has what nobody else can. Who is unknown works in UTC without holidays."""

    otherwise: str
    colleagues: Mapping[str, Colleague] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    minutes_a_day: Mapping[str, int] = field(default_factory=dict)

    def owner(self, chain: Sequence[str], account_owner: str | None) -> Owner:
        """Return whose the work is; never nobody's."""
        return find_owner(chain, account_owner, self.colleagues, self.otherwise)

    def worktime(self, owner: str) -> Worktime:
        """Return the hours in which somebody works."""
        return Worktime(self.calendars.get(owner, Calendar()))

    def loaded(self, owner: str, minutes: float) -> "Staff":
        """Return the same people after one got so much more work."""
        one = self.colleagues.get(owner)
        if one is None:
            return self
        return replace(self, colleagues={**self.colleagues, owner: replace(one, load=one.load + minutes)})


async def staff(connection: Connection, chains: Iterable[Sequence[str]], otherwise: str) -> Staff:
    """Return everybody as of now; loads are asked for only where a chain names a role."""
    rows = await queries.colleagues(connection)
    roles = sorted({word.removeprefix(ROLE) for chain in chains for word in chain if word.startswith(ROLE)})
    loads = {row["id"]: row["minutes"] for row in await queries.loads(connection, roles)} if roles else {}
    days = await queries.days_off(connection)
    calendars = Calendars.with_days((row["region"], row["day"]) for row in days)
    today = await queries.today(connection)
    known = {row["id"]: _colleague(row) for row in rows}
    return Staff(
        otherwise,
        {name: replace(one, load=loads.get(name, 0.0)) for name, one in known.items()},
        {row["id"]: _calendar(row, calendars, today) for row in rows},
        {row["id"]: row["minutes_a_day"] for row in rows},
    )


def _colleague(row: asyncpg.Record) -> Colleague:
    return Colleague(
        id=row["id"],
        email=row["email"],
        roles=tuple(row["roles"]),
        active=row["active"],
        away=row["away"],
        delegate=row["delegate_id"],
    )


def _calendar(row: asyncpg.Record, calendars: Calendars, today: date) -> Calendar:
    try:
        return calendars.of(row["zone"], row["region"], today)
    except (ZoneInfoNotFoundError, ValueError):
        return calendars.of("UTC", row["region"], today)
