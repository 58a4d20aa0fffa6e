"""Segment: its webhook destination, relays of the same shape, and its libraries; pure, it reads no clock or store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ingest_webhooks.mapping import find_rule, take
from ingest_webhooks.sources.manner import EXTERNAL, Manner
from ingest_webhooks.sources.segment import signature as segment_signature
from ingest_webhooks.sources.segment.message import Message, read_message, read_message_id, with_plain_keys
from ingest_webhooks.sources.segment.rules import SEGMENT_RULES
from ingest_webhooks.sources.source import Source
from ingest_webhooks.words.rules import Rule
from ingest_webhooks.words.shapes import (
    Broken,
    Context,
    Fact,
    Fault,
    Link,
    Merge,
    NormalEvent,
    Normalised,
    Received,
    fact_key,
    usable_instant,
)
from milepost_runtime.strict_json import BadBody, read_json

# A batch of Segment's holds up to 4,000 events.
MAX_VALUES = 500_000
NAME = "segment"
# The calls that we know; another one is of no interest.
KINDS = frozenset(("identify", "track", "page", "screen", "group", "alias", "delete"))


class SegmentSettings(BaseModel):
    """How a company uses Segment.

    `space` tells apart products whose user ids are not the same people; connections of one space share their users.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    space: str = Field(default="main", pattern=r"^[a-z0-9_-]{1,40}$")


class Segment(Source):
    """The source `segment`."""

    name = NAME
    title = "Segment"
    settings = SegmentSettings
    rules = SEGMENT_RULES
    companies = Manner(kinds=EXTERNAL)
    finds_by_secret = True

    def verify(self, received: Received, secrets: Sequence[bytes], settings: BaseModel, now: float) -> None:
        """Check X-Signature or the secret address; see `segment_signature.verify`. Segment signs no time."""
        segment_signature.verify(received, secrets)

    def examine(self, received: Received, settings: BaseModel) -> int:
        """Return the number of messages; raises BadBody, also `bad_event_id` when no message has a usable id."""
        elements = [element for element, _ in messages(read_json(received.body, MAX_VALUES))]
        if elements and not any(_has_usable_id(element) for element in elements):
            raise BadBody("bad_event_id", "messageId is no text of at most 100 characters")
        return len(elements)

    def normalise(self, body: bytes, context: Context) -> Normalised:
        """Say what a message or a batch means; a broken message is a fault of its own, the others count."""
        said = Normalised()
        try:
            document = read_json(body, MAX_VALUES)
        except BadBody as error:
            said.faults.append(Fault(None, f"{error.code}: {error}"))
            return said
        space = context.settings.space if isinstance(context.settings, SegmentSettings) else SegmentSettings().space
        for position, (element, sent_at) in enumerate(messages(document)):
            said.begin(position)
            try:
                _tell(read_message(element, space, context.received_at, sent_at), space, context, said)
            except Broken as error:
                said.faults.append(Fault(position, str(error)))
        return said

    def has_value(self, topic: str) -> bool:
        """The traits of a group have one each."""
        return topic == "*" or topic.startswith("group.")

    def sign(self, received: Received, secret: bytes, now: float) -> Mapping[str, str]:
        """Return Segment's signature, of the first event when the body is a list."""
        signed, _ = segment_signature.signed_part(received.body)
        return {"x-signature": segment_signature.signature(secret, signed).decode("ascii")}


def messages(document: Any) -> Iterator[tuple[Any, Any]]:
    """Return each message with the moment when a library sent it (None: a relay's own clock is in the message).

    A relay sends one message or a list; a library sends `{"batch": [...], "context": ..., "sentAt": ...}`, whose
    context belongs to every message that does not say otherwise.
    """
    if isinstance(document, list):
        yield from ((element, None) for element in document)
    elif isinstance(document, dict) and isinstance(document.get("batch"), list):
        outer = document.get("context")
        for element in document["batch"]:
            if isinstance(element, dict):
                inner = element.get("context")
                shared = outer if isinstance(outer, dict) else {}
                merged = element | {"context": shared | (inner if isinstance(inner, dict) else {})}
                yield merged, element.get("sentAt") or document.get("sentAt")
            else:
                yield element, None
    else:
        yield document, None


def _has_usable_id(element: Any) -> bool:
    try:
        return not isinstance(element, dict) or read_message_id(with_plain_keys(element)) is not None
    except Broken:
        return False


def _tell(message: Message, space: str, context: Context, said: Normalised) -> None:
    """Add what a message says, all of it or nothing; raises Broken."""
    heard = Normalised()
    _link(message, space, context, heard)
    for fact in _facts(message, space):
        if fact.accounts or _finds_the_account(find_rule(fact.topic, context.mapping, SEGMENT_RULES)):
            take(fact, context, SEGMENT_RULES, heard)
    events = _as_one_update(heard.events, message.key)
    said.events.extend(events)
    said.links.extend(heard.links)
    said.merges.extend(heard.merges)
    if not events and (heard.links or heard.merges):
        said.linked += 1
    elif not events:
        said.ignored += 1
        said.unheard.append(_topic(message))


def _facts(message: Message, space: str) -> Iterator[Fact]:
    user = None if message.user is None else _user(space, message.user)
    group = None if message.group is None else f"external:{message.group}"
    if user is None and group is None and message.kind in KINDS and message.raw.get("anonymousId") is None:
        raise Broken("it names neither a user nor a group")
    # Whoever names the company needs nobody's address: a consultant works for many, under a domain of their own.
    own = (user,) if group is None else (group,)
    named = (*own, message.domain) if group is None or message.kind == "group" else own
    fact = Fact(
        key=message.key,
        topic=_topic(message),
        at=message.at,
        accounts=tuple(name for name in named if name is not None),
        subject=user or "",
        fields=message.raw,
        content=message.content,
        opens=group is not None,
    )
    yield fact
    if message.kind == "group" and isinstance(traits := message.raw.get("traits"), dict):
        for name, value in traits.items():
            if name.strip() and not isinstance(value, dict | list):
                key = fact_key("trait", message.key.hex(), name)
                yield replace(fact, key=key, topic=f"group.{name.strip()}", value=value)


def _topic(message: Message) -> str:
    match message.kind:
        case "track":
            name = message.text("event")
            if not name:
                raise Broken("event is missing")
        case "page" | "screen":
            name = message.text("name")
        case _:
            name = ""
    return f"{message.kind}.{name}" if name else message.kind


def _link(message: Message, space: str, context: Context, said: Normalised) -> None:
    """Tell whose a user is, so that later messages without a group find the account."""
    if message.user is None:
        return
    user, at = _user(space, message.user), usable_instant(message.at, context.received_at)
    if message.kind == "alias" and (earlier := message.previous) is not None:
        said.merges.append(Merge(user, (_user(space, earlier),), at))
    elif message.kind in ("identify", "group") and message.group is not None:
        said.links.append(Link(user, f"external:{message.group}", at, primary=True))
    elif message.kind == "identify" and message.domain is not None:
        said.links.append(Link(user, message.domain, at))


def _user(space: str, user: str) -> str:
    return f"segment:{space}:user:{user}"


def _finds_the_account(rule: Rule | None) -> bool:
    """Tell whether a rule says itself where the account is named; a visitor whom nobody knows is of no interest."""
    if rule is None:
        return False
    return rule.account is not None or any(_finds_the_account(one) for one in (*rule.when.values(), *rule.also))


def _as_one_update(events: Sequence[NormalEvent], key: bytes) -> list[NormalEvent]:
    """Return the events with the attributes that one call sets put together."""
    attributes: dict[str, Any] = {}
    place: int | None = None
    kept: list[NormalEvent] = []
    for event in events:
        first = event if place is None else kept[place]
        whose = (event.reference, event.occurred_at) == (first.reference, first.occurred_at)
        if event.type != "account.updated" or not whose:
            kept.append(event)
            continue
        attributes |= event.properties
        if place is None:
            place = len(kept)
            kept.append(replace(event, key=fact_key("traits", key.hex())))
    if place is not None:
        kept[place] = replace(kept[place], properties=attributes)
    return kept
