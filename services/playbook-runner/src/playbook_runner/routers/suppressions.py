"""Routes about who is left alone; it decides nothing."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from milepost_runtime.idempotency import NamedRequests
from milepost_runtime.keys import Principal, require_scope
from milepost_runtime.paging import ONCE
from playbook_runner.arbiter.arbiter_views import Kind, SuppressionList, SuppressionRequest, SuppressionView
from playbook_runner.arbiter.suppressing import Word
from playbook_runner.dependencies import Use
from playbook_runner.queries.suppressions import Filter

router = APIRouter(tags=["suppressions"], route_class=NamedRequests, dependencies=[ONCE])
Writer = Annotated[Principal, require_scope("write")]


@dataclass(frozen=True)
class Asked:
    """Which words a reader wants to see."""

    account: UUID | None
    address: str | None
    kind: Kind | None
    active: bool | None


def asked(
    account: Annotated[UUID | None, Query(description="Only this account's")] = None,
    address: Annotated[str | None, Query(max_length=255, description="Only this mailbox's, however written")] = None,
    kind: Annotated[Kind | None, Query(description="Only of this kind")] = None,
    active: Annotated[bool | None, Query(description="Only those that count now, or only those that do not")] = None,
) -> Asked:
    """Return what the query says."""
    return Asked(account, address, kind, active)


@router.get("/suppressions", dependencies=[require_scope("read")], summary="Who is left alone, and why")
async def list_suppressions(
    use: Use,
    only: Annotated[Asked, Depends(asked)],
    cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> SuppressionList:
    """Words that have ended stay in the list."""
    wanted = Filter(only.account, use.suppressing.person(only.address), only.kind, only.active)
    rows = await use.suppressing.page(wanted, cursor, limit + 1)
    found = [SuppressionView.model_validate(dict(row)) for row in rows[:limit]]
    return SuppressionList(data=found, next_cursor=str(found[-1].id) if len(rows) > limit else None)


@router.post("/suppressions", status_code=201, summary="Leave somebody alone")
async def suppress(use: Use, body: SuppressionRequest, who: Writer) -> SuppressionView:
    """From the moment of this answer on no message starts that it forbids. Said twice, it is one word.

    `opt_out`, `complained` and `hands_off` (with `until`: put off, not given up) let through what is owed to its
    reader; `legal_hold` and `bounced` let through nothing.
    """
    word = Word(body.kind, body.address, body.account_id, body.reason, body.author or who.name, body.until)
    return SuppressionView.model_validate(dict(await use.suppressing.say(word)))


@router.delete("/suppressions/{suppression_id}", summary="Take such a word back")
async def end_suppression(use: Use, suppression_id: UUID, who: Writer) -> SuppressionView:
    """It stays in the list with its end. An opt-out, a complaint or a legal hold takes a key of the scope `admin`."""
    row = await use.suppressing.end(suppression_id, who.name, guarded="admin" in who.scopes)
    return SuppressionView.model_validate(dict(row))
