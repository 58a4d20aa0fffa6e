"""Surveys journeys over all accounts of one model: how long they take, where they stop, whom days were lost to.

It reads what is known now of accounts that started in a span; it writes nothing and judges no single account.
"""

import asyncio
import difflib
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from milepost_contracts.health import ModelRef
from milepost_core.delays import Delay, DelayWord, charge, delays_of, total
from milepost_core.forecasting import local_day
from milepost_core.journeys import Reached, funnel, times_of
from milepost_core.milestones import Plan, PlannedMilestone
from milepost_core.model import ScoreModel, Signal, sources
from milepost_runtime.database import Connection, Pool
from scoring_api.ahead.milestone_views import (
    Cohort,
    DelayDays,
    FunnelStep,
    Group,
    MilestoneStatistics,
    MilestoneTimes,
    TimesView,
)
from scoring_api.answers.reading import SpanRefused
from scoring_api.queries import plans
from scoring_api.queries import reading as reads
from scoring_api.queries.signals.measuring import Batch, Compiler, measure
from scoring_api.scores.lineup import LineUp, LineUps

_Row = tuple[float, bool, bool, bool, bool, bool]
AT_ONCE = 200
LONGEST = timedelta(days=1100)
USUAL = timedelta(days=365)


class NotInCharge(Exception):
    """No model of this name is in charge; `known` names those that are."""

    def __init__(self, asked: str, known: Sequence[str]) -> None:
        super().__init__(f"no model '{asked[:100]}' is in charge")
        self.known = tuple(known)
        near = difflib.get_close_matches(asked, known, n=1)
        self.near = near[0] if near else None


class SurveyBusy(Exception):
    """Another survey is under way, and this one has waited long enough."""


@dataclass(frozen=True)
class Asked:
    """Which accounts are surveyed, and how they are grouped."""

    model: str | None
    segment: str | None
    cohort: Cohort
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True)
class Journey:
    """One account's journey: who it is grouped with, its plan, the days to first value, and the days lost by side."""

    cohort: str
    segment: str
    plan: Plan
    first_value: tuple[float, bool] | None
    lost: Mapping[str, int]


@dataclass(frozen=True)
class Surveying:
    """The use case of statistics over journeys; a process makes one at a time, for it reads a great deal."""

    pool: Pool = field(repr=False)
    lineups: LineUps = field(repr=False)
    compiler: Compiler = field(default_factory=Compiler, repr=False)
    patience_s: float = 10.0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    alone: dict[int, tuple[ScoreModel, ScoreModel]] = field(default_factory=dict, repr=False)

    async def statistics(self, asked: Asked) -> MilestoneStatistics:
        """Return the journeys of the accounts that started in the span. Raises NotInCharge, SpanRefused, SurveyBusy."""
        try:
            async with asyncio.timeout(self.patience_s):
                await self.turn.acquire()
        except TimeoutError:
            raise SurveyBusy("another survey of journeys is under way") from None
        try:
            return await self._surveyed(asked)
        finally:
            self.turn.release()

    async def _surveyed(self, asked: Asked) -> MilestoneStatistics:
        # Who is merged away meanwhile is still there for us.
        async with (
            self.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            now = await reads.now(connection)
            span = _span(asked, now)
            lineup = await self.lineups.now(connection)
            model = _model(lineup, asked.model)
            rows = await plans.started(connection, *span, asked.segment)
            journeys: list[Journey] = []
            for own, group in await asyncio.to_thread(_judged_by, lineup, model, rows):
                journeys += await self._journeys(connection, own, group, (now, asked.cohort))
        return await asyncio.to_thread(_statistics, model, journeys, asked, (*span, now))

    async def _journeys(
        self, connection: Connection, model: ScoreModel, rows: Sequence[asyncpg.Record], at: tuple[datetime, Cohort]
    ) -> list[Journey]:
        """Read some accounts of one view of the model, a bounded number at a time."""
        found: list[Journey] = []
        for first in range(0, len(rows), AT_ONCE):
            part = rows[first : first + AT_ONCE]
            accounts = [row["account_id"] for row in part]
            known = await plans.read_plans(connection, model, accounts, at[0])
            words = await plans.delay_words(connection, accounts, at[0])
            values = await self._first_values(connection, model, accounts, at[0])
            told = _Told(model, known, words, values)
            # Counting days is work, and others are answered by this loop.
            found += await asyncio.to_thread(_journeys_of, part, told, at)
        return found

    async def _first_values(
        self, connection: Connection, model: ScoreModel, accounts: Sequence[UUID], at: datetime
    ) -> dict[UUID, tuple[float, bool]]:
        """Return the days to first value and whether it was reached, as the model's own signal measures it."""
        signal = first_value_of(model)
        if signal is None:
            return {}
        alone = self._alone(model, signal)
        batch = Batch(accounts, [at] * len(accounts))
        readings, _ = await measure(connection, self.compiler.of(alone), batch)
        columns = zip(accounts, readings.raw[:, 0], readings.censored[:, 0], strict=True)
        return {account: (float(days), not waits) for account, days, waits in columns if not math.isnan(days)}

    def _alone(self, model: ScoreModel, signal: Signal) -> ScoreModel:
        """The model with this one signal, the same object for the same model: its statement is compiled once."""
        known = self.alone.get(id(model))
        if known is None or known[0] is not model:
            known = self.alone[id(model)] = (model, replace(model, signals=(signal,), gates=(), milestones=()))
        return known[1]


def first_value_of(model: ScoreModel) -> Signal | None:
    """Return the model's word on first value: its first signal that measures the time to something."""
    return next((one for one in model.signals if isinstance(one.source, sources.TimeToFirst)), None)


def _span(asked: Asked, now: datetime) -> tuple[datetime, datetime]:
    until = asked.until or now
    try:
        since = asked.since or until - USUAL
    except OverflowError:
        raise SpanRefused("to must lie a year after the calendar begins") from None
    if since >= until or until - since > LONGEST:
        raise SpanRefused(f"from must be before to, and at most {LONGEST.days} days before it")
    return since, until


def _model(lineup: LineUp, asked: str | None) -> ScoreModel:
    """The model asked for, of those in charge; none named: the one that takes all accounts that no other takes."""
    if asked is None:
        return lineup.models[-1]
    known = {one.id: one for one in lineup.models}
    if asked not in known:
        raise NotInCharge(asked, list(known))
    return known[asked]


def _judged_by(
    lineup: LineUp, model: ScoreModel, rows: Sequence[asyncpg.Record]
) -> list[tuple[ScoreModel, list[asyncpg.Record]]]:
    """Group the accounts that a model judges by the view that their segment has of it."""
    groups: dict[int, tuple[ScoreModel, list[asyncpg.Record]]] = {}
    for row in rows:
        own = lineup.judge_of(row["attributes"])
        if own.id == model.id:
            groups.setdefault(id(own), (own, []))[1].append(row)
    return list(groups.values())


@dataclass(frozen=True)
class _Told:
    """What the store said of some accounts of one view of the model."""

    model: ScoreModel
    plans: Mapping[UUID, plans.KnownPlan]
    words: Mapping[UUID, Sequence[DelayWord]]
    values: Mapping[UUID, tuple[float, bool]]


def _journeys_of(rows: Sequence[asyncpg.Record], told: _Told, at: tuple[datetime, Cohort]) -> list[Journey]:
    return [
        _journey(row, told.plans[account].plan, (told.model, delays_of(told.words.get(account, ())), first), at)
        for row in rows
        if (account := row["account_id"]) in told.plans
        for first in (told.values.get(account),)
    ]


def _journey(
    row: asyncpg.Record,
    plan: Plan,
    about: tuple[ScoreModel, Sequence[Delay], tuple[float, bool] | None],
    at: tuple[datetime, Cohort],
) -> Journey:
    model, delays, first = about
    lost = total(charge(plan, delays, model.calendar, at[0]).values())
    began = date.fromordinal(local_day(plan.start_at, plan.zone))
    quarter = f"{began.year}-Q{(began.month + 2) // 3}"
    name = quarter if at[1] == "quarter" else f"{began.year}-{began.month:02}"
    return Journey(name, row["segment"] or "", plan, first, lost)


def _statistics(
    model: ScoreModel, journeys: Sequence[Journey], asked: Asked, at: tuple[datetime, datetime, datetime]
) -> MilestoneStatistics:
    labels = {one.id: one.label for one in model.milestones}
    signal = first_value_of(model)

    def groups(of: Callable[[Journey], str]) -> Iterator[Group]:
        parts: dict[str, list[Journey]] = defaultdict(list)
        for one in journeys:
            parts[of(one)].append(one)
        return (_group(name, parts[name], labels, at[2]) for name in sorted(parts))

    return MilestoneStatistics(
        model=ModelRef(id=model.id, version=model.version),
        segment=asked.segment,
        start=at[0],
        end=at[1],
        as_of=at[2],
        first_value_label=None if signal is None else signal.label,
        all=_group("all", journeys, labels, at[2]),
        cohorts=tuple(groups(lambda one: one.cohort)),
        segments=tuple(groups(lambda one: one.segment)),
    )


def _group(name: str, journeys: Sequence[Journey], labels: Mapping[str, str], at: datetime) -> Group:
    rows: dict[str, list[_Row]] = {one: [] for one in labels}
    named = dict(labels)
    for journey in journeys:
        for step in journey.plan.milestones:
            rows.setdefault(step.id, []).append(_row(step, journey.plan, at))
            named.setdefault(step.id, step.label)
    reached = {one: Reached.of(found) for one, found in rows.items() if found}
    firsts = [(*one.first_value, True, False, False, True) for one in journeys if one.first_value is not None]
    return Group(
        name=name,
        accounts=len(journeys),
        first_value=TimesView(**_figures(Reached.of(firsts))) if firsts else None,
        milestones=tuple(MilestoneTimes(id=one, label=named[one], **_figures(found)) for one, found in reached.items()),
        funnel=tuple(FunnelStep(**_plain(step), label=named[step.id]) for step in funnel(reached)),
        delay_days=DelayDays.of(total(one.lost for one in journeys)),
    )


def _row(step: PlannedMilestone, plan: Plan, at: datetime) -> _Row:
    """Whoever has no day for a milestone could reach it at any time, and is never late."""
    done = step.done_at is not None
    come = done or (step.due_at is not None and step.due_at <= at)
    in_time = step.done_at is not None and step.due_at is not None and step.done_at <= step.due_at
    days = ((step.done_at or at) - plan.start_at) / timedelta(days=1)
    dated = come and step.due_at is not None
    return days, done, come or step.due_at is None, dated, in_time, not plan.open_before(step)


def _figures(found: Reached) -> dict[str, Any]:
    return _plain(times_of(found))


def _plain(value: Any) -> dict[str, Any]:
    """The fields of a frozen shape with slots, rounded as people read them."""
    pairs = {name: getattr(value, name) for name in value.__slots__}
    return {name: round(one, 4) if isinstance(one, float) else one for name, one in pairs.items()}
