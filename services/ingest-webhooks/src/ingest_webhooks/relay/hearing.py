"""Says what kept deliveries mean, by their source, their connection's settings and its mapping; it writes nothing.

Settings and mappings are read from text once and kept, so that a delivery costs no validation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import structlog
from asyncpg import Record
from pydantic import BaseModel

from ingest_webhooks.forgetting.persons import Persons
from ingest_webhooks.heard import Heard
from ingest_webhooks.queries import deliveries, mappings
from ingest_webhooks.queries.events import Origin
from ingest_webhooks.sources import SOURCES
from ingest_webhooks.sources.source import Source
from ingest_webhooks.words.rules import MappingDocument, Rule
from ingest_webhooks.words.shapes import Context, Fault, Link, Merge, Normalised, usable_instant
from milepost_runtime.database import Connection
from milepost_runtime.failpoints import fp

log = structlog.get_logger()
Told = TypeVar("Told", Link, Merge)


@dataclass(frozen=True, slots=True)
class Way:
    """How the deliveries of one connection are read; `fault` says why they cannot be."""

    text: str
    version: int
    settings: BaseModel | None
    mapping: Mapping[str, Rule]
    fault: str = ""


class Hearing:
    """Reads deliveries; remembers each connection's settings and rules until they change."""

    def __init__(self, persons: Persons) -> None:
        self.persons = persons
        self._ways: dict[UUID, Way] = {}
        self._bare = {name: _way(name, "{}", 0, {}) for name in SOURCES}

    async def hear(self, connection: Connection, ids: Sequence[UUID]) -> list[Heard]:
        """Return what these deliveries mean today, in the order in which they came; never raises for a strange one.

        Closed ones mean nothing any more. Who is forgotten is left out only when it is told, under the feed's lock.
        """
        rows = await deliveries.bodies(connection, ids)
        ways = await self.ways(connection, {row["connection_id"] for row in rows} - {None})
        return [_hear(row, ways.get(row["connection_id"], self._bare[row["source"]])) for row in rows]

    async def ways(self, connection: Connection, ids: Iterable[UUID]) -> Mapping[UUID, Way]:
        """Return how the deliveries of these connections are read by now, of those that still are."""
        current = await mappings.current(connection, ids)
        stale = [row for row in current if not _is_current(self._ways.get(row["id"]), row)]
        rules = await mappings.rules(connection, [(row["id"], row["mapping_version"]) for row in stale])
        for row in stale:
            own = rules.get(row["id"], {})
            self._ways[row["id"]] = _way(row["source"], row["settings"], row["mapping_version"], own)
        return {row["id"]: self._ways[row["id"]] for row in current}


def _is_current(way: Way | None, row: Record) -> bool:
    return way is not None and (way.text, way.version) == (row["settings"], row["mapping_version"])


def _way(source: str, settings: str, version: int, rules: Mapping[str, Any]) -> Way:
    """Return how to read; what today's source does not understand of it becomes the fault of each delivery."""
    try:
        own = MappingDocument.model_validate({"rules": rules}).rules
        return Way(settings, version, SOURCES[source].settings.model_validate_json(settings), own)
    except ValueError:
        return Way(settings, version, None, {}, "the settings or the mapping of its connection cannot be read any more")


def _hear(row: Record, way: Way) -> Heard:
    source = SOURCES[row["source"]]
    origin = Origin(row["source"], row["connection_id"], row["id"], row["correlation_id"])
    if row["closed"]:
        return Heard(row, Normalised(), origin)
    context = Context(
        received_at=row["received_at"],
        settings=way.settings,
        sender=row["sender"],
        headers=row["headers"],
        mapping=way.mapping,
        connection=str(row["connection_id"] or ""),
    )
    faults = [Fault(None, way.fault)]
    fp(f"hear.{source.name}")
    said = Normalised(faults=faults) if way.fault else read(source, row["body"], context, str(row["id"]))
    return Heard(row, said, origin)


def read(source: Source, body: bytes, context: Context, name: str) -> Normalised:
    """Return what a body says; a mistake of ours in reading must not hold up others, so it is a fault of the body."""
    try:
        said = source.normalise(body, context)
    except Exception as error:
        log.exception("delivery_not_understood", delivery_id=name, source=source.name)
        return Normalised(faults=[Fault(None, f"could not be read: {type(error).__name__}")])
    # Identity is told forwards and backwards in time, by moments that a database can hold: nobody lived in the year 1.
    said.links = [_in_time(link, context.received_at) for link in said.links]
    said.merges = [_in_time(merge, context.received_at) for merge in said.merges]
    return said


def _in_time(one: Told, received_at: datetime) -> Told:
    at = usable_instant(one.at, received_at)
    return one if at == one.at else replace(one, at=at)
