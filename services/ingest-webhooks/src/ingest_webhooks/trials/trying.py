"""Shows what a payload would become through a connection, and on which accounts; nothing of it is kept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from ingest_webhooks.accounts.attaching import attach_references
from ingest_webhooks.entrance.doors import ConnectionUnknown
from ingest_webhooks.mapping import lint
from ingest_webhooks.queries import identity, mappings
from ingest_webhooks.queries.events import Origin
from ingest_webhooks.relay.hearing import Hearing, Way, read
from ingest_webhooks.relay.translating import MappingInvalid
from ingest_webhooks.sources import SOURCES
from ingest_webhooks.sources.source import Source
from ingest_webhooks.words.rules import MappingDocument, Rule
from ingest_webhooks.words.shapes import (
    AmbiguousHeader,
    Context,
    Fault,
    MediaUnsupported,
    NormalEvent,
    Normalised,
    Note,
    Received,
    WrongOrganisation,
)
from milepost_contracts.events import FEED
from milepost_runtime.database import Connection, Pool
from milepost_runtime.feeds import publish_lock
from milepost_runtime.strict_json import BadBody

# What an event does with the account: it joins one that is known, makes a new one known, or waits.
Placing = Literal["joins", "opens", "waits"]
_REFUSALS = (BadBody, AmbiguousHeader, MediaUnsupported, WrongOrganisation)


@dataclass(frozen=True)
class Payload:
    """What a provider would deliver: a JSON document or a text, with headers; `rules` try out a mapping."""

    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    rules: Any = None

    def raw(self) -> bytes:
        """Return the bytes that would come; a text that cannot be written as UTF-8 is written as near as can be."""
        text = self.body if isinstance(self.body, str) else json.dumps(self.body, ensure_ascii=False)
        return text.encode("utf-8", "replace")


@dataclass(frozen=True)
class Trial:
    """What a payload would become: `notes` say by which rule, `placed` where each event of `said` would belong."""

    said: Normalised
    notes: list[Note]
    elements: int
    placed: list[tuple[NormalEvent, Placing, UUID | None]]


class Trying:
    """Reads payloads as relaying would, and keeps nothing."""

    def __init__(self, pool: Pool, hearing: Hearing) -> None:
        self._pool = pool
        self._hearing = hearing

    async def attempt(self, connection_id: UUID, payload: Payload) -> Trial:
        """Return what a payload would become through a connection now. Raises ConnectionUnknown, MappingInvalid."""
        async with self._pool.acquire() as connection:
            row = await mappings.look(connection, connection_id)
            if row is None:
                raise ConnectionUnknown
            source = SOURCES[row["source"]]
            way = (await self._hearing.ways(connection, [connection_id]))[connection_id]
            trial = _read(source, way, payload, _context(source, way, payload, connection_id))
            origin = Origin(source.name, connection_id, None, "")
            return Trial(*trial, await _placed(connection, trial[0], origin))


def _context(source: Source, way: Way, payload: Payload, connection_id: UUID) -> Context:
    own = way.mapping if payload.rules is None else _rules(payload.rules, source)
    headers = {name.lower(): value for name, value in payload.headers.items()}
    return Context(
        received_at=datetime.now(UTC),
        settings=way.settings,
        headers=headers,
        mapping=own,
        connection=str(connection_id),
    )


def _rules(rules: Any, source: Source) -> Mapping[str, Rule]:
    errors = [one for one in lint(rules, source.rules) if one.severity == "error"]
    if errors:
        raise MappingInvalid(errors)
    return MappingDocument(rules=rules).rules


def _read(source: Source, way: Way, payload: Payload, context: Context) -> tuple[Normalised, list[Note], int]:
    """Return what the payload says, as the door and relaying together would understand it."""
    notes: list[Note] = []
    context = replace(context, notes=notes)
    body = payload.raw()
    headers = [(_bytes(name), _bytes(value)) for name, value in context.headers.items()]
    received = Received("POST", "", headers, dict(headers), body)
    try:
        elements = 0 if way.settings is None else source.examine(received, way.settings)
    except _REFUSALS as error:
        return Normalised(faults=[Fault(None, f"refused at the door: {error}", getattr(error, "code", ""))]), notes, 0
    if way.fault:
        return Normalised(faults=[Fault(None, way.fault)]), notes, elements
    return read(source, source.redact(received), context, "a trial"), notes, elements


def _bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")


async def _placed(
    connection: Connection, said: Normalised, origin: Origin
) -> list[tuple[NormalEvent, Placing, UUID | None]]:
    """Settle whom the events belong to as relaying does, and roll that back: what is not there then would be new."""
    trial = connection.transaction()
    await trial.start()
    try:
        await publish_lock(connection, FEED)
        attached = await attach_references(connection, [(said, origin)])
        found = [(event, attached.account_of(event)) for event in said.events]
    finally:
        await trial.rollback()
    rows = await identity.living_accounts(connection, {one for _, one in found if one is not None})
    known = {row["id"] for row in rows}
    return [_place(event, account_id, known) for event, account_id in found]


def _place(event: NormalEvent, account_id: UUID | None, known: set[UUID]) -> tuple[NormalEvent, Placing, UUID | None]:
    if account_id is None:
        return event, "waits", None
    return (event, "joins", account_id) if account_id in known else (event, "opens", None)
