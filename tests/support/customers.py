"""Customers of the shipped model, told relative to a moment; the figures are made up, the words are the model's."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from support.histories import Told, new_account, tell

from milepost_core.model import ScoreModel
from milepost_runtime.lanes import drain
from scoring_api.service import Scoring


async def now_of(owner: asyncpg.Connection) -> datetime:
    """The moment by the database's clock."""
    moment: datetime = await owner.fetchval("select clock_timestamp()")
    return moment


async def turn(scoring: Scoring) -> None:
    """Record and rescore until nothing is due."""
    await drain(scoring.recording.pool, scoring.recording.lane, seconds=60)
    await drain(scoring.rescoring.pool, scoring.rescoring.lane, seconds=60)


def healthy(
    model: ScoreModel, now: datetime, account: UUID, age: int = 100, recorded: datetime | None = None
) -> list[Told]:
    """An account that does everything right: green by the shipped model."""

    def at(days_ago: float, kind: str, **more: Any) -> Told:
        occurred = now - timedelta(days=days_ago)
        return Told(account, kind, occurred, recorded_at=recorded, **more)

    start = float(age)
    told = [at(start, "account.started"), at(start, "account.updated", properties={"name": "Acme", "seats": 4})]
    for step in model.milestones:
        if step.target_day is not None and step.target_day < age:
            told.append(at(start - step.target_day, "milestone.completed", item=step.id))
    for day in range(min(age, 30)):
        for actor in ("ann", "bob", "cem", "dee"):
            told.append(at(day + 0.2, "feature.used", actor=actor, item=f"feature-{day % 6}"))
    told += [at(day, "meeting.attended", item=f"m{day}", role="sponsor") for day in (3, 17)]
    told += [at(12, "ticket.opened", item="t1", properties={"severity": "low"})]
    told += [at(11.8, "ticket.resolved", item="t1", value=5.0)]
    told += [at(5, "survey.answered", value=9.0)]
    return told


async def tell_healthy(
    owner: asyncpg.Connection, scoring: Scoring, *, age: int = 100, recorded: datetime | None = None
) -> UUID:
    """Tell the history of a healthy account and let it be scored; `recorded` None: each event when it happened."""
    account, now = new_account(), await now_of(owner)
    async with scoring.rescoring.pool.acquire() as connection:
        lineup = await scoring.rescoring.lineups.now(connection)
    await tell(owner, healthy(lineup.models[-1], now, account, age, recorded))
    await turn(scoring)
    return account
