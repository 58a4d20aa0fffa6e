"""`GET /accounts/{id}/health?as_of=…`: one account as of an earlier moment, known or restated; it decides nothing."""

from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

from pydantic import TypeAdapter, ValidationError

from milepost_contracts.events import Moment
from milepost_runtime.hot import Answer, Headers, header_text
from milepost_runtime.keys import KeyRing
from milepost_runtime.problems import Problem
from milepost_runtime.tagging import conditions, holds
from scoring_api.dependencies import query_faults
from scoring_api.past.recalling import Recalling, Told
from scoring_api.problems import as_problem
from scoring_api.scores.judging import digest

RESTATE: Final = (
    "Judge today's records of that moment by this version instead: `<number>` (of the model that judges the account),"
    " `<model>@<number>`, or `now` for the model in charge; needs `as_of`"
)
# Even what was known long ago may be told without a name one day: who has it asks whether it is still so.
ASK_AGAIN: Final = b"private, no-cache"
VARY: Final = b"Authorization, Accept"
LONGEST_VERSION: Final = 300
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


async def answer_then(keys: KeyRing, recalling: Recalling, asked: str, query: str, headers: Headers) -> Answer:
    """Return the document of an earlier moment, or 304 if the caller has it. Raises Problem for the rest."""
    principal = await keys.authenticate(header_text(headers, b"authorization"))
    principal.require("read")
    as_of, version = _asked(query)
    try:
        told = await (recalling.known(asked, as_of) if version is None else recalling.restated(asked, as_of, version))
    except Exception as error:
        problem = as_problem(error)
        if problem is None:
            raise
        raise problem from None
    return _answer(told, conditions(headers))


def _asked(query: str) -> tuple[datetime, str | None]:
    """Read both parameters. Raises Problem 422 for every fault at once."""
    faults = query_faults(query, {"as_of", "restate"})
    values = dict(parse_qsl(query, keep_blank_values=True))
    moment: datetime | None = None
    try:
        moment = _MOMENT.validate_python(values["as_of"]) if "as_of" in values else None
    except ValidationError:
        detail = "Write a moment as RFC 3339 does, with its offset: 2026-03-02T09:30:00Z (a + as %2B)."
        faults.append({"pointer": "query:as_of", "code": "bad_time", "detail": detail})
    version = values.get("restate")
    if version is not None and not 0 < len(version) <= LONGEST_VERSION:
        faults.append({"pointer": "query:restate", "code": "bad_length", "detail": "Name a version, or `now`."})
    if not faults and moment is None:
        faults.append({"pointer": "query:as_of", "code": "missing", "detail": "Say which moment is to be restated."})
    if faults or moment is None:
        raise Problem(422, "bad_parameter", f"{len(faults)} query parameter(s) cannot be used.", errors=faults)
    return moment, version


def _answer(told: Told, condition: str) -> Answer:
    document = told.document()
    body = document.model_dump_json().encode()
    # Restating again says the same of another instant: that is no other content.
    content = document.model_dump_json(exclude={"computed_at"}).encode() if told.restated else body
    etag = f'"{digest(content)}"'
    headers = [
        (b"etag", etag.encode()),
        (b"cache-control", ASK_AGAIN),
        (b"vary", VARY),
    ]
    if condition and holds(condition, etag):
        return Answer(304, headers)
    return Answer(200, [(b"content-type", b"application/json"), *headers], body)
