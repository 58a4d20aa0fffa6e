"""What the API takes and answers about connections; it holds no rule."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, SecretStr

from ingest_webhooks.views.wire import Asked, Wire
from milepost_contracts.events import Name

Rate = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]


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
