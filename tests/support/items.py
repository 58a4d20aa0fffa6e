"""What an item (ticket, task, invoice) was at a moment, slowly: from all that had been told of it by then."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from support.records import Account, instant, item_key, newest_versions, recorded_at, required

from milepost_core.model import Where


@dataclass(frozen=True)
class Move:
    """One opening (True), closing (False) or touch (None) of an item; an opening by type brings a state."""

    at: datetime
    recorded: datetime
    opens: bool | None
    state: Any = None


def open_items(items: Sequence[Account], as_of: datetime) -> list[Account]:
    """The items that were open, with their openings since they were last closed."""
    # A later version of an item replaces it; what is told in further words belongs to the one item.
    plain = newest_versions([one for one in items if "words" not in one], as_of, at="opened_at", key=item_key)
    found = (_as_of(item, as_of) for item in [*plain, *(one for one in items if "words" in one)])
    return [item for item in found if item is not None]


def opened_at(item: Account, where: Where) -> datetime | None:
    """Since when the item has been open, or in one of the states asked for."""
    states = where.get("state")
    return min((one.at for one in item["openings"] if not states or one.state in states), default=None)


def _as_of(item: Account, as_of: datetime) -> Account | None:
    moves = [move for move in _moves(item) if move.at <= as_of and move.recorded <= as_of]
    closings = [move.at for move in moves if move.opens is False]
    openings = [move for move in moves if move.opens and all(move.at > closed for closed in closings)]
    if not openings:
        return None
    by_type = sorted((move for move in openings if move.state is not None), key=lambda move: move.at)
    # What the item is like was told when it was opened: until that is known, nothing of it is.
    first = _moves(item)[0]
    told = item if first.at <= as_of and first.recorded <= as_of else {"kind": item["kind"], "id": item.get("id")}
    return {**told, "openings": openings, "state": by_type[-1].state if by_type else None}


def _moves(item: Account) -> list[Move]:
    recorded, closed = recorded_at(item, "opened_at"), instant(item.get("closed_at"))
    moves = [Move(required(item["opened_at"]), recorded, True, item.get("state") or "opened")]
    if closed is not None:
        moves.append(Move(closed, max(closed, recorded), False))
    for word in item.get("words") or []:
        moves.append(Move(required(word["t"]), recorded_at(word, "t"), word["open"]))
    return moves
