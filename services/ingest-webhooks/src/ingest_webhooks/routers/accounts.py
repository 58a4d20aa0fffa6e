"""Identity: which references wait for an account, whom they belong to, and which accounts are one."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from ingest_webhooks.accounts.naming import Person
from ingest_webhooks.dependencies import CorrelationId, MayRead, MayWrite, TheService
from ingest_webhooks.views.identity import (
    AccountAnswer,
    KnownReference,
    MergeAnswer,
    MergeRequest,
    NewAccount,
    NewReference,
    ReferenceAnswer,
    References,
    Unmapped,
    UnmappedReference,
)
from milepost_contracts.events import AccountReference
from milepost_runtime.idempotency import NamedRequests
from milepost_runtime.paging import ONCE, Cursor, Limit

router = APIRouter(prefix="/accounts", tags=["identity"], dependencies=[ONCE], route_class=NamedRequests)
WhatReference = Annotated[AccountReference, Query(description="Any key: our id, a domain, a provider's name")]


@router.get("/unmapped", summary="What waits for an account")
async def list_unmapped(_key: MayRead, service: TheService, cursor: Cursor = None, limit: Limit = 50) -> Unmapped:
    """Return references that events wait for, in the order of their names, each with accounts that it may mean."""
    rows, more = await service.naming.unmapped(cursor, limit)
    return Unmapped(data=[UnmappedReference(**row) for row in rows], next_cursor=more)


@router.get("/lookup", summary="Find an account by any key")
async def look_up(reference: WhatReference, _key: MayRead, service: TheService) -> ReferenceAnswer:
    """Return the account that a reference leads to by now; 404 when it leads to none."""
    return ReferenceAnswer(reference=reference, account_id=await service.naming.look_up(reference))


@router.post("", status_code=201, summary="Make an account by hand")
async def open_account(
    wanted: NewAccount, key: MayWrite, service: TheService, correlation_id: CorrelationId
) -> AccountAnswer:
    """Make an account with references; events that waited for them join it with their own times."""
    person = Person(key.name, correlation_id, wanted.reason)
    account_id = await service.naming.open_account(wanted.references, person)
    return AccountAnswer(account_id=account_id, references=wanted.references)


@router.get("/{account_id}/references", summary="List an account's references with their history")
async def list_references(
    account_id: UUID, _key: MayRead, service: TheService, cursor: Cursor = None, limit: Limit = 50
) -> References:
    """Return the references that lead to an account or did: where each led from when to when, and who said so."""
    rows, more = await service.naming.references(account_id, cursor, limit)
    return References(data=[KnownReference(**row) for row in rows], next_cursor=more)


@router.post("/{account_id}/references", status_code=201, summary="Let a reference lead to an account")
async def add_reference(
    account_id: UUID, wanted: NewReference, key: MayWrite, service: TheService, correlation_id: CorrelationId
) -> ReferenceAnswer:
    """Link a reference by hand; events that waited for it join the account with their own times."""
    person = Person(key.name, correlation_id, wanted.reason)
    found = await service.naming.add_reference(account_id, wanted.reference, person, move=wanted.move)
    return ReferenceAnswer(reference=wanted.reference, account_id=found)


@router.delete("/{account_id}/references/{reference:path}", status_code=204, summary="Take a reference away")
async def remove_reference(
    account_id: UUID, reference: AccountReference, key: MayWrite, service: TheService, correlation_id: CorrelationId
) -> None:
    """Let a reference lead to the account no longer; what it did for the account until now stays there."""
    await service.naming.remove_reference(account_id, reference, Person(key.name, correlation_id))


@router.post("/{account_id}/merge", summary="Let an account live on in another one")
async def merge_account(
    account_id: UUID, wanted: MergeRequest, key: MayWrite, service: TheService, correlation_id: CorrelationId
) -> MergeAnswer:
    """Merge by hand: all references and events of the account are the other one's from now on; there is no way back."""
    person = Person(key.name, correlation_id, wanted.reason)
    survivor = await service.naming.merge(account_id, wanted.into, person)
    return MergeAnswer(account_id=account_id, merged_into=survivor)
