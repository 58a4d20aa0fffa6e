"""What the API of this service takes and answers beside events; it holds no rule."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from milepost_contracts.events import Name

Rate = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]
State = Literal["new", "done", "ignored", "quarantined"]


class Wire(BaseModel):
    """Frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Asked(Wire):
    """What is asked for: nothing is read as another kind than it is, so that `"5"` is no number and 1 is no yes."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class NewConnection(Asked):
    """A connection to make; without a secret one is made up, without a rate it is as fast as the provider likes."""

    source: str = Field(max_length=50)
    name: Name
    secret: SecretStr | None = Field(default=None, min_length=8, max_length=500)
    settings: dict[str, Any] = Field(default_factory=dict)
    rate_per_second: Rate | None = None


class ConnectionChange(Asked):
    """What to change; what is left out stays. `rate_per_second: null` lifts the limit.

    `settings` are merged into those that are there (RFC 7396): a setting that is not named stays, null removes one, and
    a list takes the place of the whole list.
    """

    name: Name | None = None
    settings: dict[str, Any] | None = None
    enabled: bool | None = None
    rate_per_second: Rate | None = None

    @property
    def values(self) -> dict[str, Any]:
        """What was given; a null changes nothing where nothing is no value."""
        given = self.model_dump(exclude_unset=True)
        return {name: value for name, value in given.items() if value is not None or name == "rate_per_second"}


class Rotation(Asked):
    """The next secret (made up when left out) and how long the present one stays live."""

    secret: SecretStr | None = Field(default=None, min_length=8, max_length=500)
    overlap_seconds: float = Field(default=86_400, ge=0, le=30 * 86_400)


class ConnectionAnswer(Wire):
    """A connection; `secret` is there only in the answer that made it up.

    `webhook_url` is where the provider delivers. Where nothing is signed it ends with a secret segment, which is shown
    only in the answer that made a secret live. `secret_webhook_url`, there as well, is the address with that segment
    for any source: it lets in what the provider does not sign.
    """

    id: UUID
    source: str
    name: str
    settings: dict[str, Any]
    enabled: bool
    rate_per_second: float | None
    mapping_version: int
    created_at: datetime
    older_secret_until: datetime | None
    webhook_url: str
    secret_webhook_url: str | None = None
    secret: str | None = None


class Connections(Wire):
    """All connections."""

    data: list[ConnectionAnswer]
    next_cursor: None = None


class DeliveryLine(Wire):
    """A delivery in a list: its elements are relayed, linked, duplicates, ignored or quarantined."""

    id: UUID
    source: str
    connection_id: UUID | None
    received_at: datetime
    state: State
    size: int
    correlation_id: str
    elements: int
    relayed: int
    linked: int
    duplicates: int
    ignored: int
    quarantined: int
    faults: list[dict[str, Any]]


class Deliveries(Wire):
    """A page of deliveries, newest first; `next_cursor` is null on the last one."""

    data: list[DeliveryLine]
    next_cursor: str | None


class DeliveryDetail(DeliveryLine):
    """A delivery with the headers that were kept and the shape of its body; texts are hidden."""

    headers: dict[str, str]
    body: Any


class Replaying(Wire):
    """A delivery that is due again."""

    id: UUID
    state: State


class Success(Wire):
    """What analytics libraries want to hear."""

    success: Literal[True] = True


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
