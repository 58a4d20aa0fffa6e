"""Guesses which account was meant by an id or a reference that nobody is known by; it never answers for one."""

import difflib
import re
from dataclasses import dataclass
from uuid import UUID

from milepost_runtime.database import Pool
from scoring_api.queries.lists import pattern
from scoring_api.queries.near import alike, similar
from scoring_api.queries.reading import Rows

NEAR_AT_MOST = 3
LIKE_ENOUGH = 0.6
# How much of the beginning has to be right, so that an index leads to the candidates.
BEGINNING = 3
# Where to look for what came without the word that says what kind of reference it is.
KINDS = ("domain:", "external:")
# Where the beginning is wrong, one of so many parts is right, unless more is wrong than anybody could guess from.
PARTS = 3
SHORTEST_PART = 3
LONGEST = 100
# What people copy along with a domain.
_AROUND = re.compile(r"\A(?:https?://)?(?:www\.)?|/.*\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Near:
    """An account that may have been meant."""

    id: UUID
    name: str
    reference: str | None


async def near(pool: Pool, asked: str) -> tuple[Near, ...]:
    """Return up to three accounts whose name or reference looks like what was asked for, the likest first.

    What begins alike is found by an index, however many accounts there are. Only if nothing of it is like enough, all
    names are looked through for what shares a later part, for a fraction of a second at most.
    """
    kind, plain = _parted(asked)
    beginning = plain[:BEGINNING]
    if len(beginning) < 2:
        return ()
    kinds = (kind,) if kind else KINDS
    found = _likest(plain, await similar(pool, beginning, [one + beginning for one in kinds]))
    parts = [pattern(one) for one in _parts(plain)]
    return found if found or not parts else _likest(plain, await alike(pool, parts, _pieces(plain)))


def _parted(asked: str) -> tuple[str, str]:
    """The kind of reference with its colon, if one was given, and the rest as it may be kept, in lower case."""
    text = asked.strip()
    around = _AROUND.match(text)
    whole = text[around.end() :] if around else text
    head, colon, tail = whole.rpartition(":")
    plain = _AROUND.sub("", tail.strip()).lower()[:LONGEST]
    return f"{head.lower()}:" if colon else "", plain


def _parts(plain: str) -> list[str]:
    """The text in three parts of about the same length; empty if they would be too short to tell anybody apart."""
    size = len(plain) // PARTS
    if size < SHORTEST_PART:
        return []
    return [plain[:size], plain[size : 2 * size], plain[2 * size :]]


def _pieces(plain: str) -> list[str]:
    return sorted({plain[at : at + SHORTEST_PART] for at in range(len(plain) - SHORTEST_PART + 1)})


def _likest(plain: str, rows: Rows) -> tuple[Near, ...]:
    best: dict[UUID, tuple[float, Near]] = {}
    for row in rows:
        found = Near(row["account_id"], row["name"], row["reference"])
        likeness = max(_likeness(plain, found.name), _likeness(plain, _tail(found)))
        if likeness >= LIKE_ENOUGH and likeness > best.get(found.id, (0.0, found))[0]:
            best[found.id] = (likeness, found)
    ranked = sorted(best.values(), key=lambda pair: (-pair[0], pair[1].name))
    return tuple(found for _, found in ranked[:NEAR_AT_MOST])


def _tail(found: Near) -> str | None:
    return found.reference and found.reference.rpartition(":")[2]


def _likeness(asked: str, known: str | None) -> float:
    return difflib.SequenceMatcher(None, asked.lower(), known.lower()).ratio() if known else 0.0
