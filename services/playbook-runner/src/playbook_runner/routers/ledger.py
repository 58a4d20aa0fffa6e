"""Routes that answer "what became of it" and "why not"; it decides nothing."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from milepost_runtime.keys import require_scope
from playbook_runner.dependencies import Use
from playbook_runner.views import LedgerPage, WhyNot

router = APIRouter(tags=["ledger"], dependencies=[require_scope("read")])


@router.get("/ledger", summary="What became of every reason to write, newest first")
async def list_ledger(
    use: Use,
    account: Annotated[UUID | None, Query(description="Only this account")] = None,
    cursor: Annotated[int | None, Query(ge=1, lt=2**63, description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> LedgerPage:
    """Sent, deferred, skipped or given up: each line with a code and a sentence. Lines are never changed."""
    return await use.reading.ledger(account, cursor, limit)


@router.get("/accounts/{account_id}/why-not", summary="Why a playbook did not reach an account")
async def get_why_not(
    use: Use,
    account_id: UUID,
    playbook: Annotated[str, Query(min_length=1, max_length=64, description="The playbook's id")],
) -> WhyNot:
    """A code and a sentence; also says so when it did."""
    return await use.reading.why_not(account_id, playbook)
