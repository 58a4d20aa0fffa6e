"""People: who works here, where they live in time, and on which days somebody else stands in; it gives nobody work."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from milepost_core.arbiter import OF_HOURS
from milepost_core.model.zones import is_zone
from milepost_runtime.database import Pool
from milepost_runtime.ids import new_id
from playbook_runner.actions.addresses import BadAddress, check_address
from playbook_runner.people.calendars import check_region
from playbook_runner.queries import lifting
from playbook_runner.queries import people as queries

log = structlog.get_logger()
LONGEST_ABSENCE_DAYS = 400
# The word by which messages wait for somebody's return.
AWAY = "away"


class PersonUnknown(Exception):
    """Nobody has that id."""


class PersonRefused(Exception):
    """What is said of a person cannot be; the message says why."""


class AbsenceUnknown(Exception):
    """There is no such absence."""


@dataclass(frozen=True)
class Known:
    """A person with the absences that are not over."""

    person: asyncpg.Record
    absences: Sequence[asyncpg.Record]


@dataclass(frozen=True)
class People:
    """The use cases around people and absences."""

    pool: Pool = field(repr=False)

    async def page(self, after: str | None, limit: int) -> list[Known]:
        """Return people by id, after one."""
        return await self._with_absences(await queries.page(self.pool, after, limit))

    async def one(self, person_id: str) -> Known:
        """Return a person. Raises PersonUnknown."""
        async with self.pool.acquire() as connection:
            row = (await queries.known(connection, [person_id])).get(person_id)
        if row is None:
            raise PersonUnknown(f"nobody here has the id {person_id}")
        return (await self._with_absences([row]))[0]

    async def put(self, person_id: str, said: Mapping[str, Any], by: str) -> tuple[Known, bool]:
        """Keep what is said of a person, new or known; return them, and whether they are new.

        Raises PersonRefused (no such zone, no address, an address of somebody else) and RegionUnknown.
        """
        if not is_zone(said["zone"]):
            raise PersonRefused(f"{said['zone'][:60]!r} is no zone: write UTC, or an area and a city: Europe/Berlin")
        check_region(said["region"])
        email = _address(said["email"])
        async with self.pool.acquire() as connection, connection.transaction():
            if email and said["active"] and await queries.email_taken(connection, person_id, email):
                raise PersonRefused("somebody else has that address")
            before = (await queries.known(connection, [person_id])).get(person_id)
            row, added = await queries.put(connection, person_id, {**said, "email": email})
        await self._ask_again(OF_HOURS | {AWAY}, email, before["email"] if before is not None else "")
        log.info("person_said", person=person_id, new=added, by=by)
        return (await self._with_absences([row]))[0], added

    async def away(self, person_id: str, since: date, until: date, delegate_id: str | None) -> asyncpg.Record:
        """Keep that somebody is away, first and last day included. Raises PersonUnknown, PersonRefused."""
        if not 0 <= (until - since).days <= LONGEST_ABSENCE_DAYS:
            raise PersonRefused(f"an absence ends after it begins, and lasts up to {LONGEST_ABSENCE_DAYS} days")
        if delegate_id == person_id:
            raise PersonRefused("nobody stands in for themselves")
        async with self.pool.acquire() as connection, connection.transaction():
            known = await queries.known(connection, [person_id, *([delegate_id] if delegate_id else [])])
            if person_id not in known:
                raise PersonUnknown(f"nobody here has the id {person_id}")
            if delegate_id and (delegate_id not in known or not known[delegate_id]["active"]):
                raise PersonRefused(f"nobody who works here has the id {delegate_id}")
            row = await queries.insert_absence(connection, new_id(), person_id, (since, until), delegate_id)
        if delegate_id:
            await self._ask_again({AWAY}, known[person_id]["email"])
        log.info("absence_said", person=person_id, days=(until - since).days + 1)
        return row

    async def back(self, absence_id: UUID) -> None:
        """Take an absence back; what waits for the return asks again. Raises AbsenceUnknown."""
        email = await queries.delete_absence(self.pool, absence_id)
        if email is None:
            raise AbsenceUnknown(f"there is no absence {absence_id}")
        await self._ask_again({AWAY}, email)

    async def _ask_again(self, codes: Collection[str], *emails: str) -> None:
        """Let messages that were put off by one of these words, and are for whoever has these mailboxes, ask again."""
        async with self.pool.acquire() as connection:
            await lifting.lift_spread(connection, codes, [email for email in emails if email])

    async def _with_absences(self, rows: Sequence[asyncpg.Record]) -> list[Known]:
        away: dict[str, list[asyncpg.Record]] = defaultdict(list)
        for row in await queries.absences(self.pool, [one["id"] for one in rows]) if rows else []:
            away[row["person_id"]].append(row)
        return [Known(row, away[row["id"]]) for row in rows]


def _address(text: str) -> str:
    if not text:
        return ""
    try:
        return check_address(text)
    except BadAddress as error:
        raise PersonRefused(str(error)) from None
