"""Restates the past: each day's score as today's records and the active model tell it.

It never touches what was known on the day (snapshots) nor what was published (changes).
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from milepost_core.model import Band, ScoreModel
from milepost_core.transitions import BandState, advance_band
from milepost_runtime.database import Pool
from milepost_runtime.queue import Hints
from scoring_api import rescoring
from scoring_api.judging import Judged, is_gated, judge_batch, number
from scoring_api.lineup import LineUp, LineUps
from scoring_api.queries import restated
from scoring_api.queries.restated import Point
from scoring_api.queries.signals.measuring import Batch, Compiler, measure

# So many account-days are measured by one statement: enough to be quick, few enough to show progress.
PAIRS = 1000
LONGEST_DAYS = 1100
Progress = Callable[[int, int], None]


class SpanRefused(Exception):
    """These days cannot be restated; the text says why."""


@dataclass(frozen=True)
class Restated:
    """What a restatement did."""

    accounts: int
    points: int


@dataclass(frozen=True)
class Course:
    """The days of one account that are to be told, each with the moment it ends."""

    account_id: UUID
    model: ScoreModel
    days: Sequence[tuple[date, datetime]]


@dataclass(frozen=True)
class Restating:
    """The use case of telling the past anew."""

    pool: Pool = field(repr=False)
    hints: Hints = field(repr=False)
    lineups: LineUps = field(repr=False)
    compiler: Compiler = field(default_factory=Compiler, repr=False)

    async def restate(
        self, from_day: date, to_day: date, every_days: int = 1, progress: Progress | None = None
    ) -> Restated:
        """Restate every `every_days`-th day from `from_day` to `to_day` (both in) of every account.

        A day's moment is its end in the model's time zone, or now for today; a later day is left out, and so
        are days before an account's start. `progress` hears how many accounts of how many are done.
        Raises SpanRefused.
        """
        _refuse(from_day, to_day, every_days)
        async with self.pool.acquire() as connection:
            lineup = await self.lineups.now(connection)
            now: datetime = await connection.fetchval("select clock_timestamp()")
            moments = list(_moments(lineup, (from_day, to_day, every_days), now))
            known = await restated.accounts(connection, moments[-1][1]) if moments else []
        courses = [course for row in known if (course := _course(lineup, row, moments)).days]
        points = 0
        for done, group in _groups(courses):
            points += await self._restate_group(group)
            if progress is not None:
                progress(done, len(courses))
        self.hints.nudge(rescoring.LANE)
        return Restated(len(courses), points)

    async def _restate_group(self, group: Sequence[Course]) -> int:
        """Restate some accounts of one model, all their days, in one transaction."""
        model = group[0].model
        pairs = [(course.account_id, moment) for course in group for _, moment in course.days]
        batch = Batch([account for account, _ in pairs], [moment for _, moment in pairs])
        async with self.pool.acquire() as connection:
            readings, ages = await measure(connection, self.compiler.of(model), batch, restated=True)
            points = await asyncio.to_thread(lambda: list(_points(group, judge_batch(model, readings, ages))))
            async with connection.transaction():
                await restated.upsert(connection, (model.id, model.version), points)
                await restated.mark(connection, [course.account_id for course in group])
        return len(points)


def _moments(lineup: LineUp, span: tuple[date, date, int], now: datetime) -> Iterator[tuple[date, datetime]]:
    """Yield every `step`-th day of a span that has begun, with its end in the time zone of the model for everybody."""
    first, last, step = span
    zone = ZoneInfo(lineup.models[-1].timezone)
    for offset in range(0, (last - first).days + 1, step):
        day = first + timedelta(days=offset)
        begins = datetime.combine(day, time(0), zone).astimezone(now.tzinfo)
        if begins < now:
            ends = datetime.combine(day + timedelta(days=1), time(0), zone).astimezone(now.tzinfo)
            yield day, min(ends, now)


def _course(lineup: LineUp, row: asyncpg.Record, moments: Sequence[tuple[date, datetime]]) -> Course:
    own = lineup.judge_of(row["attributes"])
    return Course(row["account_id"], own, [one for one in moments if one[1] >= row["start_at"]])


def _refuse(from_day: date, to_day: date, every_days: int) -> None:
    if to_day < from_day:
        raise SpanRefused("the last day lies before the first")
    if every_days < 1:
        raise SpanRefused("every_days is 1 or more")
    if (to_day - from_day).days > LONGEST_DAYS:
        raise SpanRefused(f"at most {LONGEST_DAYS} days at a time")


def _groups(courses: Sequence[Course]) -> Iterator[tuple[int, list[Course]]]:
    """Yield groups of one model with about `PAIRS` account-days, and how many accounts are done with them."""
    group: list[Course] = []
    for place, course in enumerate(courses):
        group.append(course)
        last = place + 1 == len(courses)
        if last or courses[place + 1].model is not course.model or sum(len(one.days) for one in group) >= PAIRS:
            yield place + 1, group
            group = []


def _points(group: Sequence[Course], judged: Judged) -> Iterator[Point]:
    """Yield every day's point; bands follow one another day by day, as they would have live."""
    row = 0
    for course in group:
        state: BandState | None = None
        for day, moment in course.days:
            state, point = _point(course.account_id, (day, moment), judged, row, state)
            yield point
            row += 1


def _point(
    account: UUID, at: tuple[date, datetime], judged: Judged, row: int, state: BandState | None
) -> tuple[BandState, Point]:
    day, moment = at
    display = number(judged.scores.display[row])
    unknown = judged.scores.band_word(row) is Band.UNKNOWN
    after = advance_band(state, judged.model.bands, display, unknown, moment, is_gated(judged, row))
    band = Band.UNKNOWN if unknown or display is None else after.band
    return after, Point(account, day, moment, display, band.value)
