"""Guesses which account was meant by an id or a reference that nobody is known by; it never answers for one."""

import difflib
from dataclasses import dataclass
from uuid import UUID

from milepost_runtime.database import Pool
from scoring_api.queries.near import similar

NEAR_AT_MOST = 3
LIKE_ENOUGH = 0.6
# How much of the beginning has to be right, so that an index leads to the candidates.
BEGINNING = 3
# Where to look for what came without the word that says what kind of reference it is.
KINDS = ("domain:", "external:")


@dataclass(frozen=True)
class Near:
    """An account that may have been meant."""

    id: UUID
    name: str
    reference: str | None


async def near(pool: Pool, asked: str) -> tuple[Near, ...]:
    """Return up to three accounts whose name or reference looks like what was asked for, the likest first.

    Only what begins alike is looked at, so the cost does not grow with the number of accounts.
    """
    head, colon, tail = asked.strip().rpartition(":")
    beginning = tail.strip().lower()[:BEGINNING]
    if len(beginning) < 2:
        return ()
    kinds = (f"{head.lower()}:",) if colon else KINDS
    best: dict[UUID, tuple[float, Near]] = {}
    for row in await similar(pool, beginning, [kind + beginning for kind in kinds]):
        found = Near(row["account_id"], row["name"], row["reference"])
        likeness = max(_likeness(asked, found.reference), _likeness(tail, found.name), _likeness(tail, _tail(found)))
        if likeness >= LIKE_ENOUGH and likeness > best.get(found.id, (0.0, found))[0]:
            best[found.id] = (likeness, found)
    ranked = sorted(best.values(), key=lambda pair: (-pair[0], pair[1].name))
    return tuple(found for _, found in ranked[:NEAR_AT_MOST])


def _tail(found: Near) -> str | None:
    return found.reference and found.reference.rpartition(":")[2]


def _likeness(asked: str, known: str | None) -> float:
    return difflib.SequenceMatcher(None, asked.lower(), known.lower()).ratio() if known else 0.0
