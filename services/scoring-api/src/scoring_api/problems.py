"""Which fact becomes which answer: one table from our errors to RFC 9457 problems; it raises nothing itself."""

from collections.abc import Callable, Mapping
from typing import Any

from milepost_core.model import ModelInvalid
from milepost_runtime.paging import CursorBroken as PageCursorBroken
from milepost_runtime.problems import Problem
from scoring_api.ahead.steering import MilestoneUnknown, PlanAgainst
from scoring_api.ahead.supposing import BandNotAhead, BandUnreachable, SuppositionRefused
from scoring_api.ahead.surveying import NotInCharge, SurveyBusy
from scoring_api.answers.listing import CursorBroken
from scoring_api.answers.reading import AccountUnknown, NotScoredYet, SpanRefused
from scoring_api.documents.cataloguing import ModelUnknown
from scoring_api.documents.checking import ModelDocumentInvalid
from scoring_api.documents.founding import VersionTaken
from scoring_api.documents.proving import ModelUnmeasurable
from scoring_api.evidencing import SignalUnknown
from scoring_api.past.recalling import FutureMoment, NotScoredThen, VersionUnknown
from scoring_api.past.restating import RestatementOver, RestatementUnknown
from scoring_api.past.restating import SpanRefused as DaysRefused
from scoring_api.people.doubting import FeedbackAnswered
from scoring_api.people.speaking import WordRefused, WordUnknown
from scoring_api.scores.lineup import LineUpUnfit, ModelNotKept


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
    return Problem(404, "model_unknown", _ended(f"{str(error)[:1].upper()}{str(error)[1:]}"))


def model_invalid(error: Any) -> Problem:
    """422 with every mistake of a document, each with line and column."""
    errors = [
        {"pointer": one.pointer, "code": "model_mistake", "detail": one.said, "line": one.line, "column": one.column}
        for one in error.mistakes
    ]
    number = "1 mistake" if len(errors) == 1 else f"{len(errors)} mistakes"
    return Problem(422, "model_invalid", f"The document is no score model: {number}, see `errors`.", errors=errors)


def kept_model_invalid(error: Any) -> Problem:
    """422 for a version that was kept by other rules and is refused by today's."""
    errors = [{"pointer": one.pointer, "code": "model_mistake", "detail": str(one)} for one in error.problems]
    detail = "This version is no score model by the rules of today, see `errors`."
    return Problem(422, "model_invalid", detail, errors=errors)


def model_unmeasurable(error: Any) -> Problem:
    """422 for a version that the store cannot measure: it judges nobody."""
    fault = {"pointer": "path:version", "code": "model_unmeasurable", "detail": str(error)}
    return Problem(422, "model_unmeasurable", f"{str(error)[:1].upper()}{str(error)[1:]}.", errors=[fault])


def version_taken(error: Any) -> Problem:
    """409 with the next free number."""
    fault = {"pointer": "/version", "code": "version_taken", "detail": f"The next free number is {error.free}."}
    return Problem(409, "version_taken", f"{str(error)[:1].upper()}{str(error)[1:]}.", errors=[fault])


def line_up_unfit(error: Any) -> Problem:
    """409 with the reason for each pair, or for those whom nobody would judge."""
    errors = [{"pointer": "", "code": code, "detail": f"{words}."} for code, words in error.faults]
    detail = f"These models cannot judge together: {error}. Name in `retire` those that shall give way."
    return Problem(409, "line_up_unfit", detail, errors=errors)


def signal_unknown(error: Any) -> Problem:
    """404 that lists the signals there are."""
    return Problem(404, "signal_unknown", _ended(str(error)))


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


def restatement_unknown(error: Any) -> Problem:
    """404 for an order that nobody gave."""
    return Problem(404, "restatement_unknown", f"{str(error)[:1].upper()}{str(error)[1:]}.")


def restatement_over(error: Any) -> Problem:
    """409: what is over cannot be cancelled."""
    return Problem(409, "restatement_over", f"{str(error)[:1].upper()}{str(error)[1:]}.")


def word_refused(error: Any) -> Problem:
    """422 for something that a person said and that cannot be kept."""
    fault = {"pointer": f"/{error.part}", "code": error.code, "detail": str(error)}
    return Problem(422, error.code, _ended(f"{str(error)[:1].upper()}{str(error)[1:]}"), errors=[fault])


def word_unknown(error: Any) -> Problem:
    """404 for something that nobody said."""
    return Problem(404, f"{error.kind}_unknown", f"{error}.")


def milestone_unknown(error: Any) -> Problem:
    """404 with the nearest milestone of the plan."""
    hint = f" Did you mean '{error.near}'?" if error.near else f" It has {', '.join(error.known[:20]) or 'none'}."
    fault = {"pointer": "path:milestone", "code": "near_match", "detail": error.near} if error.near else None
    return Problem(404, "milestone_unknown", f"{error}.{hint}", errors=[fault] if fault else [])


def plan_against(error: Any) -> Problem:
    """409: the plan as it stands rules out what was said."""
    return Problem(409, error.code, f"{str(error)[:1].upper()}{str(error)[1:]}.")


def not_in_charge(error: Any) -> Problem:
    """404 that names the models in charge."""
    hint = f"Did you mean '{error.near}'?" if error.near else f"In charge: {', '.join(error.known[:20])}."
    return Problem(404, "model_unknown", f"{str(error)[:1].upper()}{str(error)[1:]}. {hint}")


def survey_busy(error: Any) -> Problem:
    """503 that passes: one survey at a time."""
    detail = f"{str(error)[:1].upper()}{str(error)[1:]}. Ask again in a moment."
    return Problem(503, "survey_busy", detail, headers={"Retry-After": "10"})


def feedback_answered(error: Any) -> Problem:
    """409: there is one answer to a doubt."""
    return Problem(409, "feedback_answered", f"{error}.")


def not_scored_then(error: Any) -> Problem:
    """404 with the first moment at which there was a score."""
    first = error.first.isoformat().replace("+00:00", "Z")
    detail = f"{error.name or 'This account'} had no score then. The first one is of {first}."
    fault = {"pointer": "query", "code": "first_moment", "detail": f"Ask for {first} or later.", "first_moment": first}
    return Problem(404, "not_scored_then", detail, errors=[fault])


def future_moment(error: Any) -> Problem:
    """422: nobody knows yet."""
    detail = f"{str(error)[:1].upper()}{str(error)[1:]}."
    fault = {"pointer": error.pointer, "code": "future_moment", "detail": detail}
    return Problem(422, "future_moment", detail, errors=[fault])


def version_unknown(error: Any) -> Problem:
    """404 that names the versions there are."""
    errors = [{"pointer": error.pointer, "code": "known", "detail": one} for one in error.known]
    hint = f" Did you mean {error.near}?" if error.near else ""
    return Problem(404, "model_unknown", f"T{str(error)[1:]}.{hint}", errors=errors)


def supposition_refused(error: Any) -> Problem:
    """422 with a pointer to every value that cannot be supposed."""
    errors = [
        {"pointer": one.pointer, "code": one.code, "detail": one.detail} | ({"near": one.near} if one.near else {})
        for one in error.faults
    ]
    return Problem(422, error.faults[0].code, f"{len(errors)} value(s) cannot be supposed.", errors=errors)


def band_not_ahead(error: Any) -> Problem:
    """422 for a band to which there is no way up."""
    fault = {"pointer": "path:band", "code": "band_not_ahead", "detail": str(error)}
    return Problem(422, "band_not_ahead", f"{str(error)[:1].upper()}{str(error)[1:]}.", errors=[fault])


def band_unreachable(error: Any) -> Problem:
    """422 that tells of every signal the most it could add by itself."""
    errors = [
        {"pointer": f"path:band/{name}", "code": "most_gain", "signal": name, "gain": f"{gain:.1f}",
         "detail": f"{label} could add {gain:.1f} points at most."}
        for name, gain, label in error.levers
    ]  # fmt: skip
    return Problem(422, "band_unreachable", f"{error}.", errors=errors)


def _ended(text: str) -> str:
    """A sentence with its mark at the end: a question has one of its own."""
    return text if text.endswith(("?", ".")) else f"{text}."


TABLE: Mapping[type[Exception], Callable[[Any], Problem]] = {
    AccountUnknown: account_unknown,
    NotScoredYet: not_scored_yet,
    ModelUnknown: model_unknown,
    ModelNotKept: model_unknown,
    ModelDocumentInvalid: model_invalid,
    ModelInvalid: kept_model_invalid,
    ModelUnmeasurable: model_unmeasurable,
    VersionTaken: version_taken,
    LineUpUnfit: line_up_unfit,
    SignalUnknown: signal_unknown,
    CursorBroken: cursor_broken,
    PageCursorBroken: cursor_broken,
    WordRefused: word_refused,
    WordUnknown: word_unknown,
    MilestoneUnknown: milestone_unknown,
    PlanAgainst: plan_against,
    NotInCharge: not_in_charge,
    SurveyBusy: survey_busy,
    FeedbackAnswered: feedback_answered,
    SpanRefused: span_refused,
    NotScoredThen: not_scored_then,
    FutureMoment: future_moment,
    VersionUnknown: version_unknown,
    SuppositionRefused: supposition_refused,
    BandNotAhead: band_not_ahead,
    BandUnreachable: band_unreachable,
    DaysRefused: days_refused,
    RestatementUnknown: restatement_unknown,
    RestatementOver: restatement_over,
}


def as_problem(error: Exception) -> Problem | None:
    """Return the answer to one of our errors, None if it is not ours."""
    if isinstance(error, Problem):
        return error
    translate = TABLE.get(type(error))
    return None if translate is None else translate(error)
