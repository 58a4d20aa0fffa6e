"""Queueing: what is on whose desk, in which order, and what of it fits into a day; it moves nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from milepost_core.ranking import A_DAY, Ranked, Work, expected_effect, rank, risk_of
from milepost_runtime.database import Pool
from playbook_runner.clients.scoring import HealthAway, ScoringClient
from playbook_runner.people.approving import ApprovalUnknown
from playbook_runner.people.task_views import (
    ApprovalList,
    ApprovalView,
    Queue,
    QueueItem,
    TaskList,
    TaskSummary,
    TaskView,
    WordView,
)
from playbook_runner.people.tending import TaskUnknown
from playbook_runner.people.valuing import values
from playbook_runner.queries import approvals as gates
from playbook_runner.queries import desks as queries
from playbook_runner.queries import people
from playbook_runner.queries.merging import living_one


@dataclass(frozen=True)
class Queueing:
    """The use case behind the lists of tasks and approvals; people are found under their ids and their addresses."""

    pool: Pool = field(repr=False)
    scoring: ScoringClient = field(repr=False)

    async def tasks(
        self, filters: tuple[str | None, str | None, UUID | None], cursor: UUID | None, limit: int
    ) -> TaskList:
        """Return a page of the tasks of an owner, a state and an account or its survivor (None: any)."""
        owner, state, asked = filters
        account = None if asked is None else await living_one(self.pool, asked)
        names = None if owner is None else await people.names_of(self.pool, owner)
        rows = await queries.page(self.pool, (names, state, account), cursor, limit + 1)
        following = str(rows[limit - 1]["id"]) if len(rows) > limit else None
        return TaskList(data=[TaskSummary.model_validate(dict(row)) for row in rows[:limit]], next_cursor=following)

    async def task(self, task_id: UUID) -> TaskView:
        """Return one task with its words. Raises TaskUnknown."""
        row = await queries.one(self.pool, task_id)
        if row is None:
            raise TaskUnknown(f"there is no task {task_id}")
        words = [WordView.model_validate(dict(word)) for word in await queries.words_of(self.pool, task_id)]
        return TaskView.model_validate(dict(row) | {"words": words})

    async def queue(self, owner: str) -> Queue:
        """Return somebody's desk, best first: risk × value × expected effect ÷ effort, cut at what their day has left.

        Risk and value are today's, or those of when the task was asked for while the scoring API gives no answer.
        """
        names = await people.names_of(self.pool, owner)
        rows = await queries.awake_of(self.pool, names)
        playbooks = sorted({row["playbook_id"] for row in rows if row["playbook_id"]})
        known = await queries.experience(self.pool, playbooks)
        today = await self._today(rows)
        person = await people.named(self.pool, owner)
        minutes, zone = (A_DAY, "UTC") if person is None else (person["minutes_a_day"], person["zone"])
        spent = await queries.minutes_spent(self.pool, names, zone)
        tasks = {str(row["id"]): dict(row) | (today or {}).get(row["id"], {}) for row in rows}
        ranked = rank([_work(task, known) for task in tasks.values()], minutes, spent)
        data = [_item(place, tasks[place.work.id]) for place in ranked]
        return Queue(owner=owner, minutes_a_day=minutes, minutes_spent=spent, risk_now=today is not None, data=data)

    async def _today(self, rows: Sequence[asyncpg.Record]) -> dict[UUID, dict[str, float]] | None:
        """Return risk and value of today by task, as far as they are known; None: nobody can say."""
        pairs = {row["id"]: (row["account_id"], row["value_of"]) for row in rows}
        try:
            healths = await self.scoring.healths(sorted({account for account, _ in pairs.values()}))
            worth = await values(self.pool, self.scoring, set(pairs.values()))
        except HealthAway:
            return None
        risks = {account: risk_of(one.score, one.effective_band.band) for account, one in healths.items()}
        return {
            task: ({"risk": risks[pair[0]]} if pair[0] in risks else {})
            | ({"value": worth[pair]} if pair in worth else {})
            for task, pair in pairs.items()
        }

    async def approvals(self, owner: str | None, state: str | None, cursor: UUID | None, limit: int) -> ApprovalList:
        """Return a page of approvals."""
        names = None if owner is None else await people.names_of(self.pool, owner)
        rows = await gates.page(self.pool, names, state, cursor, limit + 1)
        following = str(rows[limit - 1]["id"]) if len(rows) > limit else None
        return ApprovalList(
            data=[ApprovalView.model_validate(dict(row)) for row in rows[:limit]], next_cursor=following
        )

    async def approval(self, approval_id: UUID) -> ApprovalView:
        """Return one approval. Raises ApprovalUnknown."""
        row = await gates.one(self.pool, approval_id)
        if row is None:
            raise ApprovalUnknown(f"there is no approval {approval_id}")
        return ApprovalView.model_validate(dict(row))


def _work(row: Mapping[str, Any], known: Mapping[str, tuple[int, int]]) -> Work:
    helped, ended = known.get(row["playbook_id"] or "", (0, 0))
    return Work(
        id=str(row["id"]),
        risk=row["risk"],
        value=row["value"],
        expected=expected_effect(helped, ended),
        effort_minutes=row["effort_minutes"],
        begun=row["state"] == "claimed",
    )


def _item(place: Ranked, row: Mapping[str, Any]) -> QueueItem:
    return QueueItem(
        task=TaskSummary.model_validate(row),
        worth=round(place.worth, 4),
        expected=round(place.work.expected, 4),
        today=place.today,
    )
