"""Replays of ranges of deliveries: ordered, watched, cancelled."""

from typing import Any
from uuid import UUID

from asyncpg import Record
from fastapi import APIRouter

from ingest_webhooks.dependencies import MayRead, MayWrite, TheService
from ingest_webhooks.relay.replaying import Range
from ingest_webhooks.views.mappings import Changes, NewReplay, Progress, ReplayAnswer, ReplayDetail, Replays
from milepost_runtime.idempotency import NamedRequests
from milepost_runtime.paging import ONCE, Cursor, Limit

router = APIRouter(prefix="/replays", tags=["deliveries"], route_class=NamedRequests)
_PARTS = ("total", "done", "new", "corrected", "retracted", "unchanged", "examples")


@router.post("", status_code=202, summary="Replay a range of deliveries")
async def order_replay(wanted: NewReplay, key: MayWrite, service: TheService) -> ReplayDetail:
    """Relay deliveries once more by today's mappings, in the background.

    A fact that means something else now is corrected, one that means nothing any more is retracted, and what means
    the same stays as it is. Scores as of earlier moments stay what they were. `dry_run` counts all that and shows up
    to twenty examples, and changes nothing.
    """
    wanted_range = Range(**wanted.model_dump(exclude={"dry_run"}))
    return _detail(await service.replaying.order(wanted_range, key.name or key.id, dry_run=wanted.dry_run))


@router.get("", summary="List replays", dependencies=[ONCE])
async def list_replays(_key: MayRead, service: TheService, cursor: Cursor = None, limit: Limit = 50) -> Replays:
    """Return replays, newest first."""
    rows, more = await service.replaying.page(cursor, limit)
    return Replays(data=[ReplayAnswer(**_answer(row)) for row in rows], next_cursor=more)


@router.get("/{replay_id}", summary="Watch a replay")
async def get_replay(replay_id: UUID, _key: MayRead, service: TheService) -> ReplayDetail:
    """Return a replay and how far it has come."""
    return _detail(await service.replaying.one(replay_id))


@router.post("/{replay_id}/cancel", summary="Cancel a replay")
async def cancel_replay(replay_id: UUID, _key: MayWrite, service: TheService) -> ReplayDetail:
    """End a replay after the batch that is under way; what it did stays."""
    return _detail(await service.replaying.cancel(replay_id))


def _answer(row: Record) -> dict[str, Any]:
    columns = {name: value for name, value in dict(row).items() if name not in _PARTS}
    changes = Changes(
        new=row["new"], corrected=row["corrected"], retracted=row["retracted"], unchanged=row["unchanged"]
    )
    return {**columns, "deliveries": Progress(total=row["total"], done=row["done"]), "events": changes}


def _detail(row: Record) -> ReplayDetail:
    return ReplayDetail(**_answer(row), examples=row["examples"])
