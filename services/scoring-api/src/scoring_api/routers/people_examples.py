"""Examples of what people say about a score, for the contract, about the same account as the others; never data."""

from typing import Any

from scoring_api.people import feedback_views as written
from scoring_api.people import people_views as views
from scoring_api.routers.examples import ACCOUNT, MODEL, MOMENT

ID = "019a8c20-1111-7c31-9d0e-3f6a2b1c4d5e"
NAME = {"id": ACCOUNT, "name": "Acme"}
THEN = {"score": 57.9, "band": "yellow", "as_of": MOMENT}
LATER = "2026-03-16T09:30:00Z"
_OVERRIDE: dict[str, Any] = {
    "id": ID, "account_id": ACCOUNT, "band": "red", "score": None, "author": "Dana Reyes", "told_by": "crm",
    "reason": "The sponsor told us on the phone that they are leaving.", "created_at": MOMENT, "expires_at": LATER,
    "state": "active", "ended_at": None, "ended_by": None, "ended_because": None,
}  # fmt: skip
OVERRIDE = views.OverrideView.model_validate(_OVERRIDE)
OVERRIDES = views.AccountOverrides.model_validate({"account_id": ACCOUNT, "current": OVERRIDE, "history": [OVERRIDE]})
OVERRIDE_PAGE = views.OverridePage.model_validate({
    "data": [{"account": NAME, "override": OVERRIDE}], "next_cursor": None,
})  # fmt: skip
_GROUP = {"accounts": 12, "churned": 3, "renewed": 6, "neither": 3, "churned_share": 0.25}
_REST = {"accounts": 228, "churned": 9, "renewed": 140, "neither": 79, "churned_share": 0.0395}
STATISTICS = views.OverrideStatistics.model_validate({
    "start": "2026-01-01T00:00:00Z", "end": "2026-04-01T00:00:00Z",
    "months": [{"month": "2026-01", "accounts": 240, "overridden": 6, "share": 0.025}],
    "outcomes": {"overridden": _GROUP, "raised": _GROUP,
                 "lowered": {"accounts": 0, "churned": 0, "renewed": 0, "neither": 0, "churned_share": None},
                 "not_overridden": _REST},
})  # fmt: skip
PULSE = views.PulseView.model_validate({
    "id": f"own:{ID}", "account_id": ACCOUNT, "value": 85.0, "reason": "They asked for two more seats.",
    "author": "Dana Reyes", "told_by": "crm", "given_at": MOMENT, "expires_at": "2026-05-31T09:30:00Z",
    "taken_back_at": None, "state": "stands", "counts": True, "why": "",
})  # fmt: skip
PULSES = views.AccountPulses.model_validate({"account_id": ACCOUNT, "current": PULSE, "history": [PULSE]})
NOTE = written.NoteView.model_validate({
    "id": ID, "account_id": ACCOUNT, "text": "Import waits for their IT until Monday.", "visibility": "internal",
    "author": "Dana Reyes", "told_by": "crm", "created_at": MOMENT, "then": THEN,
})  # fmt: skip
NOTES = written.NotePage.model_validate({"data": [NOTE], "next_cursor": None})
FEEDBACK = written.FeedbackView.model_validate({
    "id": ID, "account": NAME, "because": "These tickets are feature wishes, nobody is stuck.",
    "signal": "open_critical", "expected_band": "green", "author": "Dana Reyes", "told_by": "crm", "owner": "Dana",
    "state": "open", "created_at": MOMENT, "then": THEN, "model": MODEL, "answer": None,
})  # fmt: skip
_ANSWER = {"verdict": "data_fixed", "text": "Wishes carry their own tag now.", "author": "Ola", "at": LATER}
ANSWERED = FEEDBACK.model_copy(update={"state": "answered", "answer": written.FeedbackAnswer.model_validate(_ANSWER)})
FEEDBACK_PAGE = written.FeedbackPage.model_validate({"data": [FEEDBACK], "open": 1, "next_cursor": None})
ERASED = written.ErasureDone(accounts=2)
FEEDBACK_OF = written.AccountFeedback.model_validate({"account_id": ACCOUNT, "data": [ANSWERED]})


def making(example: Any) -> dict[int | str, dict[str, Any]]:
    """Return what a route that makes something says of its good answer in the contract."""
    shown = example.model_dump(mode="json", by_alias=True)
    return {201: {"description": "It was made.", "content": {"application/json": {"example": shown}}}}
