"""What answers about score models look like, for the published contract; every example is valid by its own view."""

from milepost_contracts.health import ModelRef
from scoring_api.documents import model_views as views

MOMENT = "2026-03-02T09:30:00Z"
DOCUMENT = """format: health-score-model/1
id: acme-onboarding
title: Acme onboarding
dimensions:
  - {id: usage, label: Product usage, weight: 1}
signals:
  - id: active_days
    dimension: usage
    label: Active days
    target: at least 9
    source: {agg: active_days, where: {type: [session.started, feature.used]}, window_days: 14, min_age_days: 14}
    normalise: {kind: piecewise, points: [[0, 0], [9, 100]]}
"""
# The same in JSON.
PLAIN = {
    "format": "health-score-model/1", "id": "acme-onboarding", "title": "Acme onboarding",
    "dimensions": [{"id": "usage", "label": "Product usage", "weight": 1}],
    "signals": [{
        "id": "active_days", "dimension": "usage", "label": "Active days", "target": "at least 9",
        "source": {"agg": "active_days", "where": {"type": ["session.started", "feature.used"]}, "window_days": 14,
                   "min_age_days": 14},
        "normalise": {"kind": "piecewise", "points": [[0, 0], [9, 100]]},
    }],
}  # fmt: skip
_SUMMARY = {
    "id": "b2b-onboarding", "title": "B2B onboarding", "in_charge": 1, "versions": [1], "applies_to": {},
    "precedence": 0, "shipped": True,
}  # fmt: skip
_FINDING = {
    "line": 9, "column": 5, "pointer": "/signals/0/source", "message": "event type 'sesion.started' is not in the"
    " vocabulary; it counts only if somebody sends it", "expected": "a known event type", "nearest": "session.started",
}  # fmt: skip
_RULE = {
    "pointer": "/signals/open_critical/weight", "kind": "changed", "before": 3, "after": 2,
    "sentence": "Weight of signal 'Urgent tickets open' changed from 3 to 2.",
}  # fmt: skip
SUMMARY = views.ModelSummary.model_validate(_SUMMARY)
LIST = views.ModelList(data=(SUMMARY,), line_up=1)
VERSIONS = views.ModelVersions.model_validate(_SUMMARY | {"history": [{
    "version": 1, "title": "B2B onboarding", "in_charge": True, "shipped": True, "author": "milepost", "note": "",
    "created_at": MOMENT, "digest": "6f1ed002ab5595859014ebf0951522d9bd6f1ed002ab5595859014ebf0951522",
}]})  # fmt: skip
LINT = views.LintAnswer.model_validate({"valid": True, "mistakes": [], "warnings": [_FINDING]})
KEPT = views.KeptAnswer.model_validate(
    {"id": "acme-onboarding", "version": 1, "title": "Acme onboarding", "new": True, "warnings": []}
)
LINE_UP = views.LineUpView(line_up=2, changed=True, marked=60, in_charge=(SUMMARY,))
LOG = views.ActivationPage.model_validate({"data": [{
    "id": 1, "at": MOMENT, "model": ModelRef(id="b2b-onboarding", version=1), "title": "B2B onboarding",
    "active": True, "before": None, "author": "milepost", "reason": "the first model of this installation",
}], "next_cursor": None})  # fmt: skip
DIFF = views.DiffAnswer.model_validate(
    {"id": "b2b-onboarding", "from_version": 1, "to_version": 2, "differences": [_RULE]}
)
PREVIEW = views.PreviewAnswer.model_validate({
    "as_of": MOMENT, "tried": 60, "taken": 60, "moves": [{"before": "yellow", "after": "green", "accounts": 1}],
    "accounts": [{
        "account_id": "019a8c1e-5b7f-7c31-9d0e-3f6a2b1c4d5e", "name": "Acme",
        "before": {"model": ModelRef(id="b2b-onboarding", version=1), "score": 68.4, "band": "yellow"},
        "after": {"model": ModelRef(id="b2b-onboarding", version=2), "score": 71.2, "band": "green"},
    }],
})  # fmt: skip
