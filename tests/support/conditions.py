"""An account under a model whose milestones complete themselves, and the worker that looks at it."""

import json
from typing import Any

import asyncpg
from support.histories import Told, new_account, tell
from support.scored import clock

from milepost_core.model import parse_model
from milepost_runtime.lanes import drain
from scoring_api.service import Scoring

MODEL = parse_model({
    "id": "conditions",
    "dimensions": [{"id": "onboarding", "weight": 1}],
    "signals": [{
        "id": "milestones", "dimension": "onboarding", "source": {"agg": "milestone_progress"},
        "normalise": {"kind": "piecewise", "points": [[0, 0], [1, 100]]},
    }],
    "gates": [{"id": "gone", "cap_score": 10, "when": {
        "source": {"agg": "count", "where": {"type": "cancellation.noticed"}}, "op": ">=", "value": 1,
    }}],
    "milestones": [
        {"id": "kickoff", "target_day": 3},
        {"id": "adopted", "target_day": 10, "done_when": {
            "source": {"agg": "distinct", "field": "actor", "where": {"type": "feature.used"}, "window_days": 7},
            "op": ">=", "value": 3,
        }},
        {"id": "trained", "done_when": {
            "source": {"agg": "count", "where": {"type": "training.attended"}}, "op": ">=", "value": 2,
        }},
        {"id": "rolled_out", "done_when": {
            "source": {
                "agg": "ratio", "den": "seats",
                "num": {"agg": "distinct", "field": "actor", "where": {"type": "session.started"}},
            }, "op": ">=", "value": 0.5,
        }},
        {"id": "signed", "target_day": 20, "done_when": {
            "source": {"agg": "last", "where": {"type": "contract.state"}}, "op": "in", "value": ["signed", "sealed"],
        }},
    ],
})  # fmt: skip


class Account:
    """One account of five days, and the worker that listens."""

    def __init__(self, owner: asyncpg.Connection, scoring: Scoring) -> None:
        self.owner, self.scoring, self.id = owner, scoring, new_account()

    async def told(self, *events: Told) -> None:
        await tell(self.owner, events)
        await self.turn()

    async def turn(self) -> None:
        for lane in (self.scoring.recording.lane, self.scoring.rescoring.lane):
            await drain(self.scoring.rescoring.pool, lane, seconds=30)

    async def look(self) -> None:
        """Let the account be looked at again although nothing happened."""
        await self.owner.execute(
            "update scoring.rescoring set next_at = clock_timestamp() where account_id = $1", self.id
        )
        await self.turn()

    async def use(self, *actors: str) -> None:
        now = await clock(self.owner)
        await self.told(*(Told(self.id, "feature.used", now, actor=one, item="x") for one in actors))

    async def completions(self) -> list[tuple[str, str, dict[str, Any]]]:
        rows = await self.owner.fetch(
            "select event_id, item, properties from scoring.record where account_id = $1"
            " and type = 'milestone.completed' order by occurred_at",
            self.id,
        )
        return [(row["event_id"], row["item"], json.loads(row["properties"])) for row in rows]

    async def done(self) -> dict[str, str]:
        body = await self.owner.fetchval("select body from scoring.health_document where account_id = $1", self.id)
        return {one["id"]: one["state"] for one in json.loads(body)["milestones"]["items"]}
