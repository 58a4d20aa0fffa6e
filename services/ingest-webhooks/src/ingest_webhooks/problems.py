"""What each refusal of this service looks like from outside; it decides nothing."""

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from ingest_webhooks.accounts.naming import (
    AccountUnknown,
    LeadsNowhere,
    MergedAlready,
    MergedIntoItself,
    ReferenceTaken,
    ReferenceUnknown,
)
from ingest_webhooks.entrance.connecting import SecretTaken, SecretUnfit, SourceUnknown
from ingest_webhooks.entrance.doors import ConnectionUnknown
from ingest_webhooks.entrance.intake import NotKept
from ingest_webhooks.entrance.pacing import TooFast
from ingest_webhooks.forgetting.erasing import ErasureUnknown
from ingest_webhooks.imports.importing import ImportIncomplete, ImportUnknown, TooManyStreams
from ingest_webhooks.imports.loading import ImportClosed, ImportMoved
from ingest_webhooks.relay.replaying import ReplayOver, ReplayUnknown
from ingest_webhooks.relay.translating import MappingChanged, MappingInvalid, VersionUnknown
from ingest_webhooks.samples.company import CompanyUnfit
from ingest_webhooks.sources import CONNECTABLE
from ingest_webhooks.trials.rehearsing import ConnectionDisabled, NothingOfThatName, NotOurs
from ingest_webhooks.upkeep.inspecting import DeliveryUnknown
from ingest_webhooks.words.shapes import AmbiguousHeader, MediaUnsupported, NotHere, Refused, WrongOrganisation
from milepost_runtime.database import STORE_TROUBLE, is_store_trouble
from milepost_runtime.paging import CursorBroken, bad_cursor
from milepost_runtime.problems import Problem, Translate, bad_body, from_validation, unforeseen
from milepost_runtime.strict_json import BadBody

_COME_AGAIN = {"Retry-After": "5"}
_CHALLENGE = {"WWW-Authenticate": 'Signature realm="milepost"'}


def _refused(error: Exception) -> Problem:
    assert isinstance(error, Refused)
    return Problem(401, error.code, f"{str(error)[:1].upper()}{str(error)[1:]}.", headers=_CHALLENGE)


def _bad_body(error: Exception) -> Problem:
    assert isinstance(error, BadBody)
    return bad_body(error)


def _invalid(error: Exception) -> Problem:
    assert isinstance(error, ValidationError)
    items = error.errors(include_url=False, include_input=False, include_context=False)
    return from_validation([{**item, "loc": ("body", "settings", *item["loc"])} for item in items])


def _invalid_request(error: Exception) -> Problem:
    assert isinstance(error, RequestValidationError)
    problem = from_validation(error.errors(), error.body)
    in_query = all(item["loc"][0] == "query" for item in error.errors())
    return replace(problem, type="bad_parameter") if in_query else problem


def _mapping_invalid(error: Exception) -> Problem:
    assert isinstance(error, MappingInvalid)
    entries = []
    for one in error.remarks:
        near = {} if one.nearest is None else {"nearest": one.nearest}
        entries.append({"pointer": one.pointer, "detail": one.message, "code": one.code, **near})
    return Problem(422, "mapping_invalid", f"{len(entries)} part(s) of the mapping are not valid.", errors=entries)


def _store_trouble(error: Exception) -> Problem:
    return _unavailable(error) if is_store_trouble(error) else unforeseen(error, "ingest")


def _unavailable(_error: Exception) -> Problem:
    return Problem(503, "temporarily_unavailable", "Nothing was kept. Send it again soon.", headers=_COME_AGAIN)


def _too_fast(error: Exception) -> Problem:
    assert isinstance(error, TooFast)
    seconds = str(max(1, math.ceil(error.seconds)))
    detail = "This connection takes fewer requests a second; nothing was kept."
    return Problem(429, "rate_limited", detail, headers={"Retry-After": seconds})


def _secret_unfit(error: Exception) -> Problem:
    entry = {"pointer": "/secret", "detail": str(error), "code": "secret_unfit"}
    return Problem(422, "not_valid", "This can be no secret of that provider.", errors=[entry])


def _secret_taken(_error: Exception) -> Problem:
    detail = "another connection has it, and it alone says whose a call is"
    entry = {"pointer": "/secret", "detail": detail, "code": "secret_taken"}
    return Problem(409, "secret_taken", "This secret belongs to another connection of that source.", errors=[entry])


def _company_unfit(error: Exception) -> Problem:
    assert isinstance(error, CompanyUnfit)
    entry = {"pointer": "/company", "detail": str(error), "code": "company_unfit"}
    return Problem(422, "not_valid", "A sample cannot speak of such a company.", errors=[entry])


def _nothing_of_that_name(error: Exception) -> Problem:
    assert isinstance(error, NothingOfThatName)
    meant = "" if error.nearest is None else f" Did you mean {error.nearest}?"
    return Problem(404, "not_found", f"There is no such {error.what}.{meant} There is {', '.join(error.known)}.")


def _import_moved(error: Exception) -> Problem:
    assert isinstance(error, ImportMoved)
    entry = {"pointer": "query:from", "detail": f"{error.position} lines are settled", "code": "import_moved"}
    return Problem(409, "import_moved", "The import stands at another line; ask for it and go on there.", [entry])


def _account_unknown(error: Exception) -> Problem:
    assert isinstance(error, AccountUnknown)
    if not error.pointer:
        return Problem(404, "not_found", "There is no such account.")
    entry = {"pointer": error.pointer, "detail": "there is no such account", "code": "account_unknown"}
    return Problem(422, "not_valid", "An account that was named does not exist.", errors=[entry])


def _leads_nowhere(error: Exception) -> Problem:
    assert isinstance(error, LeadsNowhere)
    entry = {"pointer": error.pointer, "detail": str(error), "code": "shared_domain"}
    return Problem(422, "shared_domain", "This reference can name no account.", errors=[entry])


def _not_found(what: str) -> Translate:
    return lambda _error: Problem(404, "not_found", f"There is no such {what}.")


PROBLEMS: Mapping[type[Exception], Translate] = MappingProxyType(
    {
        Refused: _refused,
        AmbiguousHeader: lambda error: Problem(400, "ambiguous_header", f"The header {error} came more than once."),
        BadBody: _bad_body,
        NotKept: _unavailable,
        ConnectionUnknown: _not_found("connection"),
        # Who lacks the secret segment of an address learns nothing, not even that the rest of it is right.
        NotHere: _not_found("connection"),
        TooFast: _too_fast,
        MediaUnsupported: lambda error: Problem(
            415, "media_type_unsupported", f"{str(error)[:1].upper()}{str(error)[1:]}."
        ),
        WrongOrganisation: lambda _: Problem(
            403, "wrong_organisation", "This connection was made for another organisation."
        ),
        DeliveryUnknown: _not_found("delivery"),
        AccountUnknown: _account_unknown,
        LeadsNowhere: _leads_nowhere,
        ReferenceUnknown: _not_found("reference"),
        ErasureUnknown: _not_found("erasure"),
        MergedIntoItself: lambda _: Problem(
            422,
            "not_valid",
            "An account cannot be merged into itself.",
            errors=[{"pointer": "/into", "detail": "this is the account itself", "code": "merged_into_itself"}],
        ),
        MergedAlready: lambda error: Problem(
            409, "merged_already", f"This account lives on in {error} since it was merged; merge that one."
        ),
        ImportUnknown: _not_found("import"),
        ImportMoved: _import_moved,
        ImportClosed: lambda error: Problem(409, "import_closed", f"The import is {error} already."),
        ImportIncomplete: lambda error: Problem(409, "import_incomplete", f"Only {error}."),
        TooManyStreams: lambda _: Problem(
            429, "too_many_streams", "Other imports are being read; come again.", headers=_COME_AGAIN
        ),
        SourceUnknown: lambda _: Problem(
            422,
            "not_valid",
            "No connection can be made for this source.",
            errors=[{"pointer": "/source", "detail": f"one of {', '.join(CONNECTABLE)}", "code": "source_unknown"}],
        ),
        SecretUnfit: _secret_unfit,
        SecretTaken: _secret_taken,
        NothingOfThatName: _nothing_of_that_name,
        CompanyUnfit: _company_unfit,
        ConnectionDisabled: lambda _: Problem(
            409, "connection_disabled", "The connection takes no deliveries; enable it first."
        ),
        NotOurs: lambda _: Problem(
            409, "cannot_sign", "This connection holds a public key: only its sender can sign for it."
        ),
        MappingInvalid: _mapping_invalid,
        MappingChanged: lambda error: Problem(412, "version_conflict", f"Somebody changed it meanwhile: {error}."),
        VersionUnknown: _not_found("version"),
        ReplayUnknown: _not_found("replay"),
        ReplayOver: lambda error: Problem(409, "replay_over", f"The replay is {error} already."),
        ReferenceTaken: lambda _: Problem(
            409, "reference_taken", "This reference leads to another account; send `move: true` to move it."
        ),
        ValidationError: _invalid,
        RequestValidationError: _invalid_request,
        CursorBroken: bad_cursor,
        **dict.fromkeys(STORE_TROUBLE, _store_trouble),
    }
)


def problem_of(error: Exception) -> Problem | None:
    """Return the answer to a refusal, for routes that no framework serves; None for what is nobody's refusal."""
    for kind in type(error).__mro__:
        if kind in PROBLEMS:
            return PROBLEMS[kind](error)
    return None
