"""Health documents for tests of pages and charts: plausible, deterministic, adding up; no store is behind them."""

# ruff: noqa: E501 - one entry a line reads better here

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from milepost_contracts.health import HealthDocument

# A minute ago: the pages ask the clock of the database, which nobody sets.
NOW = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
ACCOUNT = UUID("0199a1b2-0000-7000-8000-000000000001")


def driver(signal: str, dimension: str, points: float, lost: float, sentence: str, **more: Any) -> dict[str, Any]:
    """Return one driver."""
    return {
        "signal": signal, "label": signal.replace("_", " ").capitalize(), "dimension": dimension, "value": 0.42,
        "unit": "of seats", "points": points, "points_lost": lost,
        "direction": "up" if points > 0 else "down" if points < 0 else "neutral",
        "sentence": sentence, "evidence": {}, "target": "at least 80%", "y": 58.8, "weight": 0.13,
    } | more  # fmt: skip


def document(**changes: Any) -> HealthDocument:
    """Return the document of a stalled account at 47.3, with every part filled; `changes` replace top-level parts."""
    return HealthDocument.model_validate(_PARTS | changes)


def milestone(name: str, label: str, state: str, due: int, done: int | None = None, late: int = 0) -> dict[str, Any]:
    """Return one milestone, with days counted from NOW."""
    done_at = None if done is None else NOW + timedelta(days=done)
    return {"id": name, "label": label, "state": state, "due_at": NOW + timedelta(days=due), "done_at": done_at,
            "days_late": late}  # fmt: skip


_PLAN = [
    milestone("kickoff", "Kick-off held", "done", -44, -45),
    milestone("sso", "Single sign-on live", "done", -33, -24, 9),
    milestone("data_import", "Data imported", "late", -26, late=26),
    milestone("first_report", "First report shared", "late", -17, late=17),
    milestone("team_trained", "Team trained", "due", 0),
    milestone("rollout", "Rolled out to everyone", "ahead", 28),
]
_PARTS: dict[str, Any] = {
    "account": {
        "id": ACCOUNT, "name": "Harbour & Pine Logistics", "segment": "mid-market", "stage": "activation",
        "owner": "dana.reyes@customer-success.harbourpine.example", "references": ["hubspot:4711:90210", "domain:harbourpine.example"],
        "start_at": NOW - timedelta(days=47), "age_days": 47,
    },
    "score": 47.3, "band": "yellow",
    "effective_band": {"band": "yellow", "because": "model", "sentence": ""},
    "confidence": {"word": "medium", "value": 0.68, "coverage": 0.82, "freshness": 0.83, "range": [41.2, 59.4]},
    "as_of": NOW, "computed_at": NOW - timedelta(seconds=130), "fresh_until": NOW + timedelta(hours=6),
    "model": {"id": "b2b-onboarding", "version": 1},
    "trend": {"word": "falling", "change_7d": -6.1, "change_28d": -18.4},
    "dimensions": [
        {"id": "usage", "label": "Product usage", "weight": 30, "score": 51.2, "coverage": 1.0},
        {"id": "onboarding", "label": "Onboarding", "weight": 25, "score": 28.4, "coverage": 1.0},
        {"id": "support", "label": "Support", "weight": 20, "score": 63.9, "coverage": 0.8},
        {"id": "engagement", "label": "Engagement", "weight": 15, "score": 55.0, "coverage": 0.75},
        {"id": "commercial", "label": "Commercial", "weight": 10, "score": None, "coverage": 0.0},
    ],
    "drivers": [
        driver("milestones", "onboarding", -12.4, 14.1, "only 38% of the plan that is due is reached (target everything due is done)", value=0.38, unit="of the plan that is due"),
        driver("time_to_value", "onboarding", -6.1, 7.7, "47 days until the first report (target 30 days or less)", value=47.2, unit="days"),
        driver("active_seats", "usage", -4.9, 8.2, "only 42% of the seats were used in the last four weeks (target at least 80%)"),
        driver("open_critical", "support", -3.2, 5.6, "urgent tickets open: 2 (target 0)", value=2, unit="tickets"),
        driver("usage_trend", "usage", -1.7, 3.3, "usage moves by −22 % a week (target not falling)", value=-22.4, unit="% a week"),
        driver("meeting_attendance", "engagement", 2.2, 0.4, "the customer came to 86% of the meetings", value=0.86, unit="of meetings"),
        driver("overdue_tasks", "onboarding", 1.1, 0.0, "no onboarding task is overdue", value=0, unit="tasks"),
        driver("active_days", "usage", 0.6, 1.4, "active on 7 of the last 14 days", value=7, unit="days of the last 14"),
        driver("feature_breadth", "usage", 0.0, 1.2, "3 different features were used in the last four weeks", value=3, unit="features"),
        driver("sponsor_seen", "engagement", 0.0, 1.9, "the sponsor was last seen 18 days ago", value=18, unit="days ago"),
    ],
    "baseline": 73.6,
    "gates": [{"id": "sponsor_left", "label": "The sponsor has left", "points": -1.9, "sentence": "the sponsor has left: the score is capped at 47.3"}],
    "missing": [
        {"signal": "sentiment", "label": "Latest survey", "dimension": "engagement", "why": "no survey has been answered yet", "code": "missing:never"},
        {"signal": "invoices_overdue_days", "label": "Oldest overdue invoice", "dimension": "commercial", "why": "no billing data has come in", "code": "missing:no_data"},
    ],
    "pending": [],
    "path": {
        "to": "green", "possible": True, "holds_for_days": 14,
        "sentence": "Two changes together would bring 73.2, and with it the band on track.",
        "steps": [
            {"signal": "milestones", "label": "Milestones", "from_value": 0.38, "to_value": 0.88, "unit": "of the plan", "gain": 14.2, "sentence": "Reach late milestones"},
            {"signal": "open_critical", "label": "Urgent tickets open", "from_value": 2, "to_value": 0, "unit": "tickets", "gain": 11.7, "sentence": "Resolve urgent tickets"},
        ],
    },
    "milestones": {"done": 2, "due": 5, "late": 2, "next": _PLAN[2], "items": _PLAN},
    "next_steps": [
        {"label": "Take the oldest late milestone and clear what blocks it.", "because": "only 38% of the plan that is due is reached", "signal": "milestones", "points": 14.1},
        {"label": "Invite the people who have not signed in yet, and offer them a short session.", "because": "only 42% of the seats were used in the last four weeks", "signal": "active_seats", "points": 8.2},
        {"label": "Have support take the urgent tickets first, and tell the customer when.", "because": "urgent tickets open: 2", "signal": "open_critical", "points": 5.6},
    ],
    "summary": "Harbour & Pine Logistics stands at 47.3 (watch), down 18.4 in four weeks: only 38% of the plan that is due is reached, and 47 days have gone by without a first report.",
    "links": {"page": "/app/accounts/0199a1b2-0000-7000-8000-000000000001"},
}  # fmt: skip


def days(
    count: int = 90, start: float = 68.0, end: float = 47.3, restated: int = 40
) -> list[tuple[datetime, float, str, bool]]:
    """Return a daily course from `start` to `end`: moment, score, band, restated."""
    found = []
    for n in range(count + 1):
        share = n / count
        score = round(start + (end - start) * share**2 + 4 * math.sin(n / 6) * (1 - share), 1)
        band = "green" if score >= 70 else "yellow" if score >= 40 else "red"
        found.append((NOW - timedelta(days=count - n), score, band, n < restated))
    return found
