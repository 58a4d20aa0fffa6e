"""What a source reads and what it says: a received request in, normalised events out; no source's own word."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from ingest_webhooks.words.references import follows, names_of
from ingest_webhooks.words.rules import Rule
from milepost_contracts.events import NAME_LENGTH

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A sender's clock may run ahead by this much; later instants are drawn back.
AHEAD = timedelta(minutes=5)


class Refused(Exception):
    """The request is not shown to come from the provider; `code` is for machines, the text for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class AmbiguousHeader(Exception):
    """A header that decides about authenticity came twice."""


class NotHere(Exception):
    """There is no door at this address: an unsigned source was called without its secret path segment."""


class WrongOrganisation(Exception):
    """The request speaks for another organisation than the connection was made for."""


class MediaUnsupported(Exception):
    """The body is in a form that the source does not read."""


class Broken(Exception):
    """This element cannot be understood; its neighbours can."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came over the wire; header names are lower case, `body` is untouched.

    `uri` is scheme, host, path and query as the provider was told to call them; `named` is the headers by name;
    `token` is the segment of the path after the connection, empty without one.
    """

    method: str
    uri: str
    headers: Sequence[tuple[bytes, bytes]]
    named: Mapping[bytes, bytes]
    body: bytes
    token: bytes = b""

    def header(self, name: bytes) -> bytes | None:
        """Return the one value of a header, None without it; raises AmbiguousHeader when there are two."""
        if len(self.named) < len(self.headers) and sum(key == name for key, _ in self.headers) > 1:
            raise AmbiguousHeader(name.decode("ascii"))
        return self.named.get(name)


@dataclass(frozen=True, slots=True)
class Context:
    """What a source may know about a delivery beside its body; `headers` are the kept ones, in lower case.

    `connection` is the id of the connection that it came by: what a provider's ids are unique within. `notes`, if
    somebody wants them, gather by which rule each fact was understood.
    """

    received_at: datetime
    settings: BaseModel | None = None
    sender: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    mapping: Mapping[str, Rule] = field(default_factory=dict)
    connection: str = ""
    notes: "list[Note] | None" = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a provider says, before a mapping decides what it means to us.

    `key` is 32 bytes that are equal for equal facts. `topic` is the provider's word for what happened, by which rules
    are found (`invoice.payment_failed`, `company.seats`). `accounts` are references that it may belong to, the best
    first; `opens` allows the first to become a new account. `subject` names the thing that it is about, as a reference
    of ours. `value` is what changed, if one thing did. `fields` is the document, for templates and conditions.
    `content` is a digest of what was said, so that the same id with other words is noticed; empty: never. `sequence`
    is the provider's own order among facts of one instant, as text that is compared byte by byte; empty: it has none.
    """

    key: bytes
    topic: str
    at: datetime
    accounts: tuple[str, ...]
    subject: str = ""
    value: Any = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    content: bytes = b""
    opens: bool = False
    sequence: str = ""


@dataclass(frozen=True, slots=True)
class NormalEvent:
    """One event in our words, not yet on an account: `reference` says where it belongs, else one of `fallbacks` does.

    `opens` allows an unknown reference to become a new account. `key` is 32 bytes that are equal for equal facts,
    `content` a digest of what the sender said about it (empty: not watched). `supersedes` is the id of the event in
    whose place this one counts from now on. `told_at` is when an account's start was said, `sequence` as in Fact.
    """

    key: bytes
    reference: str
    type: str
    occurred_at: datetime
    opens: bool = False
    actor: str | None = None
    role: str | None = None
    item: str | None = None
    value: float | None = None
    value_text: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    fallbacks: tuple[str, ...] = ()
    content: bytes = b""
    supersedes: str | None = None
    told_at: datetime | None = None
    sequence: str = ""

    @property
    def event_id(self) -> str:
        """The public id: the same for the same fact, however often it comes; of a correction, one of its own."""
        return self.key[:16].hex() if self.supersedes is None else successor_id(self.supersedes)

    @property
    def place(self) -> str | None:
        """What orders it among events of one instant, whatever took its place on the way; None: its id does."""
        fact = self.key[:16].hex()
        return f"{self.sequence}:{fact}" if self.sequence else fact if self.supersedes and fact else None


@dataclass(slots=True)
class Note:
    """How a fact was understood: by the rule under `pattern` (empty: none), of the connection's own or a default."""

    topic: str
    pattern: str = ""
    own: bool = False
    events: list[NormalEvent] = field(default_factory=list)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """From `at` on, `reference` (a contact, a ticket, a domain) belongs to the account behind `account`.

    A `primary` link outranks others; `removed` takes the link away again. Without `opens` it waits for an account to be
    known under that name. One that is `derived` from something else (a domain from somebody's address) counts while
    nobody says outright where the reference belongs.
    """

    reference: str
    account: str
    at: datetime
    primary: bool = False
    removed: bool = False
    opens: bool = True
    derived: bool = False


@dataclass(frozen=True, slots=True)
class Merge:
    """The accounts behind `merged` live on behind `survivor`."""

    survivor: str
    merged: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Fault:
    """Why one element (by position; None: the whole body) could not be understood; `code` where machines ask."""

    position: int | None
    reason: str
    code: str = ""


@dataclass(slots=True)
class Normalised:
    """All that one body said; `ignored` counts authentic elements that are of no interest."""

    events: list[NormalEvent] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    ignored: int = 0
    linked: int = 0
    # References of people who asked to be forgotten.
    erased: list[str] = field(default_factory=list)
    # Topics of facts that no rule takes, for those who look for what they miss.
    unheard: list[str] = field(default_factory=list)
    # Where in `events` those of the element at a position begin; a body that is one element needs to say nothing.
    begun: list[tuple[int, int]] = field(default_factory=list)

    def begin(self, position: int) -> None:
        """Let the events that are added from now on belong to the element at this position."""
        self.begun.append((len(self.events), position))

    def placed(self) -> Iterator[tuple[int, NormalEvent]]:
        """Yield each event with the position of its element."""
        begun = iter((*self.begun, (len(self.events), 0)))
        position, (first, coming) = 0, next(begun)
        for place, event in enumerate(self.events):
            while first <= place:
                position, (first, coming) = coming, next(begun)
            yield position, event


def fact_key(*parts: str | int | None) -> bytes:
    """Return SHA-256 over length-prefixed parts, so that ("ab", "c") and ("a", "bc") differ."""
    digest = hashlib.sha256(b"ev1")
    for part in parts:
        raw = b"" if part is None else str(part).encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(4, "big"))
        digest.update(raw)
    return digest.digest()


def keys_under(*parts: str) -> Callable[[str], bytes]:
    """Return what makes `fact_key(*parts, last)` of a last part, for many facts that differ only in it."""
    digest = hashlib.sha256(b"ev1")
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(4, "big") + raw)

    sizes = [size.to_bytes(4, "big") for size in range(256)]

    def key(last: str) -> bytes:
        raw = last.encode("utf-8", "surrogatepass")
        one = digest.copy()
        one.update((sizes[len(raw)] if len(raw) < len(sizes) else len(raw).to_bytes(4, "big")) + raw)
        return one.digest()

    return key


def successor_id(event_id: str) -> str:
    """Return the id of what takes an event's place: at most one row does, however often that is told."""
    return fact_key("supersedes", event_id)[:16].hex()


def delivery_key(source: str, connection_id: UUID | str, body: bytes, identity: bytes = b"") -> bytes:
    """Return the identity of a delivery: the same bytes under the same name at the same door are the same delivery."""
    head = f"dl1 {source} {connection_id} ".encode()
    if identity:
        head += b"%d:%s " % (len(identity), identity)
    return hashlib.sha256(head + body).digest()


def usable_instant(claimed: datetime, received_at: datetime) -> datetime:
    """Return the instant that counts: the claimed one, not before 1970 and at most five minutes after receipt."""
    return max(EPOCH, min(claimed, received_at + AHEAD))


def instant_of_milliseconds(milliseconds: int) -> datetime:
    """Return the instant of an epoch time in milliseconds; absurd numbers become the first or the last year."""
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return datetime(9999, 12, 31, tzinfo=UTC) if milliseconds > 0 else datetime(1, 1, 1, tzinfo=UTC)


def clean(text: str) -> str:
    """Return text that a database can hold: U+0000 and lone surrogates become U+FFFD."""
    if text.isascii():
        return text.replace("\0", "\ufffd") if "\0" in text else text
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\0", "\ufffd")


def short_name(text: str, what: str) -> str:
    """Return a text that names something; raises Broken when it is longer than any name that an index can hold."""
    if len(text) > NAME_LENGTH:
        raise Broken(f"{what} is longer than {NAME_LENGTH} characters")
    return text


def other_names(event: NormalEvent) -> list[str] | None:
    """Return the names beside its reference by which an event finds its account; None: it can never move."""
    others = [name for name in names_of(event.item, event.reference, event.fallbacks) if name != event.reference]
    return others if others or follows(event.reference) else None
