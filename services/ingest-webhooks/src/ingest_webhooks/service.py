"""The use cases of this service, built once by each process; it never does anything itself."""

from dataclasses import dataclass

from ingest_webhooks.accounts.naming import Naming
from ingest_webhooks.entrance.accepting import Accepting
from ingest_webhooks.entrance.collecting import Collecting
from ingest_webhooks.entrance.connecting import Connecting
from ingest_webhooks.entrance.doors import Doors
from ingest_webhooks.entrance.intake import Intake
from ingest_webhooks.forgetting.erasing import Erasing
from ingest_webhooks.forgetting.persons import Persons
from ingest_webhooks.imports.importing import Importing
from ingest_webhooks.relay.hearing import Hearing
from ingest_webhooks.relay.relaying import Relaying
from ingest_webhooks.relay.replaying import Replaying
from ingest_webhooks.relay.translating import Translating
from ingest_webhooks.settings import IngestSettings
from ingest_webhooks.trials.rehearsing import Rehearsing
from ingest_webhooks.trials.trying import Trying
from ingest_webhooks.upkeep.housekeeping import Housekeeping, Retention
from ingest_webhooks.upkeep.inspecting import Inspecting
from ingest_webhooks.upkeep.measuring import Measuring
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
    collecting: Collecting
    connecting: Connecting
    relaying: Relaying
    replaying: Replaying
    translating: Translating
    trying: Trying
    rehearsing: Rehearsing
    inspecting: Inspecting
    naming: Naming
    erasing: Erasing
    importing: Importing
    housekeeping: Housekeeping
    measuring: Measuring


def build(settings: IngestSettings, pool: Pool, hints: Hints) -> Service:
    """Put the service together over a pool and a sender of hints."""
    vault = Vault(settings.secret_key.get_secret_value())
    doors = Doors(pool, vault)
    intake = Intake(pool, hints)
    persons = Persons(vault)
    hearing = Hearing(persons)
    return Service(
        settings=settings,
        doors=doors,
        intake=intake,
        accepting=Accepting(pool, hints, doors, intake),
        collecting=Collecting(doors, intake),
        connecting=Connecting(pool, vault, doors),
        relaying=Relaying(pool, hints, hearing, settings.ingest_lease_s),
        replaying=Replaying(pool, hints, hearing, vault),
        translating=Translating(pool),
        trying=Trying(pool, hearing),
        rehearsing=Rehearsing(pool, vault),
        importing=Importing(pool, hints, persons, vault),
        inspecting=Inspecting(pool, hints, vault),
        naming=Naming(pool, hints, vault),
        erasing=Erasing(pool, hints, persons),
        measuring=Measuring(pool, hearing),
        housekeeping=Housekeeping(pool, Retention(settings.retention_deliveries_days, settings.retention_keys_days)),
    )
