"""What each refusal of this service looks like from outside; it decides nothing."""

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import ValidationError

from ingest_webhooks.connecting import ConnectionUnknown, SourceUnknown
from ingest_webhooks.inspecting import AccountUnknown, DeliveryUnknown, ReferenceTaken
from ingest_webhooks.intake import NotKept
from ingest_webhooks.shapes import AmbiguousHeader, Refused
from ingest_webhooks.sources import CONNECTABLE
from ingest_webhooks.sources.reading import BadBody
from milepost_runtime.database import STORE_TROUBLE
from milepost_runtime.problems import Problem, Translate, from_validation

_COME_AGAIN = {"Retry-After": "5"}
_CHALLENGE = {"WWW-Authenticate": 'Signature realm="milepost"'}


def _refused(error: Exception) -> Problem:
    assert isinstance(error, Refused)
    return Problem(401, error.code, f"{str(error)[:1].upper()}{str(error)[1:]}.", headers=_CHALLENGE)


def _bad_body(error: Exception) -> Problem:
    assert isinstance(error, BadBody)
    return Problem(400, error.code, f"{str(error)[:1].upper()}{str(error)[1:]}.")


def _invalid(error: Exception) -> Problem:
    assert isinstance(error, ValidationError)
    items = error.errors(include_url=False, include_input=False, include_context=False)
    return from_validation([{**item, "loc": ("body", "settings", *item["loc"])} for item in items])


def _unavailable(_error: Exception) -> Problem:
    return Problem(503, "temporarily_unavailable", "Nothing was kept. Send it again soon.", headers=_COME_AGAIN)


def _not_found(what: str) -> Translate:
    return lambda _error: Problem(404, "not_found", f"There is no such {what}.")


PROBLEMS: Mapping[type[Exception], Translate] = MappingProxyType(
    {
        Refused: _refused,
        AmbiguousHeader: lambda error: Problem(400, "ambiguous_header", f"The header {error} came more than once."),
        BadBody: _bad_body,
        NotKept: _unavailable,
        ConnectionUnknown: _not_found("connection"),
        DeliveryUnknown: _not_found("delivery"),
        AccountUnknown: _not_found("account"),
        SourceUnknown: lambda _: Problem(
            422,
            "not_valid",
            "No connection can be made for this source.",
            errors=[{"pointer": "/source", "detail": f"one of {', '.join(CONNECTABLE)}", "code": "source_unknown"}],
        ),
        ReferenceTaken: lambda _: Problem(
            409, "reference_taken", "This reference leads to another account; send `move: true` to move it."
        ),
        ValidationError: _invalid,
        **dict.fromkeys(STORE_TROUBLE, _unavailable),
    }
)


def problem_of(error: Exception) -> Problem | None:
    """Return the answer to a refusal, for routes that no framework serves; None for what is nobody's refusal."""
    for kind in type(error).__mro__:
        if kind in PROBLEMS:
            return PROBLEMS[kind](error)
    return None
