"""What the API takes and answers about imports; it holds no rule."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from ingest_webhooks.views.wire import Asked, Wire
from milepost_contracts.events import Name


class NewImport(Asked):
    """An import to make, or to go on with when one of the same fingerprint is there.

    `fingerprint` is whatever tells the same file again, such as its SHA-256. Events are known by their `id` and by the
    `sender`, as those of `POST /events` are; left out, the sender is the name of the key.
    """

    name: Name
    fingerprint: str | None = Field(default=None, min_length=8, max_length=200)
    sender: Name | None = None
    total_lines: int | None = Field(default=None, ge=0, le=2**53)
    dry_run: bool = False
    format: Literal["ndjson"] = "ndjson"


class ImportAnswer(Wire):
    """How an import stands: position = accepted + duplicates + conflicts + unmapped + ignored + rejected + blank.

    All in lines. `conflicts` said something else than was told under their ids before: the first word stays. `ignored`
    are of people whom we were asked to forget. `rate` is in lines a second since the newest stream began. A dry run
    counts what would become of the lines.
    """

    id: UUID
    name: str
    sender: str
    fingerprint: str | None
    dry_run: bool
    state: Literal["open", "finished", "cancelled"]
    total_lines: int | None
    position: int
    bytes: int
    accepted: int
    duplicates: int
    conflicts: int
    unmapped: int
    ignored: int
    rejected: int
    blank: int
    rate: float | None
    seconds_left: float | None
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class Imports(Wire):
    """A page of imports, newest first."""

    data: list[ImportAnswer]
    next_cursor: str | None


class RejectedLine(Wire):
    """Why a line was refused, or contradicts what is known (`conflict`).

    For each fault where (JSON pointer into the line), what, and a code.
    """

    line: int
    errors: list[dict[str, str]]


class RejectedLines(Wire):
    """A page of refused and contradicting lines in their order; the first 10,000 of an import are kept."""

    data: list[RejectedLine]
    next_cursor: str | None
