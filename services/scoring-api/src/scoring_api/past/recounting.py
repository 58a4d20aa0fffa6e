"""Recounting an account's scores over a stretch of time, with what marks it and where it heads; it writes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import asyncpg

from milepost_contracts.health import ModelRef
from milepost_core.trends import level_breaks, noise_band, smoothed, theil_sen
from milepost_runtime.database import Connection, Pool
from scoring_api.answers.reading import Reading, SpanRefused, as_reference, as_uuid
from scoring_api.past.history_views import Course, History, HistoryPoint, Marker, RestatedBy, SmoothedPoint
from scoring_api.past.recalling import FutureMoment, VersionUnknown
from scoring_api.queries import past, standings
from scoring_api.queries import reading as queries
from scoring_api.scores.documenting import trend_of

LONGEST = timedelta(days=400)
USUAL = timedelta(days=90)
HALF_LIFE_DAYS = 7.0
DAY = 86400.0
# Nothing is known of any time before.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Recounting:
    """The use case of an account's history."""

    pool: Pool = field(repr=False)
    reading: Reading

    async def history(
        self, asked: str, start: datetime | None, end: datetime | None, model: str | None = None
    ) -> History:
        """Return the last score of each day from `start` to `end` (default: the last 90 days), known and restated.

        `model` is `<id>@<version>`, whose restated points are wanted; None: those of the model in charge.
        Raises AccountUnknown, NotScoredYet, FutureMoment, SpanRefused, VersionUnknown.
        """
        async with self.pool.acquire() as connection:
            found = await queries.account(connection, as_uuid(asked), as_reference(asked))
            if found is None:
                raise await self.reading.absent(asked)
            account = found["account_id"]
            if await past.first_moment(connection, account) is None:
                raise await self.reading.absent(asked)
            since, until = _stretch(start, end, await queries.now(connection))
            chosen = None if model is None else await _chosen(connection, model)
            known = await queries.known_days(connection, [account], since, until)
            own = await queries.restated_days(connection, [account], since, until)
            shown = own if chosen is None else await queries.restated_days(connection, [account], since, until, chosen)
            others = await queries.restated_by(connection, account, since, until)
            line = _Line(_points(known, since, until), _points(own, since, until))
            course = await _course(connection, account, line, since)
        markers = [*await self.markers(account, since, until), *_levels(line.comparable)]
        return History(
            account_id=account,
            start=since,
            end=until,
            known=line.known,
            restated=_points(shown, since, until),
            restated_models=tuple(_restated_by(row) for row in others),
            markers=_in_order(markers),
            course=course,
            smoothed=smoothed_of(line.comparable),
        )

    async def markers(self, account: UUID, start: datetime, end: datetime) -> tuple[Marker, ...]:
        """Return what marks a stretch of time, oldest first: who judged, what people said, what was reached."""
        scores = await past.judges(self.pool, account, start, end)
        said = [_word(row) for row in await past.words(self.pool, account, start, end)]
        return _in_order([*_switches(scores), *said])


@dataclass(frozen=True)
class _Line:
    """The two tellings of a stretch; `restated` is that of the model in charge."""

    known: tuple[HistoryPoint, ...]
    restated: tuple[HistoryPoint, ...]

    @property
    def last(self) -> HistoryPoint | None:
        """The newest point; None without any."""
        return next(iter((*self.known[-1:], *self.restated[-1:])), None)

    @property
    def comparable(self) -> tuple[HistoryPoint, ...]:
        """The points of the model that judged last, oldest first, at most one a day.

        As known while that model judged; of days before anything was known, or on which another one judged, as
        restated by it: a switch of models is no fall.
        """
        if self.last is None:
            return ()
        judge = self.last.model
        known = {one.as_of.date(): one for one in self.known}
        # A restated day is told at its end: it speaks of the day before that midnight.
        restated = {(one.as_of - timedelta(microseconds=1)).date(): one for one in self.restated}
        found, judges = [], False
        for day in sorted(known.keys() | restated.keys()):
            judges = known[day].model == judge if day in known else judges
            one = known.get(day) if judges else restated.get(day)
            if one is not None and one.model == judge:
                found.append(one)
        return tuple(found)


def _stretch(start: datetime | None, end: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """Return both ends. Raises FutureMoment, SpanRefused."""
    for name, moment in (("from", start), ("to", end)):
        if moment is not None and moment > now:
            raise FutureMoment(moment, now, f"query:{name}")
    until = end or now
    if until < EARLIEST:
        raise SpanRefused(f"nothing is known of days before {EARLIEST:%Y-%m-%d}")
    since = start or until - USUAL
    if since > until or until - since > LONGEST:
        raise SpanRefused(f"from must be before to, and at most {LONGEST.days} days before it")
    return since, until


async def _chosen(connection: Connection, asked: str) -> tuple[str, int]:
    """Return the version that `<id>@<version>` names. Raises VersionUnknown."""
    model_id, _, number = asked.rpartition("@")
    kept = await past.versions(connection, model_id)
    if not (number.isascii() and number.isdecimal()) or int(number[:10]) not in kept:
        known = [f"{model_id}@{one}" for one in kept]
        raise VersionUnknown(asked, known or await past.model_ids(connection), "query:model")
    return model_id, int(number)


async def _course(connection: Connection, account: UUID, line: _Line, since: datetime) -> Course | None:
    """Return where the scores head, by the rule of the health document; None without any."""
    last = line.last
    if last is None:
        return None
    judge = (last.model.id, last.model.version)
    weeks = (await standings.course(connection, [account], last.as_of, judge)).get(account, {})
    within = {back: score for back, score in weeks.items() if last.as_of - timedelta(weeks=back) >= since}
    return course_of(last.score, within, line.comparable)


def course_of(score: float, weeks: Mapping[int, float | None], line: Sequence[HistoryPoint]) -> Course:
    """Return where scores head: the newest, those of so many whole weeks before, and the line by day between."""
    back = [one for one in sorted(weeks, reverse=True) if weeks[one] is not None]
    values = [value for one in back if (value := weeks[one]) is not None] + [score]
    level = smoothed(*_series(line), HALF_LIFE_DAYS)
    trend = trend_of(score, weeks)
    return Course(
        word=trend.word,
        noise=round(noise_band(values), 1),
        change=round(level[-1] - level[0], 1) if len(level) > 1 else None,
        slope_per_week=round(theil_sen([-float(one) for one in back] + [0.0], values), 2) if len(values) > 2 else None,
        note=trend.note,
    )


def smoothed_of(line: Sequence[HistoryPoint]) -> tuple[SmoothedPoint, ...]:
    """Return the smoothed line, a point for each one."""
    level = smoothed(*_series(line), HALF_LIFE_DAYS)
    return tuple(SmoothedPoint(as_of=one.as_of, score=round(score, 2)) for one, score in zip(line, level, strict=True))


def _series(line: Sequence[HistoryPoint]) -> tuple[list[float], list[float]]:
    first = line[0].as_of if line else EARLIEST
    return [(one.as_of - first).total_seconds() / DAY for one in line], [one.score for one in line]


def _levels(line: Sequence[HistoryPoint]) -> Iterator[Marker]:
    """Where the weekly scores before gates went over to another level: a gate that acts is no other level."""
    raw = [one for one in line if one.raw_score is not None]
    if not raw:
        return
    newest = raw[-1].as_of
    marks = [newest - timedelta(weeks=back) for back in range((newest - raw[0].as_of) // timedelta(weeks=1), -1, -1)]
    weekly = [next(one for one in reversed(raw) if one.as_of <= mark).raw_score or 0.0 for mark in marks]
    for found in level_breaks(weekly):
        word = "lower" if found.direction == "down" else "higher"
        yield Marker(at=marks[found.week], kind="level", label=f"The score runs at a {word} level")


def _in_order(found: Sequence[Marker]) -> tuple[Marker, ...]:
    return tuple(sorted(found, key=lambda one: (one.at, one.kind, one.subject or "")))


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
            raw_score=None if row["raw_score"] is None else round(row["raw_score"], 2),
            band=row["effective_band"],
            plain_band=row["band"],
            model=ModelRef(id=row["model_id"], version=row["model_version"]),
        )
        for row in rows
        if row["score"] is not None and since <= row["as_of"] <= until
    )


def _restated_by(row: asyncpg.Record) -> RestatedBy:
    model = ModelRef(id=row["model_id"], version=row["model_version"])
    return RestatedBy(model=model, points=row["points"], first_day=row["first_day"], last_day=row["last_day"])
