"""What the processes of this service read from the environment; it never reads it itself."""

from pydantic import Field

from milepost_runtime.database import Schema
from milepost_runtime.settings import RuntimeSettings

SCHEMA = Schema(name="ingest", role="milepost_ingest", package="ingest_webhooks")


class IngestSettings(RuntimeSettings):
    """The front door's settings.

    `public_url_ingest` is the address that providers were told to call: signatures that cover the address are
    checked against it. Empty: the address that the request itself names.
    """

    ingest_port: int = Field(default=8001, ge=1, le=65535)
    ingest_worker_port: int = Field(default=8101, ge=1, le=65535)
    public_url_ingest: str = ""
