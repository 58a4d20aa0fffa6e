"""Recounting an account's scores over a stretch of time, with what marks it and where it heads; it writes nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

import asyncpg

from milepost_contracts.health import ModelRef
from milepost_core.trends import level_breaks, noise_band, smoothed, theil_sen, trend
from milepost_runtime.database import Pool
from scoring_api.history_views import Course, History, HistoryPoint, Marker, SmoothedPoint
from scoring_api.queries import past
from scoring_api.queries import reading as queries
from scoring_api.reading import Reading, SpanRefused, as_reference, as_uuid

LONGEST = timedelta(days=400)
USUAL = timedelta(days=90)
HALF_LIFE_DAYS = 7.0
DAY = 86400.0


@dataclass(frozen=True)
class Recounting:
    """The use case of an account's history."""

    pool: Pool = field(repr=False)
    reading: Reading

    async def history(self, asked: str, start: datetime | None, end: datetime | None) -> History:
        """Return the last score of each day from `start` to `end` (default: the last 90 days), known and restated.

        Raises AccountUnknown, NotScoredYet, SpanRefused.
        """
        found = await queries.account(self.pool, as_uuid(asked), as_reference(asked))
        if found is None:
            raise await self.reading.absent(asked)
        account = found["account_id"]
        if await past.first_moment(self.pool, account) is None:
            raise await self.reading.absent(asked)
        until = end or await queries.now(self.pool)
        since = start or until - USUAL
        if since > until or until - since > LONGEST:
            raise SpanRefused(f"from must be before to, and at most {LONGEST.days} days before it")
        known = _points(await queries.known_days(self.pool, [account], since, until), since, until)
        restated = _points(await queries.restated_days(self.pool, [account], since, until), since, until)
        return History(
            account_id=account,
            start=since,
            end=until,
            known=known,
            restated=restated,
            markers=_in_order([*await self.markers(account, since, until), *_levels(known)]),
            course=course_of(known),
            smoothed=smoothed_of(known),
        )

    async def markers(self, account: UUID, start: datetime, end: datetime) -> tuple[Marker, ...]:
        """Return what marks a stretch of time, oldest first: who judged, what people said, what was reached."""
        scores = await past.judges(self.pool, account, start, end)
        said = [_word(row) for row in await past.words(self.pool, account, start, end)]
        return _in_order([*_switches(scores), *said])


def _in_order(found: Sequence[Marker]) -> tuple[Marker, ...]:
    return tuple(sorted(found, key=lambda one: (one.at, one.kind, one.subject or "")))


def course_of(known: Sequence[HistoryPoint]) -> Course | None:
    """Return where the known scores head; None without any."""
    if not known:
        return None
    days, values = _series(known)
    weekly = _weekly(days, values)
    level = smoothed(days, values, HALF_LIFE_DAYS)
    weeks, points = [week for week, _ in weekly], [score for _, score in weekly]
    return Course(
        word=trend([7.0 * week for week in weeks], points).value,
        noise=round(noise_band(points), 1),
        change=round(level[-1] - level[0], 1) if len(level) > 1 else None,
        slope_per_week=round(theil_sen(weeks, points), 2) if len(points) > 2 else None,
    )


def smoothed_of(known: Sequence[HistoryPoint]) -> tuple[SmoothedPoint, ...]:
    """Return the smoothed line, a point for each known one."""
    days, values = _series(known)
    level = smoothed(days, values, HALF_LIFE_DAYS)
    return tuple(SmoothedPoint(as_of=one.as_of, score=round(score, 2)) for one, score in zip(known, level, strict=True))


def _series(known: Sequence[HistoryPoint]) -> tuple[list[float], list[float]]:
    first = known[0].as_of if known else None
    days = [(one.as_of - first).total_seconds() / DAY for one in known if first is not None]
    return days, [one.score for one in known]


def _weekly(days: Sequence[float], values: Sequence[float]) -> list[tuple[float, float]]:
    """The score as it stood at each whole week before the newest, and at the newest; weeks count from the oldest."""
    span = int((days[-1] - days[0]) // 7)
    marks = [days[-1] - 7.0 * back for back in range(span, -1, -1)]
    found = []
    for week, mark in enumerate(marks):
        standing = [value for day, value in zip(days, values, strict=True) if day <= mark + 1e-9]
        found.append((float(week), standing[-1]))
    return found


def _levels(known: Sequence[HistoryPoint]) -> Iterator[Marker]:
    """Where the weekly scores went over to another level."""
    if not known:
        return
    days, values = _series(known)
    weekly = _weekly(days, values)
    first_mark = days[-1] - 7.0 * (len(weekly) - 1)
    for found in level_breaks([score for _, score in weekly]):
        at = known[0].as_of + timedelta(days=first_mark + 7.0 * found.week)
        word = "lower" if found.direction == "down" else "higher"
        yield Marker(at=at, kind="level", label=f"The score runs at a {word} level")


def _switches(scores: Sequence[asyncpg.Record]) -> Iterator[Marker]:
    """Where another model or version began to judge."""
    for before, after in pairwise(scores):
        was, now = (f"{one['model_id']} {one['model_version']}" for one in (before, after))
        if was != now:
            label = f"Judged by {now.replace(' ', ' version ')} instead of {was.replace(' ', ' version ')}"
            yield Marker(at=after["as_of"], kind="model", label=label, subject=now.replace(" ", "@"))


def _word(row: asyncpg.Record) -> Marker:
    label = {
        "override_began": f"Override by {row['who']}",
        "override_ended": f"Override by {row['who']} ended",
        "milestone": f"Reached: {row['what']}",
        "note": f"Note by {row['who']}",
    }[row["kind"]]
    return Marker(at=row["at"], kind=row["kind"], label=label, subject=row["subject"])


def _points(rows: Sequence[asyncpg.Record], since: datetime, until: datetime) -> tuple[HistoryPoint, ...]:
    return tuple(
        HistoryPoint(
            as_of=row["as_of"],
            score=row["score"],
            band=row["effective_band"],
            plain_band=row["band"],
            model=ModelRef(id=row["model_id"], version=row["model_version"]),
        )
        for row in rows
        if row["score"] is not None and since <= row["as_of"] <= until
    )
