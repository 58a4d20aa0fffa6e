"""Tells the feed what deliveries mean, each fact once; of what was told before, that which means something else now.

A fact is known by its key and belongs to the delivery that told it first. When that delivery is told again and means
something else by today's mapping, the fact is corrected: a row of its own takes the place of the row that told it. A
fact that means nothing any more is retracted. What is known already, and means the same, changes nothing. What a closed
delivery told stays as it is. It never reads a body and never decides whom a reference belongs to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import UUID

from ingest_webhooks.accounts.attaching import Attached, attach_references, follow
from ingest_webhooks.forgetting.persons import Persons
from ingest_webhooks.heard import Heard
from ingest_webhooks.queries import events, heads, keys
from ingest_webhooks.queries.events import Origin
from ingest_webhooks.queries.keys import Noted
from ingest_webhooks.words.meaning import Head, retraction, same_meaning, same_names
from ingest_webhooks.words.shapes import Fault, NormalEvent
from milepost_contracts.events import FEED, OWN_SOURCE
from milepost_runtime.database import Connection
from milepost_runtime.feeds import publish_lock

What = Literal["new", "corrected", "retracted", "unchanged"]
CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Effect:
    """What telling a fact did: the row that told it before, and what it means now."""

    what: What
    delivery_id: UUID
    before: Head | None = None
    after: NormalEvent | None = None


@dataclass
class Outcome:
    """What became of one delivery's events: `own` facts are told by it, others were known; some contradict what was.

    Own and known ones are given by the position of the element that told them.
    """

    own: list[int] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    conflicts: list[Fault] = field(default_factory=list)


@dataclass
class Told:
    """What a group of deliveries told, by delivery; `noted` are the facts that nobody had told before.

    `heard` are the deliveries as they were told: without people who are forgotten.
    """

    heard: Sequence[Heard] = ()
    outcomes: dict[UUID, Outcome] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    noted: dict[bytes, Noted] = field(default_factory=dict)


@dataclass
class _Writing:
    """What is to be written: rows of the feed, events that wait, waiting ones that go."""

    published: list[tuple[NormalEvent, Origin, UUID]] = field(default_factory=list)
    waiting: list[tuple[NormalEvent, Origin]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def put(self, event: NormalEvent, origin: Origin, account_id: UUID | None) -> None:
        if account_id is None:
            self.waiting.append((event, origin))
        else:
            self.published.append((event, origin, account_id))

    def take_back(self, head: Head, origin: Origin) -> None:
        """Let a row of the feed count no longer: our own word, told of the account that it lives on by now."""
        assert head.account_id is not None
        self.published.append((retraction(head), replace(origin, source=OWN_SOURCE), head.account_id))


async def tell(
    connection: Connection, persons: Persons, heard: Sequence[Heard], foreseen: Mapping[bytes, Noted] | None = None
) -> Told:
    """Write what these deliveries mean to the feed, in the caller's transaction, which holds their rows.

    `foreseen` are facts that count as told before, though nobody did.
    """
    await publish_lock(connection, FEED)
    # Under the lock: whoever is forgotten is noted before the feed is blanked, so we know of it or are blanked after.
    heard = await persons.leave_out(connection, heard)
    told = Told(heard)
    attached = await attach_references(connection, [(one.said, one.origin) for one in heard])
    owners = await _note(connection, heard, told, foreseen or {})
    before = await heads.of_deliveries(connection, [one.id for one in heard if one.seen and one.understood])
    writing = _Writing(published=list(attached.told))
    for one in heard:
        if one.closed:
            _let_stand(one, before.get(one.id, {}), told)
        else:
            _tell_one(one, owners, attached, before.get(one.id, {}), told, writing)
    await events.forget_waiting(connection, writing.gone)
    await events.publish(connection, writing.published)
    await follow(connection, attached)
    await events.park(connection, writing.waiting)
    return told


async def _note(
    connection: Connection, heard: Sequence[Heard], told: Told, foreseen: Mapping[bytes, Noted]
) -> Mapping[bytes, Noted]:
    """Note all facts; return who told each first."""
    first: dict[bytes, Noted] = {}
    for one in heard:
        for event in one.said.events:
            first.setdefault(event.key, Noted(one.id, event.content or None))
    if not first:
        return {}
    tellers = {key: noted.delivery_id for key, noted in first.items()}
    contents = {key: noted.content for key, noted in first.items() if noted.content}
    new = await keys.reserve(connection, tellers, contents)
    known = await keys.noted(connection, [key for key in first if key not in new])
    told.noted = {key: first[key] for key in new if key not in foreseen}
    return told.noted | {key: foreseen[key] for key in new if key in foreseen} | known


def _let_stand(one: Heard, before: Mapping[str, Head], told: Told) -> None:
    """Change nothing of what a closed delivery told."""
    told.outcomes[one.id] = Outcome()
    told.effects.extend(Effect("unchanged", one.id, head) for head in before.values() if not head.retracted)


def _tell_one(
    one: Heard,
    owners: Mapping[bytes, Noted],
    attached: Attached,
    before: Mapping[str, Head],
    told: Told,
    writing: _Writing,
) -> None:
    outcome = told.outcomes.setdefault(one.id, Outcome())
    contents: dict[bytes, bytes | None] = {}
    for position, event in one.said.placed():
        noted = owners[event.key]
        ours = noted.delivery_id == one.id and event.key not in contents
        if ours:
            outcome.own.append(position)
            contents[event.key] = event.content or None
            account_id = attached.account_of(event)
            what = _replace(before.get(event.event_id), event, account_id, one.origin, writing)
            told.effects.append(Effect(what, one.id, before.get(event.event_id), event))
        elif _contradicts(event, contents.get(event.key, noted.content)):
            outcome.conflicts.append(_conflict(position, event))
        else:
            outcome.known.append(position)
    roots = {key[:16].hex() for key in contents}
    for root, head in before.items():
        if root not in roots and _retract(head, one.origin, writing):
            told.effects.append(Effect("retracted", one.id, head))


def _replace(head: Head | None, event: NormalEvent, account_id: UUID | None, origin: Origin, writing: _Writing) -> What:
    """Let an event take the place of the row that told its fact before, unless that means the same."""
    if head is None:
        writing.put(event, origin, account_id)
        return "new"
    if head.retracted:
        writing.put(_after(event, head.event_id), origin, account_id)
        return "new"
    if head.waits:
        return _replace_waiting(head, event, account_id, origin, writing)
    # Under the same names it is where it belongs: events follow their names whenever these lead elsewhere.
    target = head.account_id if same_names(head, event) else account_id
    same_account = target == head.account_id
    if same_account and same_meaning(head, event):
        return "unchanged"
    if same_account:
        writing.put(_after(event, head.event_id), origin, target)
        return "corrected"
    # A row supersedes only rows of its own account: it is taken back there and told anew here.
    writing.take_back(head, origin)
    writing.put(_after(event, retraction(head).event_id), origin, target)
    return "corrected"


def _replace_waiting(
    head: Head, event: NormalEvent, account_id: UUID | None, origin: Origin, writing: _Writing
) -> What:
    """Nobody has read a waiting event: it is replaced in place and keeps its id."""
    same = same_meaning(head, event) and same_names(head, event)
    if not same or account_id is not None:
        writing.gone.append(head.event_id)
        writing.put(_after(event, head.supersedes), origin, account_id)
    return "unchanged" if same else "corrected"


def _retract(head: Head, origin: Origin, writing: _Writing) -> bool:
    if head.retracted:
        return False
    if head.waits:
        writing.gone.append(head.event_id)
    else:
        writing.take_back(head, origin)
    return True


def _after(event: NormalEvent, supersedes: str | None) -> NormalEvent:
    return event if supersedes is None else replace(event, supersedes=supersedes)


def _contradicts(event: NormalEvent, content: bytes | None) -> bool:
    return bool(event.content) and bool(content) and event.content != content


def _conflict(position: int, event: NormalEvent) -> Fault:
    what = "another content came under an id that is known; the first one stays"
    return Fault(position, f"{what}: event {event.event_id}", CONFLICT)
