"""Reading an account's plan with its whole history: journey, milestones, delays; it writes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from milepost_contracts.health import ModelRef
from milepost_core.delays import Delay, charge, delays_of, total
from milepost_core.milestones import Plan, PlannedMilestone
from milepost_core.model import ScoreModel
from milepost_runtime.database import Connection, Pool
from scoring_api.ahead.milestone_views import (
    AccountMilestones,
    DelayDays,
    DelayView,
    JourneyView,
    MilestoneDetail,
    Word,
)
from scoring_api.answers.reading import Reading, as_reference, as_uuid
from scoring_api.past.recalling import FutureMoment
from scoring_api.queries import past, plans
from scoring_api.queries import reading as reads
from scoring_api.queries.plans import KnownPlan
from scoring_api.queries.signals.states import DONE, DROPPED
from scoring_api.queries.then import Then, then_of
from scoring_api.scores.lineup import LineUps
from scoring_api.scores.planning import milestones_of

NO_DELAY = dict.fromkeys(("customer", "us", "third_party"), 0)


@dataclass(frozen=True)
class Chart:
    """All that is known of an account's plan at a moment."""

    account_id: UUID
    as_of: datetime
    model: ScoreModel
    known: KnownPlan | None
    words: Sequence[asyncpg.Record]
    delays: Sequence[Delay]

    @property
    def plan(self) -> Plan | None:
        """The plan, None for an account that nobody knew then."""
        return None if self.known is None else self.known.plan

    def step(self, name: str) -> PlannedMilestone | None:
        """Return a milestone of the plan; None if the plan has none of that name."""
        return next((one for one in self.plan.milestones if one.id == name), None) if self.plan else None


@dataclass(frozen=True)
class Charting:
    """The use case of reading plans."""

    pool: Pool = field(repr=False)
    reading: Reading
    lineups: LineUps = field(repr=False)

    async def milestones(self, asked: str, at: datetime | None) -> AccountMilestones:
        """Return an account's plan at a moment (None: now) as it was known then.

        An account that was merged away later speaks for itself.
        Raises AccountUnknown, FutureMoment.
        """
        async with self.pool.acquire() as connection:
            row = await reads.account(connection, as_uuid(asked), as_reference(asked))
            if row is None:
                raise await self.reading.absent(asked)
            now = await reads.now(connection)
            if at is not None and at > now:
                raise FutureMoment(at, now)
            account, then = row["account_id"], None
            if at is not None:
                account = await past.account_then(connection, as_uuid(asked), as_reference(asked), at) or account
                then = await then_of(connection, account, at)
            chart = await self.chart(connection, account, at or now, then)
            since = await plans.journey_since(connection, account, chart.as_of)
        return view_of(chart, since)

    async def chart(self, connection: Connection, account: UUID, at: datetime, then: Then | None = None) -> Chart:
        """Return all about a plan as of a moment, by the model that judged the account then.

        Of accounts that were merged, `then` says whose words those of that moment were.
        """
        holder = account if then is None else then.holder
        lineup = await self.lineups.at(connection, at)
        model = lineup.judge_of(await past.attributes(connection, account, at, at, then))
        known = (await plans.read_plans(connection, model, [holder], at, then=then)).get(holder)
        completions = () if known is None else tuple(known.completions.values())
        words = await plans.words_on_milestones(connection, holder, at, completions, then)
        delays = delays_of((await plans.delay_words(connection, [holder], at, then=then)).get(holder, ()))
        return Chart(account, at, model, known, words, delays)


def view_of(chart: Chart, since: Mapping[str, datetime]) -> AccountMilestones:
    """Return the whole answer; `since` tells when the journey was last published to have come to a state."""
    plan = chart.plan
    charged = {} if plan is None else charge(plan, chart.delays, chart.model.calendar, chart.as_of)
    shown = milestones_of(plan, chart.as_of)
    return AccountMilestones(
        account_id=chart.account_id,
        as_of=chart.as_of,
        model=ModelRef(id=chart.model.id, version=chart.model.version),
        journey=JourneyView(
            state=shown.journey,
            since=shown.since or since.get(shown.journey or "") or (plan.start_at if plan and shown.journey else None),
            sentence=shown.sentence,
            start_at=None if plan is None else plan.start_at,
            target_at=shown.target_at,
            finished_at=None if plan is None else plan.finished_at,
            forecast=shown.forecast,
            delay_days=DelayDays.of(total(charged.values())),
        ),
        milestones=tuple(_detail(chart, one.model_dump(), charged.get(one.id, NO_DELAY)) for one in shown.items),
        delays=tuple(delay_view(one) for one in chart.delays),
        dropped=_dropped(chart),
    )


def delay_view(one: Delay) -> DelayView:
    """Return a delay as it is shown."""
    return DelayView.model_validate(
        {"id": one.id, "side": one.side, "because": one.because, "milestone": one.item}
        | {"started_at": one.started_at, "ended_at": one.ended_at}
    )


def _detail(chart: Chart, shown: Mapping[str, Any], charged: Mapping[str, int]) -> MilestoneDetail:
    assert chart.known is not None
    name, one = shown["id"], chart.step(shown["id"])
    assert one is not None
    completion = chart.known.completions.get(name)
    done = next((_word(row) for row in chart.words if row["event_id"] == completion), None)
    return MilestoneDetail(
        **shown,
        weight=one.weight,
        after=one.after,
        work_days=one.work_days,
        planned_here=name in chart.known.said,
        completed_by=done,
        evidence=None if done is None else done.said.get("evidence"),
        delay_days=DelayDays.of(charged),
        history=tuple(_word(row) for row in chart.words if row["item"] == name and _speaks_of_milestones(row)),
    )


def _dropped(chart: Chart) -> tuple[str, ...]:
    planned = {one.id for one in chart.plan.milestones} if chart.plan else set()
    return tuple(sorted({row["item"] for row in chart.words if row["type"] == DROPPED} - planned))


def _speaks_of_milestones(row: asyncpg.Record) -> bool:
    return bool(row["type"].startswith(DONE.partition(".")[0] + "."))


def _word(row: asyncpg.Record) -> Word:
    said = row["properties"] if isinstance(row["properties"], dict) else {}
    return Word(
        what=row["type"].partition(".")[2] if _speaks_of_milestones(row) else row["type"],
        at=row["occurred_at"],
        recorded_at=row["recorded_at"],
        by=row["actor"] or str(said.get("by") or ""),
        source=row["source"],
        event_id=row["event_id"],
        said=said,
    )
