"""Knows whom to forget, by digests alone, and keeps them out of what deliveries say; it erases nothing."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from typing import Any, TypeGuard

from ingest_webhooks.heard import Heard
from ingest_webhooks.queries import erasures, heads
from ingest_webhooks.words.shapes import NormalEvent, Normalised
from milepost_contracts.events import NAME_LENGTH
from milepost_runtime.database import Connection
from milepost_runtime.ids import new_id
from milepost_runtime.secrets import Vault


def normal_name(name: str) -> str:
    """Return the one way to write a name of a person: mail addresses mean the same in any case."""
    return name.strip().lower().removeprefix("email:")


class Persons:
    """Tells the forgotten from others."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def digest(self, name: str) -> bytes:
        """Return the keyed digest of a name."""
        return self._vault.digest("person", normal_name(name))

    async def leave_out(self, connection: Connection, heard: Sequence[Heard]) -> list[Heard]:
        """Return deliveries without the forgotten: what is news of them counts as ignored, and others do not name them.

        A fact that was told before they were forgotten stays, and no longer says who acted. The caller holds the feed's
        lock, or somebody could be forgotten between this and the telling.
        """
        if not await erasures.any_erased(connection):
            return list(heard)
        gone = await self.forgotten(connection, {name for one in heard for name in _named(one.said)})
        if not gone:
            return list(heard)
        again = [event.event_id for one in heard if one.seen for event in one.said.events if _speaks_of(event, gone)]
        told = (await heads.of_events(connection, again)).keys()
        return [replace(one, said=_without(one.said, gone, told if one.seen else frozenset())) for one in heard]

    async def forgotten(self, connection: Connection, names: Iterable[str]) -> set[str]:
        """Return those of the names that are of somebody who was forgotten."""
        spelled: dict[bytes, list[str]] = {}
        for name in names:
            spelled.setdefault(self.digest(name), []).append(name)
        return {name for found in await erasures.erased(connection, list(spelled)) for name in spelled[found]}

    async def ask(self, connection: Connection, heard: Sequence[Heard]) -> bool:
        """Let people be forgotten whom a provider asks us to forget; tell whether there were any new ones."""
        asked = {name: one.origin.source for one in heard for name in one.said.erased}
        known = await erasures.erased(connection, [self.digest(name) for name in asked]) if asked else []
        for name, source in asked.items():
            if self.digest(name) not in known:
                erasure_id = new_id()
                await erasures.ask(connection, {erasure_id: [name]}, source, "asked for by the provider")
                await erasures.note(connection, erasure_id, [name], [self.digest(name)])
        return len(known) < len(asked)


def _named(said: Normalised) -> Iterable[str]:
    for event in said.events:
        yield from (name for name in (event.actor, event.item, event.reference, *event.fallbacks) if name)
        yield from (text for text in (event.value_text, *event.properties.values()) if _may_name(text))
    for link in said.links:
        yield from (link.reference, link.account)
    for merge in said.merges:
        yield from (merge.survivor, *merge.merged)


def _speaks_of(event: NormalEvent, gone: set[str]) -> bool:
    return not gone.isdisjoint((event.actor, event.item, event.reference))


def _without(said: Normalised, gone: set[str], told: Set[str]) -> Normalised:
    """Return what was said without the forgotten; an element of which nothing is left counts as ignored."""
    placed = [(position, _blank(event, gone) if event.event_id in told else event) for position, event in said.placed()]
    kept = [(place, one) for place, one in placed if not _speaks_of(one, gone)]
    silent = {place for place, _ in placed} - {place for place, _ in kept} - {fault.position for fault in said.faults}
    links = [link for link in said.links if not gone.intersection((link.reference, link.account))]
    merges = [merge for merge in said.merges if not gone.intersection((merge.survivor, *merge.merged))]
    less = max(0, said.linked - len(said.links) + len(links)) if len(links) < len(said.links) else said.linked
    ignored = said.ignored + len(silent) + said.linked - less
    events = [_unnamed(one, gone) for _, one in kept]
    begun = [(number, place) for number, (place, _) in enumerate(kept)]
    return replace(said, events=events, links=links, merges=merges, ignored=ignored, linked=less, begun=begun)


def _may_name(text: Any) -> TypeGuard[str]:
    """Whether a text can be a name at all."""
    return isinstance(text, str) and 0 < len(text) <= NAME_LENGTH


def _unnamed(event: NormalEvent, gone: set[str]) -> NormalEvent:
    """Return an event that does not name the forgotten beside who acted, as an erasure would have left it."""
    named = {key for key, text in event.properties.items() if _may_name(text) and text in gone}
    return replace(
        event,
        fallbacks=tuple(name for name in event.fallbacks if name not in gone),
        value_text=None if event.value_text in gone else event.value_text,
        properties={key: text for key, text in event.properties.items() if key not in named},
    )


def _blank(event: NormalEvent, gone: set[str]) -> NormalEvent:
    actor = None if event.actor in gone else event.actor
    item = None if event.item in gone else event.item
    reference = next((name for name in (event.reference, *event.fallbacks) if name not in gone), "erased:person")
    return replace(event, actor=actor, item=item, reference=reference)
