"""Which fact becomes which answer: one table from our errors to RFC 9457 problems; it raises nothing itself."""

from collections.abc import Callable, Mapping
from typing import Any

from milepost_runtime.problems import Problem
from scoring_api.cataloguing import ModelUnknown
from scoring_api.evidencing import SignalUnknown
from scoring_api.listing import CursorBroken
from scoring_api.reading import AccountUnknown, NotScoredYet, SpanRefused
from scoring_api.restating import SpanRefused as DaysRefused


def account_unknown(error: Any) -> Problem:
    """404 with up to three near matches, each as an entry of `errors`."""
    errors = [
        {
            "pointer": "path:account_id",
            "code": "near_match",
            "detail": f"Did you mean {near.name}?",
            "id": str(near.id),
            "reference": near.reference or "",
        }
        for near in error.near
    ]
    hint = " See `errors` for what looks like it." if errors else " Send our id, or a reference: domain:acme.com."
    return Problem(404, "account_unknown", f"No account is known as '{error.asked[:200]}'.{hint}", errors=errors)


def not_scored_yet(error: Any) -> Problem:
    """404 that passes: the account is there, its first score will be."""
    detail = f"{error.name or 'This account'} is known, its first score is not there yet. Ask again in a moment."
    return Problem(404, "not_scored_yet", detail, headers={"Retry-After": "2"})


def model_unknown(error: Any) -> Problem:
    """404 that lists the models there are."""
    return Problem(404, "model_unknown", f"{str(error)[:1].upper()}{str(error)[1:]}.")


def signal_unknown(error: Any) -> Problem:
    """404 that lists the signals there are."""
    return Problem(404, "signal_unknown", f"{error}.")


def cursor_broken(error: Any) -> Problem:
    """400, never an empty page."""
    fault = {"pointer": "query:cursor", "code": "cursor_broken", "detail": str(error)}
    return Problem(400, "cursor_broken", f"The cursor cannot be used: {error}.", errors=[fault])


def span_refused(error: Any) -> Problem:
    """422 for a stretch of time that cannot be answered."""
    fault = {"pointer": "query:from", "code": "span_refused", "detail": str(error)}
    return Problem(422, "not_valid", f"{str(error)[:1].upper()}{str(error)[1:]}.", errors=[fault])


def days_refused(error: Any) -> Problem:
    """422 for days that cannot be told anew."""
    fault = {"pointer": "/from", "code": "days_refused", "detail": str(error)}
    return Problem(422, "not_valid", f"{str(error)[:1].upper()}{str(error)[1:]}.", errors=[fault])


TABLE: Mapping[type[Exception], Callable[[Any], Problem]] = {
    AccountUnknown: account_unknown,
    NotScoredYet: not_scored_yet,
    ModelUnknown: model_unknown,
    SignalUnknown: signal_unknown,
    CursorBroken: cursor_broken,
    SpanRefused: span_refused,
    DaysRefused: days_refused,
}


def as_problem(error: Exception) -> Problem | None:
    """Return the answer to one of our errors, None if it is not ours."""
    if isinstance(error, Problem):
        return error
    translate = TABLE.get(type(error))
    return None if translate is None else translate(error)
