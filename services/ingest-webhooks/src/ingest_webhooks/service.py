"""The use cases of this service, built once by each process; it never does anything itself."""

from dataclasses import dataclass

from ingest_webhooks.accepting import Accepting
from ingest_webhooks.connecting import Connecting, Doors
from ingest_webhooks.inspecting import Inspecting
from ingest_webhooks.intake import Intake
from ingest_webhooks.relaying import Relaying
from ingest_webhooks.settings import IngestSettings
from milepost_runtime.database import Pool
from milepost_runtime.queue import Hints
from milepost_runtime.secrets import Vault


@dataclass(frozen=True)
class Service:
    """Everything that a router or a job may call."""

    settings: IngestSettings
    doors: Doors
    intake: Intake
    accepting: Accepting
    connecting: Connecting
    relaying: Relaying
    inspecting: Inspecting


def build(settings: IngestSettings, pool: Pool, hints: Hints) -> Service:
    """Put the service together over a pool and a sender of hints."""
    vault = Vault(settings.secret_key.get_secret_value())
    doors = Doors(pool, vault)
    intake = Intake(pool, hints)
    return Service(
        settings=settings,
        doors=doors,
        intake=intake,
        accepting=Accepting(pool, hints, doors, intake),
        connecting=Connecting(pool, vault, doors),
        relaying=Relaying(pool, hints),
        inspecting=Inspecting(pool, hints),
    )
