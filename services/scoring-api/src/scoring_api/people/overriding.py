"""Overriding a score by a person's word: signed, with a reason and an end; the computed score stays as it is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg

from milepost_core.model import Band
from milepost_core.overrides import MAX_OVERRIDE_LIFE, Override, OverrideRefused, refuse_override
from milepost_runtime.ids import new_id
from scoring_api.answers.reading import SpanRefused
from scoring_api.people.people_views import (
    AccountName,
    AccountOverrides,
    EndRequest,
    Outcome,
    Outcomes,
    OverrideMonth,
    OverridePage,
    OverrideRequest,
    OverrideRow,
    OverrideStatistics,
    OverrideView,
)
from scoring_api.people.speaking import Held, Speaker, Speaking, WordRefused, WordUnknown, end_of
from scoring_api.queries import overrides as queries
from scoring_api.queries import people

HISTORY = 200
REVIEWED = timedelta(days=92)
LONGEST_REVIEW = timedelta(days=740)
NO_REASON = "ended by hand"


@dataclass(frozen=True)
class Overriding:
    """The use cases of overrides."""

    speaking: Speaking = field(repr=False)

    async def begin(self, asked: str, wanted: OverrideRequest, speaker: Speaker) -> OverrideView:
        """Keep an override from now on; one that is in force ends, replaced. Raises AccountUnknown, WordRefused."""
        async with self.speaking.moving(asked, speaker) as held:
            override = _read(wanted, speaker, held.now)
            before = await queries.since(held.connection, held.account_id, held.now - MAX_OVERRIDE_LIFE)
            _check(override, [_as_ended(one, held.now) for one in before])
            await queries.end(held.connection, held.account_id, held.now, speaker.author, queries.REPLACED)
            await queries.insert(held.connection, _row(held, override, speaker))
            kept = await queries.of_account(held.connection, held.account_id, 1)
        return OverrideView.model_validate(dict(kept[0]))

    async def end(self, asked: str, wanted: EndRequest, speaker: Speaker) -> None:
        """End the override in force. Raises AccountUnknown, and WordUnknown when none is in force."""
        async with self.speaking.moving(asked, speaker) as held:
            because = wanted.reason or NO_REASON
            if not await queries.end(held.connection, held.account_id, held.now, speaker.author, because):
                raise WordUnknown("override", "in force")

    async def of_account(self, asked: str) -> AccountOverrides:
        """Return the override in force and all there were. Raises AccountUnknown."""
        account = await self.speaking.account(asked)
        rows = await queries.of_account(self.speaking.pool, account, HISTORY)
        history = tuple(OverrideView.model_validate(dict(row)) for row in rows)
        current = next((one for one in history if one.state == "active"), None)
        return AccountOverrides(account_id=account, current=current, history=history)

    async def page(self, active: bool | None, cursor: str | None, limit: int) -> OverridePage:
        """Return overrides of all accounts, the newest first. Raises CursorBroken."""
        after = self.speaking.place("overrides", active, cursor)
        found = await queries.listed(self.speaking.pool, active, after, limit + 1)
        rows, more = self.speaking.cut("overrides", active, found, limit)
        return OverridePage(data=tuple(_listed(row) for row in rows), next_cursor=more)

    async def statistics(self, start: datetime | None, end: datetime | None) -> OverrideStatistics:
        """Return the figures of the review, of the last three months when nothing is said. Raises SpanRefused."""
        async with self.speaking.pool.acquire() as connection:
            until = end or await people.now(connection)
            since = start or until - REVIEWED
            if since >= until or until - since > LONGEST_REVIEW:
                raise SpanRefused(f"from must be before to, and at most {LONGEST_REVIEW.days} days before it")
            months = await queries.months(connection, since, until)
            groups = {row["name"]: row for row in await queries.outcomes(connection, since, until)}
        return OverrideStatistics(
            start=since,
            end=until,
            months=tuple(OverrideMonth(**row, share=_share(row["overridden"], row["accounts"])) for row in months),
            outcomes=Outcomes(**{name: _outcome(groups.get(name)) for name in Outcomes.model_fields}),
        )


def _read(wanted: OverrideRequest, speaker: Speaker, now: datetime) -> Override:
    band = None if wanted.band is None else Band(wanted.band)
    ends = end_of(now, wanted.expires_at, wanted.days, None)
    return Override(band, wanted.score, wanted.reason, speaker.author, now, ends)


def _as_ended(last: asyncpg.Record, now: datetime) -> Override:
    """An earlier override with its real end; one that is in force ends as the next one begins."""
    band = None if last["band"] is None else Band(last["band"])
    ends = min(last["ends_at"], now)
    return Override(band, last["score"], last["reason"], last["author"], last["created_at"], ends)


def _check(override: Override, before: Sequence[Override]) -> None:
    try:
        refuse_override(override, before)
    except OverrideRefused as error:
        raise WordRefused(error.part, "override_refused", str(error)) from None


def _row(held: Held, override: Override, speaker: Speaker) -> tuple[object, ...]:
    return (
        held.account_id,
        new_id(),
        None if override.band is None else override.band.value,
        override.score,
        override.reason,
        override.author,
        speaker.told_by,
        override.created_at,
        override.expires_at,
    )


def _listed(row: asyncpg.Record) -> OverrideRow:
    fields = dict(row)
    name = fields.pop("name")
    return OverrideRow(
        account=AccountName(id=row["account_id"], name=name), override=OverrideView.model_validate(fields)
    )


def _outcome(row: asyncpg.Record | None) -> Outcome:
    accounts, churned, renewed = (row["accounts"], row["churned"], row["renewed"]) if row else (0, 0, 0)
    return Outcome(
        accounts=accounts,
        churned=churned,
        renewed=renewed,
        neither=accounts - churned - renewed,
        churned_share=_share(churned, accounts),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
