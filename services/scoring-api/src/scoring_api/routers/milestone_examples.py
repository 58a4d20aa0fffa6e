"""Examples of plans for the contract, about the same account as the others; they are never served as data."""

from scoring_api.ahead import milestone_views as views
from scoring_api.routers.examples import ACCOUNT, MODEL, MOMENT

_DUE, _DONE, _START = "2026-02-16T00:00:00Z", "2026-02-12T10:00:00Z", "2026-02-02T00:00:00Z"
_EVIDENCE = "https://wiki.acme.example/kick-off"
_WORD = {
    "what": "completed", "at": _DONE, "recorded_at": _DONE, "by": "Dana Reyes", "source": "milepost",
    "event_id": "own:019a8c20-1111-7c31-9d0e-3f6a2b1c4d5e",
    "said": {"by": "hand", "evidence": _EVIDENCE, "told_by": "crm"},
}  # fmt: skip
_FORECAST = {
    "likely_on": "2026-03-06", "earliest_on": "2026-03-02", "latest_on": "2026-03-06", "slip_days": 18, "pace": 1.14,
    "seen": 1, "critical": ["sso"], "because": "",
}  # fmt: skip
DELAY = views.DelayView.model_validate({
    "id": "own:019a8c21-2222-7c31-9d0e-3f6a2b1c4d5e", "side": "customer", "because": "Their IT has to open a port.",
    "milestone": "sso", "started_at": "2026-02-18T09:00:00Z", "ended_at": None,
})  # fmt: skip
_LOST = {"customer": 9, "us": 1, "third_party": 0, "total": 10}
MILESTONES = views.AccountMilestones.model_validate({
    "account_id": ACCOUNT, "as_of": MOMENT, "model": MODEL,
    "journey": {"state": "behind", "since": _DUE, "sentence": "Behind: single sign-on live is late.",
                "start_at": _START, "target_at": _DUE, "finished_at": None, "forecast": _FORECAST,
                "delay_days": _LOST},
    "milestones": [
        {"id": "kickoff", "label": "Kick-off held", "state": "done", "due_at": "2026-02-12T00:00:00Z",
         "done_at": _DONE, "weight": 1.0, "completed_by": _WORD, "evidence": _EVIDENCE,
         "history": [_WORD]},
        {"id": "sso", "label": "Single sign-on live", "state": "late", "due_at": _DUE, "days_late": 14,
         "expected_on": "2026-03-06", "weight": 2.0, "after": ["kickoff"], "delay_days": _LOST},
    ],
    "delays": [DELAY.model_dump()], "dropped": [],
})  # fmt: skip
_TIMES = {"n": 240, "reached": 198, "median": 16.2, "p90": 41.0, "spread": 12.5, "on_time": 0.61}
_GROUP = {
    "name": "all", "accounts": 240, "first_value": {**_TIMES, "median": 29.0, "on_time": None},
    "milestones": [{"id": "sso", "label": "Single sign-on live", **_TIMES}],
    "funnel": [{"id": "sso", "label": "Single sign-on live", "could": 221, "reached": 198, "share": 0.8959,
                "dropped": 0.1041}],
    "delay_days": {"customer": 910, "us": 240, "third_party": 75, "total": 1225},
}  # fmt: skip
STATISTICS = views.MilestoneStatistics.model_validate({
    "model": MODEL, "segment": None, "start": "2025-03-02T09:30:00Z", "end": MOMENT, "as_of": MOMENT,
    "first_value_label": "Time to first report", "all": _GROUP, "cohorts": [{**_GROUP, "name": "2026-Q1"}],
    "segments": [{**_GROUP, "name": "mid-market"}],
})  # fmt: skip
