"""The route that tells who is meant by a condition; it changes nothing."""

from fastapi import APIRouter, Depends

from milepost_contracts.audiences import FactView, Match, Matches, Question
from milepost_runtime.keys import require_scope
from scoring_api.dependencies import Use, strict_query
from scoring_api.routers import examples
from scoring_api.routers.examples import answering

router = APIRouter(tags=["accounts"], dependencies=[require_scope("read"), Depends(strict_query)])
_MATCHES = Matches.model_validate({
    "sentence": "the score is below 40", "at": examples.MOMENT,
    "data": [Match.model_validate({"account": examples.ACCOUNT, "holds": True,
                                   "facts": {"score": FactView(value=38.2)}})],
})  # fmt: skip


@router.post("/audiences/match", summary="Who is meant by a condition, and why", responses=answering(_MATCHES))
async def match(body: Question, use: Use) -> Matches:
    """A condition is `{all: […]}`, `{any: […]}`, `{not: …}` or one test: `{subject, operator, value}`.

    Subjects are `score`, `band`, `change_7d`, `change_28d`, `confidence`, `stage`, `segment`, `owner`, `age_days`,
    `journey`, and `signal.<id>`, `points.<id>`, `dimension.<id>`, `milestone.<id>`, `attribute.<name>`, `gate.<id>`,
    `days_since.<event type>`. What is not known makes a test neither true nor false. The whole book comes page by page:
    ask again with `after` until it is null, also after an empty page.
    """
    return await use.matching.match(body)
