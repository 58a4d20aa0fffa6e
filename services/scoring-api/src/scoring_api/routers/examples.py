"""Answers as examples for the contract, one coherent account in all of them; they are never served as data."""

from typing import Any

from pydantic import BaseModel

from milepost_contracts.changes import ChangeRow
from milepost_contracts.health import HealthDocument
from scoring_api.answers import views

ACCOUNT = "019a8c1e-5b7f-7c31-9d0e-3f6a2b1c4d5e"
MOMENT = "2026-03-02T09:30:00Z"
MODEL = {"id": "b2b-onboarding", "version": 1}
DRIVER = {
    "signal": "open_critical", "label": "Urgent tickets open", "dimension": "support", "value": 2.0, "unit": "tickets",
    "points": -20.1, "points_lost": 28.7, "direction": "down", "sentence": "urgent tickets open: 2 (target 0)",
    "evidence": {"href": f"/accounts/{ACCOUNT}/evidence/open_critical"}, "target": "0", "y": 33.3, "weight": 43.0,
}  # fmt: skip
HEALTH = HealthDocument.model_validate({
    "account": {"id": ACCOUNT, "name": "Acme", "segment": "mid-market", "stage": "activation", "owner": "Dana",
                "references": ["domain:acme.com", "hubspot:4711:99"], "age_days": 56},
    "score": 57.9, "band": "yellow",
    "effective_band": {"band": "yellow", "because": "model", "sentence": "Yellow by the score."},
    "confidence": {"word": "medium", "value": 0.61, "coverage": 0.74, "freshness": 0.83, "range": [45.8, 69.2]},
    "as_of": MOMENT, "computed_at": MOMENT, "fresh_until": "2026-03-02T15:30:00Z", "model": MODEL,
    "trend": {"word": "falling", "change_7d": -4.2, "change_28d": -12.5},
    "dimensions": [{"id": "support", "label": "Support", "weight": 20.0, "score": 43.0, "coverage": 0.8}],
    "drivers": [DRIVER], "baseline": 78.0, "gates": [],
    "missing": [{"signal": "sentiment", "label": "Latest survey", "dimension": "engagement",
                 "why": "it has never happened", "code": "missing:never"}],
    "path": {"to": "green", "possible": True, "holds_for_days": 14.0, "sentence": "To reach green, bring it to 73.",
             "steps": [{"signal": "open_critical", "label": "Urgent tickets open", "from_value": 2.0, "to_value": 0.0,
                        "unit": "tickets", "gain": 28.7, "sentence": "Resolve urgent tickets: from 2 to 0 tickets"}]},
    "milestones": {"done": 3, "due": 4, "late": 1},
    "next_steps": [{"label": "Have support take the urgent tickets first.", "because": "urgent tickets open: 2",
                    "signal": "open_critical", "points": 28.7}],
    "summary": "57.9 of 100, yellow; most points are lost to urgent tickets open.",
    "links": {"self": f"/accounts/{ACCOUNT}/health", "page": f"/app/accounts/{ACCOUNT}"},
})  # fmt: skip
ROW = views.AccountRow.model_validate(HEALTH)
CHANGE = ChangeRow.model_validate({
    "id": 4711, "account_id": ACCOUNT, "kind": "band_changed", "from_band": "green", "to_band": "yellow",
    "from_score": 71.4, "to_score": 57.9, "cause": "live", "model_id": "b2b-onboarding", "model_version": 1,
    "as_of": MOMENT, "computed_at": MOMENT, "correlation_id": "9f2c",
})  # fmt: skip
EXPLANATION = views.Explanation.model_validate(
    {name: getattr(HEALTH, name) for name in views.Explanation.model_fields.keys() & HealthDocument.model_fields.keys()}
    | {"text": f"{HEALTH.summary}\n  78.0  baseline\n -20.1  urgent tickets open: 2 (target 0)\n  57.9  score (yellow)"}
    | {"arithmetic": {"baseline": 78.0, "drivers": -20.1, "gates": 0.0, "score": 57.9}, "figures": {}}
)
EVIDENCE = views.Evidence.model_validate({
    "account_id": ACCOUNT, "signal": "open_critical", "label": "Urgent tickets open", "as_of": MOMENT, "model": MODEL,
    "rule": {"measures": {"agg": "open_items", "where": {"kind": ["ticket"]}}, "target": "0"},
    "records": [{"event_id": "zendesk:1:77", "type": "ticket.opened", "occurred_at": MOMENT, "recorded_at": MOMENT,
                 "actor": None, "role": None, "item": "77", "value": None, "properties": {"severity": "high"},
                 "source": "zendesk"}],
})  # fmt: skip


def answering(example: BaseModel) -> dict[int | str, dict[str, Any]]:
    """Return what a route says of its good answer in the contract."""
    shown = example.model_dump(mode="json", by_alias=True)
    return {200: {"description": "The answer.", "content": {"application/json": {"example": shown}}}}
