"""Answers of the explaining routes as examples for the contract, of one account; they are never served as data."""

from scoring_api.ahead.supposition_views import PathAnswer, WhatIfAnswer
from scoring_api.past.change_views import ChangeAnswer
from scoring_api.past.history_views import History
from scoring_api.routers.examples import ACCOUNT, HEALTH, MODEL, MOMENT

BEFORE = "2026-02-02T09:30:00Z"
_BAND = HEALTH.effective_band.model_dump()
_HREF = f"/accounts/{ACCOUNT}/evidence/open_critical"
_LINE = {
    "cause": "values", "signal": "open_critical", "label": "Urgent tickets open", "dimension": "support",
    "from_value": 0.0, "to_value": 2.0, "unit": "tickets", "points": -12.5, "exact": -12.53,
    "sentence": "urgent tickets open: from 0 tickets to 2 tickets", "evidence": _HREF,
}  # fmt: skip
_NO_PART = {"points": 0.0, "exact": 0.0, "lines": []}
CHANGE = ChangeAnswer.model_validate({
    "account_id": ACCOUNT,
    "start": {"asked_for": BEFORE, "as_of": BEFORE, "score": 70.4, "band": "green",
              "effective_band": {"band": "green", "because": "model"}, "model": MODEL},
    "end": {"asked_for": MOMENT, "as_of": MOMENT, "score": 57.9, "band": "yellow", "effective_band": _BAND,
            "model": MODEL},
    "difference": -12.5, "exact": -12.53,
    "parts": [
        {"kind": "behaviour", "points": -12.5, "exact": -12.53, "lines": [_LINE],
         "sentence": "What the customer did or left undone"},
        _NO_PART | {"kind": "model", "sentence": "How the score is made"},
        _NO_PART | {"kind": "data", "sentence": "What we know"},
        _NO_PART | {"kind": "human", "sentence": "What people said"},
    ],
    "text": "The score fell by 12.5 points: from 70.4 to 57.9.",
})  # fmt: skip
_POINT = {"as_of": MOMENT, "score": 57.9, "raw_score": 57.93, "band": "yellow", "plain_band": "yellow", "model": MODEL}
HISTORY = History.model_validate({
    "account_id": ACCOUNT, "start": BEFORE, "end": MOMENT, "known": [_POINT], "restated": [],
    "restated_models": [],
    "markers": [{"at": BEFORE, "kind": "milestone", "label": "Reached: data_import", "subject": "data_import"}],
    "course": {"word": "falling", "noise": 3.0, "change": -9.8, "slope_per_week": -3.1},
    "smoothed": [{"as_of": MOMENT, "score": 60.2}],
})  # fmt: skip
WHAT_IF = WhatIfAnswer.model_validate({
    "account_id": ACCOUNT, "as_of": MOMENT, "model": MODEL,
    "before": {"score": 57.9, "band": "yellow", "effective_band": _BAND, "range": [45.8, 69.2], "coverage": 0.74},
    "after": {"score": 86.6, "band": "green", "effective_band": _BAND, "range": [60.1, 92.0], "coverage": 0.74},
    "difference": 28.7,
    "drivers": [{"signal": "open_critical", "label": "Urgent tickets open", "dimension": "support", "from_value": 2.0,
                 "to_value": 0.0, "unit": "tickets", "from_points": 33.3, "to_points": 100.0, "difference": 28.7,
                 "exact": 28.67, "sentence": "Urgent tickets open: 0 tickets instead of 2 tickets"}],
    "gates": [], "gates_difference": 0.0, "dimensions": [],
    "move": {"to": "green", "direction": "up", "after_days": 14.0,
             "sentence": "The band would become green once the score has held for another 14 days."},
    "news": {"kind": "score_moved", "from_band": "yellow", "to_band": "yellow", "from_score": 57.9, "to_score": 86.6},
})  # fmt: skip
assert HEALTH.path is not None
PATH = PathAnswer.model_validate({
    "account_id": ACCOUNT, "as_of": MOMENT, "model": MODEL, "score": 57.9, "band": "yellow", "target": 73.0,
    "gap": 15.1, "path": HEALTH.path.model_dump(), "cost": 2.0, "score_after": 86.6,
})  # fmt: skip
