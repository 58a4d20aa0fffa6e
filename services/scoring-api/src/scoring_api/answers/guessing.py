"""Guesses which account was meant by an id or a reference that nobody is known by; it never answers for one."""

import asyncio
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
    names are looked through for the whole of what was asked, under any kind, or for what shares a later part, for a
    fraction of a second at most. What is found is compared beside everything else that is answered.
    """
    kind, plain = _parted(asked)
    beginning = plain[:BEGINNING]
    if len(beginning) < 2:
        return ()
    kinds = dict.fromkeys((kind, *KINDS) if kind else KINDS)
    starts = [one + beginning for one in kinds]
    # Of those that begin alike, the ones that go on alike first: they may be more than are looked at.
    starts += [one + plain for one in kinds if len(plain) > BEGINNING]
    found = await asyncio.to_thread(_likest, plain, await similar(pool, beginning, starts))
    parts = [pattern(one) for one in _parts(plain)] or ([pattern(plain)] if len(plain) >= SHORTEST_PART else [])
    if found or not parts:
        return found
    return await asyncio.to_thread(_likest, plain, await alike(pool, parts, _pieces(plain)))


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
        likeness = max(_likeness(plain, one) for one in (found.name, _tail(found)))
        if likeness >= LIKE_ENOUGH and likeness > best.get(found.id, (0.0, found))[0]:
            best[found.id] = (likeness, found)
    ranked = sorted(best.values(), key=lambda pair: (-pair[0], pair[1].name))
    return tuple(found for _, found in ranked[:NEAR_AT_MOST])


def _tail(found: Near) -> str | None:
    return found.reference and found.reference.rpartition(":")[2]


def _likeness(asked: str, known: str | None) -> float:
    """How alike two texts are, from 0 to 1; what begins with all that was asked is as alike as what counts at least."""
    if not known:
        return 0.0
    whole = known[:LONGEST].lower()
    least = LIKE_ENOUGH if len(asked) >= BEGINNING and whole.startswith(asked) else 0.0
    matcher = difflib.SequenceMatcher(None, asked, whole)
    # Two bounds that cost next to nothing come before the comparison itself.
    if min(matcher.real_quick_ratio(), matcher.quick_ratio()) < LIKE_ENOUGH:
        return least
    return max(least, matcher.ratio())
