"""Routes about accounts: lists, bulk, history, explanation, evidence; the hot health route is documented here."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from milepost_contracts.health import HealthDocument
from milepost_runtime.keys import require_scope
from milepost_runtime.problems import Problem
from scoring_api.dependencies import Use, strict_query
from scoring_api.queries.reading import Filter
from scoring_api.routers import examples
from scoring_api.routers.examples import answering
from scoring_api.routers.health import answer_health
from scoring_api.views import AccountPage, BatchAnswer, BatchRequest, Evidence, Explanation, History

router = APIRouter(tags=["accounts"], dependencies=[require_scope("read"), Depends(strict_query)])
BANDS = ("red", "yellow", "green", "unknown")
Order = Literal[
    "urgency", "score", "-score", "name", "-name", "change_28d", "-change_28d", "computed_at", "-computed_at"
]
Asked = Annotated[
    str,
    Path(
        description="Our id, or any reference (URL-encoded)",
        max_length=500,
        examples=["hubspot:4711:99", "domain:acme.com"],
    ),
]
Text = Annotated[str | None, Field(min_length=1, max_length=200)]


class ListQuery(BaseModel):
    """Which accounts, in which order."""

    band: str | None = Field(None, description="One or more of red, yellow, green, unknown; comma between")
    segment: Text = None
    stage: Text = None
    owner: Text = None
    q: str | None = Field(None, max_length=200, description="Part of a name, an owner or a reference")
    sort: Order = "urgency"
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, max_length=2000)


_NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "You have the newest document (If-None-Match)."}}


@router.get(
    "/accounts/{account_id:path}/health",
    response_model=HealthDocument,
    responses=answering(examples.HEALTH) | _NOT_MODIFIED,
    summary="The score of an account, with its reasons",
)
async def read_health(account_id: Asked, request: Request, use: Use) -> Response:
    """The document made with the score. Send its `ETag` as `If-None-Match` to ask again cheaply."""
    answer = await answer_health(
        request.app.state.keys, use.reading, account_id, request.url.query, request.headers.raw
    )
    response = Response(answer.body, answer.status)
    response.raw_headers.extend(answer.headers)
    return response


_LIST = AccountPage(data=(examples.ROW,), next_cursor=None)
_BATCH = BatchAnswer(data=(examples.HEALTH,), unknown=("domain:nobody.example",), not_scored=())
_HISTORY = History(
    account_id=examples.HEALTH.account.id,
    start=examples.HEALTH.as_of,
    end=examples.HEALTH.as_of,
    known=(examples.POINT,),
    restated=(),
)


@router.get(
    "/accounts",
    summary="Accounts, the most urgent first",
    responses=answering(_LIST),
)
async def list_accounts(
    response: Response,
    request: Request,
    use: Use,
    wanted: Annotated[ListQuery, Query()],
) -> AccountPage:
    """Pages follow `next_cursor`, or the `Link` header; a cursor keeps to the filters and the order it came from."""
    search = (wanted.q or "").strip() or None
    rows = Filter(bands_of(wanted.band), wanted.segment, wanted.stage, wanted.owner, search)
    page = await use.listing.page(rows, wanted.sort, wanted.cursor, wanted.limit)
    if page.next_cursor:
        following = request.url.include_query_params(cursor=page.next_cursor)
        response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    response.headers["Cache-Control"] = "private, no-cache"
    return page


@router.post("/accounts/health:batch", summary="The documents of up to 200 accounts", responses=answering(_BATCH))
async def batch_health(body: BatchRequest, use: Use) -> BatchAnswer:
    """Each document once, in the order asked for; unknown ids are named in `unknown`."""
    return await use.reading.batch(body.ids)


@router.get(
    "/accounts/{account_id:path}/history",
    summary="Scores by day, as known and as restated",
    responses=answering(_HISTORY),
)
async def read_history(
    account_id: Asked,
    use: Use,
    since: Annotated[datetime | None, Query(alias="from", description="RFC 3339; 90 days before `to`")] = None,
    until: Annotated[datetime | None, Query(alias="to", description="RFC 3339; now")] = None,
) -> History:
    """`known`: as it was told on the day. `restated`: what later records and the newest model make of that day."""
    for name, moment in (("from", since), ("to", until)):
        if moment is not None and moment.tzinfo is None:
            fault = {"pointer": f"query:{name}", "code": "no_offset", "detail": "Give the offset, such as Z."}
            raise Problem(422, "bad_parameter", "1 query parameter(s) cannot be used.", errors=[fault])
    return await use.reading.history(account_id, since, until)


@router.get(
    "/accounts/{account_id:path}/explanation",
    summary="Why the score is what it is",
    responses=answering(examples.EXPLANATION),
)
async def explain_account(account_id: Asked, use: Use) -> Explanation:
    """Baseline plus drivers plus gates is the score; `text` says so in lines, `figures` in the law's own terms."""
    return await use.reading.explanation(account_id)


@router.get(
    "/accounts/{account_id:path}/evidence/{signal}",
    summary="The newest records behind a signal",
    responses=answering(examples.EVIDENCE),
)
async def list_evidence(
    account_id: Asked,
    signal: Annotated[str, Path(max_length=100)],
    use: Use,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Evidence:
    """The signal's rule, and the records that it reads, newest first."""
    return await use.evidencing.evidence(account_id, signal, limit)


def bands_of(text: str | None) -> tuple[str, ...] | None:
    """Return the bands of a comma-separated list. Raises Problem 422 for a word that is none."""
    if not text:
        return None
    bands = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    wrong = [band for band in bands if band not in BANDS]
    if wrong:
        fault = {"pointer": "query:band", "code": "unknown_band", "detail": f"Bands are {', '.join(BANDS)}."}
        raise Problem(422, "bad_parameter", "1 query parameter(s) cannot be used.", errors=[fault])
    return bands
