"""Reading one account: its document and its explanation, by our id or any reference; it writes nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from milepost_contracts.health import HealthDocument
from milepost_contracts.references import Malformed, canonical
from milepost_runtime.database import Pool
from scoring_api.answers.guessing import Near, near
from scoring_api.answers.views import Arithmetic, Explanation
from scoring_api.queries import reading as queries


class AccountUnknown(Exception):
    """No account has this id or reference; `near` holds up to three that look like it."""

    def __init__(self, asked: str, near: Sequence[Near]) -> None:
        super().__init__(f"no account is known as {asked!r}")
        self.asked = asked
        self.near = tuple(near)


class NotScoredYet(Exception):
    """The account is known, its first score is not there yet."""

    def __init__(self, asked: str, name: str) -> None:
        super().__init__(f"{name or asked} is known, and not scored yet")
        self.asked = asked
        self.name = name


class SpanRefused(Exception):
    """A stretch of time that ends before it starts, or is too long to answer at once."""


@dataclass(frozen=True)
class Stored:
    """A health document as it is kept: ready bytes with a strong validator."""

    account_id: UUID
    body: bytes
    etag: str
    computed_at: datetime

    def parsed(self) -> HealthDocument:
        """Return the document as typed values."""
        return HealthDocument.model_validate_json(self.body)


@dataclass(frozen=True)
class Several:
    """Documents as they are kept, in the order asked for; and, of what was asked for, who is behind none of them."""

    bodies: Sequence[bytes]
    unknown: Sequence[str]
    not_scored: Sequence[str]

    @property
    def body(self) -> bytes:
        """The whole as JSON (`BatchAnswer`); each document goes in as the bytes that it is, unread."""
        absent = json.dumps({"unknown": self.unknown, "not_scored": self.not_scored}).encode()
        return b'{"data":[' + b",".join(self.bodies) + b"]," + absent[1:]


@dataclass(frozen=True)
class Reading:
    """The use cases of reading one account."""

    pool: Pool = field(repr=False)

    async def stored(self, asked: str) -> Stored:
        """Return the document of an account in one statement.

        Raises AccountUnknown (with near matches) or NotScoredYet.
        """
        row = await queries.document(self.pool, as_uuid(asked), as_reference(asked))
        if row is None:
            raise await self.absent(asked)
        return Stored(row["account_id"], bytes(row["body"]), row["etag"], row["computed_at"])

    async def batch(self, asked: Sequence[str]) -> Several:
        """Return the documents of many accounts, in the order asked for, each once."""
        wanted = list(dict.fromkeys(asked))
        ids = {text: account for text in wanted if (account := as_uuid(text))}
        led = await queries.survivors(self.pool, list(ids.values()))
        ids = {text: led.get(account, account) for text, account in ids.items()}
        names = {text: as_reference(text) for text in wanted if text not in ids}
        found = await queries.resolve(self.pool, list(dict.fromkeys(names.values()))) if names else {}
        ids |= {text: found[name] for text, name in names.items() if name in found}
        bodies = await queries.documents(self.pool, list(dict.fromkeys(ids.values())))
        absent = {text: ids[text] for text in wanted if text in ids and ids[text] not in bodies}
        waiting = await queries.known(self.pool, list(absent.values())) if absent else set()
        return Several(
            bodies=[
                bodies[account]
                for account in dict.fromkeys(ids[text] for text in wanted if text in ids)
                if account in bodies
            ],
            unknown=[text for text in wanted if text not in ids or (text in absent and absent[text] not in waiting)],
            not_scored=[text for text, account in absent.items() if account in waiting],
        )

    async def explanation(self, asked: str) -> Explanation:
        """Return the arithmetic behind a score, with the law's own figures. Raises AccountUnknown, NotScoredYet."""
        stored = await self.stored(asked)
        snapshot = await queries.snapshot_detail(self.pool, stored.account_id)
        return explanation_of(stored.parsed(), snapshot["detail"] if snapshot else {})

    async def account_id(self, asked: str) -> UUID:
        """Return the id that a reference stands for, scored or not; one of our ids as it is, known or not.

        Raises AccountUnknown.
        """
        own = as_uuid(asked)
        if own is not None:
            return own
        row = await queries.account(self.pool, None, as_reference(asked))
        if row is None:
            raise await self.absent(asked)
        found: UUID = row["account_id"]
        return found

    async def own_band(self, document: HealthDocument) -> str:
        """Return the band of an account by its score, whatever a person's word sets."""
        acts = document.effective_band
        if acts.because != "override":
            return acts.band
        row = await queries.snapshot_detail(self.pool, document.account.id)
        own: str = row["detail"]["band_state"]["band"] if row else document.band
        return own

    async def absent(self, asked: str) -> Exception:
        """Return why nothing is known of what was asked for: AccountUnknown with near matches, or NotScoredYet."""
        row = await queries.account(self.pool, as_uuid(asked), as_reference(asked))
        if row is not None:
            return NotScoredYet(asked, row["name"])
        return AccountUnknown(asked, () if as_uuid(asked) else await near(self.pool, asked))


def as_reference(text: str) -> str:
    """Return a reference as it is kept; what is none stays as it stands, and nobody is known by it."""
    kind, colon, rest = text.partition(":")
    try:
        return canonical(kind.lower() + colon + rest) if colon else text
    except Malformed:
        return text


def as_uuid(text: str) -> UUID | None:
    """Return our own id if the text is one in its usual form, else None: then it is a reference."""
    if len(text) != 36:
        return None
    try:
        return UUID(text)
    except ValueError:
        return None


def explanation_of(document: HealthDocument, figures: Mapping[str, Any]) -> Explanation:
    """Return what a document says of its reasons, with the law's own figures beside it."""
    shared = {name: getattr(document, name) for name in Explanation.model_fields.keys() & HealthDocument.model_fields}
    return Explanation(**shared, text=as_text(document), arithmetic=_arithmetic(document), figures=dict(figures))


def as_text(document: HealthDocument) -> str:
    """Return the whole explanation as lines for a terminal or a mail; the points of all lines add up."""
    lines = [document.summary]
    if document.score is not None and document.baseline is not None:
        lines.append(f"{document.baseline:6.1f}  baseline")
        ranked = sorted((d for d in document.drivers if d.points), key=lambda d: d.points)
        lines += [f"{driver.points:+6.1f}  {driver.sentence}" for driver in ranked]
        lines += [f"{gate.points:+6.1f}  {gate.sentence}" for gate in document.gates]
        lines.append(f"{document.score:6.1f}  score ({document.effective_band.band})")
    lines += [f"missing: {item.label}, {item.why}" for item in document.missing]
    return "\n".join(lines)


def _arithmetic(document: HealthDocument) -> Arithmetic:
    return Arithmetic(
        baseline=document.baseline,
        drivers=round(sum(driver.points for driver in document.drivers), 1),
        gates=round(sum(gate.points for gate in document.gates), 1),
        score=document.score,
    )
