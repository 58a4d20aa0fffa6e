"""Comparing what was known of an account at two moments, by what brought the difference about; it writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from milepost_core.events import PERSON_TYPES
from milepost_core.explanation import Sides, difference
from milepost_core.model import ScoreModel
from milepost_core.model.sources import Attribute, Constant, parts
from milepost_core.readings import Readings
from milepost_core.what_if import Situation
from milepost_runtime.database import Connection
from scoring_api.answers.reading import SpanRefused
from scoring_api.past.attributing import parts_of
from scoring_api.past.change_views import ChangeAnswer, ChangePart, Side
from scoring_api.past.recalling import Recalling, Told
from scoring_api.queries import past
from scoring_api.queries.signals.measuring import Batch, Compiler, measure
from scoring_api.queries.signals.statement import Compiled
from scoring_api.queries.signals.unaided import without_people
from scoring_api.scores.addressing import Behind, account_url
from scoring_api.scores.judging import Judged, judge_batch
from scoring_api.scores.phrasing import band_moved

USUAL_SPAN = timedelta(days=28)


@dataclass(frozen=True)
class Comparing:
    """The use case of saying what changed between two moments."""

    recalling: Recalling

    async def change(self, asked: str, start: datetime | None, end: datetime | None) -> ChangeAnswer:
        """Return the difference of the scores known at two moments; `end` is now, and `start` 28 days before it.

        Without a `start` an account that was scored later than that is compared with its first score.
        Raises AccountUnknown, NotScoredYet, FutureMoment, NotScoredThen, SpanRefused.
        """
        if start is not None and end is not None and start > end:
            raise SpanRefused("from must not lie after to")
        # Records tell of the account that lives on, so both sides are its own.
        after = await self.recalling.known(asked, end, "query:to", survivor=True)
        since = start or await self._usual_start(after)
        before = await self.recalling.known(asked, since, "query:from", survivor=True)
        if before.as_of > after.as_of:
            raise SpanRefused("from must not lie after to")
        sides = await self._sides(before, after)
        found = difference(sides)
        exact = None if found is None else found.after - found.before
        shown = None if found is None else round((after.verdict.display or 0) - (before.verdict.display or 0), 1)
        behind = [Behind(account_url(one.account_id, one.base_url), one.as_of) for one in (before, after)]
        return ChangeAnswer(
            account_id=after.account_id,
            start=_side(before),
            end=_side(after),
            difference=shown,
            exact=exact,
            parts=() if found is None else _parts(before, after, parts_of(found, *behind)),
            text=" ".join(filter(None, (_text(before, after, shown), band_moved(before.verdict, after.verdict)))),
        )

    async def _usual_start(self, after: Told) -> datetime:
        first = await past.first_moment(self.recalling.pool, after.account_id)
        return min(max(after.asked_for - USUAL_SPAN, first or after.as_of), after.asked_for)

    async def _sides(self, before: Told, after: Told) -> Sides:
        async with self.recalling.pool.acquire() as connection:
            span = (before.as_of, after.as_of)
            heard = await past.heard_of_people(connection, after.account_id, *span)
            unheard = _Unheard(connection, self.recalling.compiler, before.as_of if heard else None)
            late = await unheard.known_later(before.judged, before, after.as_of)
            anew = await unheard.known_later(after.judged, before, after.as_of)
            unaided = await unheard.readings(after)
        return Sides(
            before=situation_of(before.judged),
            late=situation_of(late),
            anew=situation_of(anew),
            after=situation_of(after.judged),
            unaided=_without_pulses(after.judged.model, unaided, anew.readings),
        )


@dataclass(frozen=True)
class _Unheard:
    """Measures without what people said, took back or let run out since a moment; None: they did nothing of it.

    What a person says of earlier days came late, too, and still it is a word of a person and nothing else.
    """

    connection: Connection
    compiler: Compiler
    since: datetime | None

    async def known_later(self, judge: Judged, at: Told, known_at: datetime) -> Judged:
        """The earlier moment as it was known at the later one, by the model and among the peers of `judge`."""
        batch = Batch([at.account_id], [at.as_of])
        readings, ages = await measure(self.connection, self._compiled(judge.model), batch, known_at=known_at)
        return judge_batch(judge.model, readings, ages, judge.among, judge.segment)

    async def readings(self, told: Told) -> Readings:
        """The readings of a moment."""
        if self.since is None:
            return told.judged.readings
        batch = Batch([told.account_id], [told.as_of])
        readings, _ = await measure(self.connection, self._compiled(told.judged.model), batch)
        return readings

    def _compiled(self, model: ScoreModel) -> Compiled:
        compiled = self.compiler.of(model)
        return compiled if self.since is None else without_people(compiled, self.since)


def _without_pulses(model: ScoreModel, later: Readings, earlier: Readings) -> Readings:
    """The later readings, but the pulse as it was: when a word of a person runs out, that is a person's doing, too."""
    places = [place for place, signal in enumerate(model.signals) if _is_pulse(list(parts(signal.source)))]
    if not places:
        return later
    mixed = Readings(
        later.raw.copy(),
        None if later.category is None else later.category.copy(),
        later.status.copy(),
        later.censored.copy(),
        later.age_days.copy(),
    )
    for place in places:
        mixed.raw[0, place], mixed.status[0, place] = earlier.raw[0, place], earlier.status[0, place]
        mixed.censored[0, place], mixed.age_days[0, place] = earlier.censored[0, place], earlier.age_days[0, place]
        if mixed.category is not None and earlier.category is not None:
            mixed.category[0, place] = earlier.category[0, place]
    return mixed


def _is_pulse(sources: Sequence[object]) -> bool:
    """Whether a signal reads nothing but what people gave as their pulse."""
    wheres = [getattr(one, "where", None) for one in sources if not isinstance(one, Attribute | Constant)]
    kinds = {kind for where in wheres if where is not None for kind in where.types or ("",)}
    return bool(kinds) and kinds <= PERSON_TYPES


def situation_of(judged: Judged) -> Situation:
    """Return a batch of one row as the ground of comparisons and what-ifs."""
    return Situation(judged.model, judged.population, judged.readings, judged.scores, 0, judged.among.cohort)


def _side(told: Told) -> Side:
    document = told.document()
    return Side(
        asked_for=told.asked_for,
        as_of=told.as_of,
        score=document.score,
        band=document.band,
        effective_band=document.effective_band,
        model=document.model,
    )


def _parts(before: Told, after: Told, parts: tuple[ChangePart, ...]) -> tuple[ChangePart, ...]:
    """The parts; where a person's word came or went, that of people says so: it moves the band, and no point."""
    if before.verdict.word == after.verdict.word:
        return parts
    word = band_moved(before.verdict, after.verdict)
    return tuple(
        one.model_copy(update={"sentence": f"{one.sentence}. No points, but: {word}"}) if one.kind == "human" else one
        for one in parts
    )


def _text(before: Told, after: Told, shown: float | None) -> str:
    if shown is None:
        empty = before if before.verdict.display is None else after
        return f"On {empty.as_of:%Y-%m-%d} too little was known for any score: there is no difference to take apart."
    verb = "did not move" if shown == 0 else "rose" if shown > 0 else "fell"
    by = f" by {abs(shown):.1f} points" if shown else ""
    return f"The score {verb}{by}: from {before.verdict.display:.1f} to {after.verdict.display:.1f}."
