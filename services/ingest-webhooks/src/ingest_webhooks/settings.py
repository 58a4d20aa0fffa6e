"""What the processes of this service read from the environment; it never reads it itself."""

from pydantic import Field

from milepost_runtime.database import Schema
from milepost_runtime.settings import RuntimeSettings

SCHEMA = Schema(name="ingest", role="milepost_ingest", package="ingest_webhooks")


class IngestSettings(RuntimeSettings):
    """The front door's settings.

    `public_url_ingest` is the address that providers were told to call: signatures that cover the address are
    checked against it. Empty: the address that the request itself names. `retention_deliveries_days` is how long raw
    bodies are kept, `retention_keys_days` how long a repetition is known for one. `ingest_lease_s` is how long a worker
    holds deliveries before another may take them over.
    """

    ingest_port: int = Field(default=8001, ge=1, le=65535)
    ingest_worker_port: int = Field(default=8101, ge=1, le=65535)
    public_url_ingest: str = ""
    ingest_lease_s: float = Field(default=20.0, ge=1, le=600)
    retention_deliveries_days: int = Field(default=90, ge=7, le=3650)
    retention_keys_days: int = Field(default=400, ge=30, le=3650)
