"""Routes about accounts: lists, bulk, evidence; the hot health route is documented here."""

from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from milepost_contracts.events import Moment
from milepost_contracts.health import HealthDocument
from milepost_runtime.hot import Answer
from milepost_runtime.keys import require_scope
from scoring_api.answers.views import AccountPage, BatchAnswer, BatchRequest, Evidence
from scoring_api.dependencies import Use, chosen, strict_query
from scoring_api.queries.lists import Filter
from scoring_api.routers import examples
from scoring_api.routers.examples import answering
from scoring_api.routers.health import answer_health
from scoring_api.routers.moments import RESTATE, answer_then
from scoring_api.routers.segments import Segments

router = APIRouter(tags=["accounts"], dependencies=[require_scope("read"), Depends(strict_query)], route_class=Segments)
BANDS = ("red", "yellow", "green", "unknown")
Order = Literal[
    "urgency", "score", "-score", "name", "-name", "change_28d", "-change_28d", "computed_at", "-computed_at", "id"
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
    model: Text = Field(None, description="Who judges: the id of a score model", examples=["b2b-onboarding"])
    journey: Literal["on_track", "behind", "stuck", "done"] | None = None
    confidence: Literal["high", "medium", "low"] | None = None
    q: str | None = Field(None, max_length=200, description="Part of a name, an owner or a reference")
    sort: Order = "urgency"
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, max_length=2000)


_NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "You have the newest document (If-None-Match)."}}


@router.get(
    "/accounts/{account_id}/health",
    response_model=HealthDocument,
    responses=answering(examples.HEALTH) | _NOT_MODIFIED,
    summary="The score of an account, with its reasons",
)
async def read_health(
    account_id: Asked,
    request: Request,
    use: Use,
    as_of: Annotated[Moment | None, Query(description="As it was known then; RFC 3339 with its offset")] = None,
    restate: Annotated[str | None, Query(max_length=300, description=RESTATE)] = None,
) -> Response:
    """The document made with the score. Send its `ETag` as `If-None-Match` to ask again cheaply.

    With `as_of` the newest score that was known then, told from its own inputs: `as_of` and `computed_at` of the
    answer are those of that score. What is asked of the last seconds may still change, while a score of them is being
    written, and any of it loses a name when a person is forgotten: the `ETag` says whether it is still the same. An
    account that was merged away speaks for itself up to then. With `restate`, too, the records of today at that
    moment, judged by the model that is named; `restated` says so.
    """
    if as_of is not None or restate is not None:
        keys, query = request.app.state.keys, request.url.query
        return _raw(await answer_then(keys, use.recalling, account_id, query, request.headers.raw))
    name = quote(account_id, safe="").encode()
    query = request.scope["query_string"]
    answer = await answer_health(request.app.state.keys, use.remembering, name, query, request.headers.raw)
    return _raw(answer)


def _raw(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    response.raw_headers.extend(answer.headers)
    return response


_LIST = AccountPage(data=(examples.ROW,), next_cursor=None)
_BATCH = BatchAnswer(data=(examples.HEALTH,), unknown=("domain:nobody.example",), not_scored=())


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
    """Pages follow `next_cursor`, or the `Link` header; a cursor keeps to the filters and the order it came from.

    A page is as of its own moment. Where what a list is sorted by moves while you turn pages, an account that moves
    can be missed, or come twice. To see every account once, whatever happens meanwhile, walk with `sort=id` and
    without filters; accounts that begin on the way may or may not be among them.
    """
    search = (wanted.q or "").strip() or None
    rows = Filter(
        bands_of(wanted.band), wanted.segment, wanted.stage, wanted.owner, search, wanted.model, wanted.journey,
        wanted.confidence,
    )  # fmt: skip
    page = await use.listing.page(rows, wanted.sort, wanted.cursor, wanted.limit)
    if page.next_cursor:
        following = request.url.include_query_params(cursor=page.next_cursor)
        response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    response.headers["Cache-Control"] = "private, no-cache"
    return page


@router.post(
    "/accounts/health:batch",
    response_model=BatchAnswer,
    summary="The documents of up to 200 accounts",
    responses=answering(_BATCH),
)
async def batch_health(body: BatchRequest, use: Use) -> Response:
    """Each document once, in the order asked for; unknown ids are named in `unknown`."""
    found = await use.reading.batch(body.ids)
    return Response(found.body, media_type="application/json")


@router.get(
    "/accounts/{account_id}/evidence/{signal}",
    summary="The newest records behind a signal",
    responses=answering(examples.EVIDENCE),
)
async def list_evidence(
    account_id: Asked,
    signal: Annotated[str, Path(max_length=100, examples=["active_seats"])],
    use: Use,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
    as_of: Annotated[Moment | None, Query(description="Behind the score that was known then; now")] = None,
) -> Evidence:
    """The rule, and the records that it reads, newest first. What a gate asks about is behind `gate:<id>`."""
    return await use.evidencing.evidence(account_id, signal, limit, as_of)


def bands_of(text: str | None) -> tuple[str, ...] | None:
    """Return the bands of a comma-separated list. Raises Problem 422 for a word that is none."""
    return chosen(text, BANDS, "band")
