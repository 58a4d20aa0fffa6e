"""Routes that answer "what became of it" and "why not"; it decides nothing."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from milepost_runtime.keys import require_scope
from milepost_runtime.paging import ONCE
from playbook_runner.dependencies import Use
from playbook_runner.queries.ledger import Filter
from playbook_runner.views import LedgerOutcome, LedgerPage, WhyNot

router = APIRouter(tags=["ledger"], dependencies=[require_scope("read"), ONCE])
Word = Query(min_length=1, max_length=64)


def wanted(
    account: Annotated[UUID | None, Query(description="Only this account")] = None,
    playbook: Annotated[str | None, Word] = None,
    run: Annotated[UUID | None, Query(description="Only this run")] = None,
    outcome: Annotated[LedgerOutcome | None, Query(description="Only these")] = None,
    code: Annotated[str | None, Word] = None,
) -> Filter:
    """Return which lines a reader wants to see."""
    return Filter(account, playbook, run, outcome, code)


@router.get("/ledger", summary="What became of every reason to write, newest first")
async def list_ledger(
    use: Use,
    only: Annotated[Filter, Depends(wanted)],
    cursor: Annotated[int | None, Query(ge=1, lt=2**63, description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> LedgerPage:
    """Sent, deferred, capped, suppressed, skipped, in doubt: each line with a code and a sentence, never changed."""
    return await use.reading.ledger(only, cursor, limit)


@router.get("/accounts/{account_id}/why-not", summary="Why a playbook did not reach an account")
async def get_why_not(
    use: Use,
    account_id: UUID,
    playbook: Annotated[str, Query(min_length=1, max_length=64, description="The playbook's id")],
) -> WhyNot:
    """A code and a sentence; also says so when it did. And everything that stands against it now, for any account."""
    return await use.explaining.why_not(account_id, playbook)
