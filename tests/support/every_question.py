"""A score model that asks every kind of question once, for tests of the signals; its judgement means nothing."""

from typing import Any

from milepost_core.model import ScoreModel, parse_model

_USE = {"type": ["feature.used", "session.started"]}
_CURVE = {"kind": "piecewise", "points": [[0, 0], [100, 100]]}

SOURCES: dict[str, dict[str, Any]] = {
    "count": {"agg": "count", "where": _USE, "window_days": 3},
    "count_grown": {"agg": "count", "where": {"role": ["admin", "sponsor"]}, "min_age_days": 4},
    "count_kind": {"agg": "count", "where": {"kind": "survey"}, "window_days": 6},
    "count_property": {"agg": "count", "where": {"plan": ["pro", 3, True]}, "window_days": 9},
    "distinct_actor": {"agg": "distinct", "field": "actor", "where": _USE, "window_days": 5},
    "distinct_plan": {"agg": "distinct", "field": "plan", "where": _USE},
    "active_days": {"agg": "active_days", "where": _USE, "window_days": 6},
    "sum": {"agg": "sum", "where": {"type": "survey.answered"}, "window_days": 4},
    "sum_property": {"agg": "sum", "value": "plan", "where": _USE},
    "mean": {"agg": "mean", "where": {"type": "survey.answered"}, "window_days": 6, "min_n": 2},
    "decayed": {"agg": "decayed_sum", "where": {"type": ["survey.answered", "feature.used"]}, "half_life": 2},
    "last": {"agg": "last", "where": {"type": "survey.answered"}},
    "last_plan": {"agg": "last", "value": "plan", "where": _USE, "window_days": 7},
    "since": {"agg": "days_since_last", "where": {"role": "sponsor"}, "never": "age"},
    "since_never": {"agg": "days_since_last", "where": {"type": "survey.answered"}, "window_days": 3},
    "first": {"agg": "time_to_first", "where": {"type": "survey.answered"}},
    "seats": {"agg": "ratio", "num": {"agg": "distinct", "field": "actor", "where": _USE}, "den": "seats", "max": 1.0},
    "share": {
        "agg": "ratio",
        "num": {"agg": "count", "where": {"type": "feature.used"}, "window_days": 6, "min_age_days": 2},
        "den": {"agg": "count", "where": _USE, "window_days": 6},
    },
    "share_or_one": {
        "agg": "ratio",
        "num": {"agg": "count", "where": {"type": "feature.used"}, "window_days": 2},
        "den": {"agg": "count", "where": {"type": "session.started"}, "window_days": 2},
        "zero_den": 1.0,
    },
    "halved": {"agg": "ratio", "num": {"agg": "rate", "where": _USE, "window_days": 4}, "den": 2},
    "slope": {"agg": "slope", "where": _USE, "bucket_days": 2, "buckets": 3},
    "momentum": {"agg": "momentum", "where": _USE, "bucket_days": 1, "buckets": 4},
    "open": {"agg": "open_items", "where": {"kind": "ticket", "severity": ["high", "critical"]}},
    "open_all": {"agg": "open_items", "where": {}},
    "overdue": {"agg": "overdue_items", "where": {"kind": "task"}},
    "oldest": {"agg": "oldest_open_age", "where": {"kind": "invoice", "state": "overdue"}},
    "oldest_any": {"agg": "oldest_open_age", "where": {"kind": ["invoice", "ticket"]}},
    "milestones": {"agg": "milestone_progress", "late_penalty_per_day": 0.1, "late_floor": 0.4},
    "breadth": {"agg": "breadth", "where": _USE, "window_days": 5, "expected": ["admin", "sponsor", "analyst"]},
    "rate": {"agg": "rate", "where": _USE, "window_days": 8, "min_age_days": 1},
    "rate_ever": {"agg": "rate", "where": _USE},
}


# Beside the steps that an account is planned to take by a word: days, none, and completions of their own.
MILESTONES: list[dict[str, Any]] = [
    {"id": "trained", "target_day": 3, "weight": 2},
    {"id": "someday"},
    {"id": "used", "target_day": 1.5, "done_by": {"type": "feature.used", "role": ["admin", "sponsor"]}},
    {"id": "seen", "target_day": 9, "weight": 0.5, "done_by": {"actor": "ann", "plan": "pro"}},
]


def every_question(timezone: str = "UTC") -> ScoreModel:
    """The model; `timezone` moves the edges of calendar days."""
    return parse_model(
        {
            "format": "health-score-model/1",
            "id": "every-question",
            "timezone": timezone,
            "dimensions": [{"id": "all", "weight": 1}],
            "milestones": MILESTONES,
            "bands": {"green": 70, "yellow": 40},
            "signals": [
                {"id": name, "dimension": "all", "source": source, "normalise": _CURVE}
                for name, source in SOURCES.items()
            ],
            "gates": [
                {
                    "id": "left",
                    "when": {
                        "source": {
                            "agg": "last",
                            "where": {"type": ["stakeholder.left", "stakeholder.joined"], "role": "sponsor"},
                        },
                        "op": "==",
                        "value": "left",
                    },
                    "cap_score": 50,
                }
            ],
        }
    )
