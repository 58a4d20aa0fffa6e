"""Policies: the company's word on how often and at which hours people are written to, version by version.

It decides about no message. A version never changes; an older one is put in force by saying it again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import asyncpg
import structlog

from milepost_core.arbiter import OF_HOURS, OF_POLICY, Fault, Policy, PolicyInvalid, document_of, parse_policy
from milepost_runtime.database import Pool
from playbook_runner.people.calendars import EVERYWHERE, RegionUnknown, check_region, named_days
from playbook_runner.queries import lifting
from playbook_runner.queries import policies as queries

log = structlog.get_logger()


class PolicyUnknown(Exception):
    """There is no such version."""


class HolidayUnknown(Exception):
    """The company has no day off of its own there; public ones are not ours to take back."""


@dataclass(frozen=True)
class DayOff:
    """A day on which nobody works in a region; `own`: it is the company's word and not a public holiday."""

    region: str
    day: date
    name: str
    own: bool


@dataclass(frozen=True)
class Policies:
    """The use cases around the policy and days off."""

    pool: Pool = field(repr=False)

    async def say(self, document: Mapping[str, Any], author: str) -> asyncpg.Record:
        """Put a policy in force from the next message on; what waits by the word of the old one asks again.

        Raises PolicyInvalid.
        """
        policy = parse_policy(document)
        try:
            check_region(policy.region)
        except RegionUnknown as error:
            raise PolicyInvalid([Fault(("region",), str(error))]) from None
        async with self.pool.acquire() as connection, connection.transaction():
            row = await queries.insert(connection, document_of(policy), author)
        lifted = await self._lift(OF_POLICY)
        log.info("policy_said", version=row["version"], author=author, asking_again=lifted)
        return row

    async def _lift(self, codes: Collection[str]) -> int:
        # After the commit, so that whoever asks again is answered by the new word.
        async with self.pool.acquire() as connection:
            return await lifting.lift_spread(connection, codes)

    async def in_force(self) -> Mapping[str, Any]:
        """Return version (0: nobody has said any, so the default counts), document, author and moment."""
        row = await queries.newest(self.pool)
        if row is None:
            return {"version": 0, "document": document_of(Policy()), "author": "", "created_at": None}
        return dict(row)

    async def version(self, number: int) -> asyncpg.Record:
        """Return one version. Raises PolicyUnknown."""
        row = await queries.version(self.pool, number)
        if row is None:
            raise PolicyUnknown(f"there is no version {number} of the policy")
        return row

    async def versions(self, before: int | None, limit: int) -> list[asyncpg.Record]:
        """Return versions, newest first."""
        return await queries.page(self.pool, before, limit)

    async def days_off(self, region: str, year: int) -> list[DayOff]:
        """Return every day of a year on which nobody works in a region, in their order. Raises RegionUnknown."""
        check_region(region)
        wanted = sorted({EVERYWHERE, region.partition("-")[0], region})
        own = await queries.holidays(self.pool, wanted, date(year, 1, 1), date(year, 12, 31))
        days = [DayOff(row["region"], row["day"], row["name"], True) for row in own]
        public = [DayOff(region, day, name, False) for day, name in named_days(region, year).items()]
        return sorted(days + public, key=lambda one: (one.day, one.own, one.region))

    async def add_day(self, region: str, day: date, name: str) -> DayOff:
        """Let nobody work on a day in a region (empty: everywhere). Raises RegionUnknown."""
        check_region(region)
        await queries.put_holiday(self.pool, region, day, name)
        return DayOff(region, day, name, True)

    async def drop_day(self, region: str, day: date) -> None:
        """Take such a day back; what waits for it to be over asks again. Raises HolidayUnknown."""
        if not await queries.delete_holiday(self.pool, region, day):
            raise HolidayUnknown(f"{day} is no day off of the company's own in {region or 'every region'}")
        await self._lift(OF_HOURS)
