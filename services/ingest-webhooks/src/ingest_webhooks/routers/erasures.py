"""Forgetting a person: an administrator asks, and sees what was done."""

from uuid import UUID

from asyncpg import Record
from fastapi import APIRouter

from ingest_webhooks.dependencies import MayAdminister, TheService
from ingest_webhooks.views.erasures import ErasureAnswer, NewErasure

router = APIRouter(prefix="/erasures", tags=["identity"])


@router.post("", status_code=202, summary="Forget a person")
async def ask(wanted: NewErasure, key: MayAdminister, service: TheService) -> ErasureAnswer:
    """Drop what is told of the person from now on; what was told before is blanked soon after. There is no way back."""
    erasure_id = await service.erasing.ask(wanted.person, key.name, wanted.reason)
    return _answer(await service.erasing.one(erasure_id))


@router.get("/{erasure_id}", summary="See how an erasure stands")
async def show(erasure_id: UUID, _key: MayAdminister, service: TheService) -> ErasureAnswer:
    """Return what an erasure has done; it names nobody."""
    return _answer(await service.erasing.one(erasure_id))


def _answer(row: Record) -> ErasureAnswer:
    return ErasureAnswer(**dict(row), state="asked" if row["done_at"] is None else "done")
