"""Turns a fact into events of ours by the rule for its topic; it knows no provider."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from ingest_webhooks.mapping.templates import TEXT_LENGTH, Filling, Scalar, look_up
from ingest_webhooks.mapping.values import NUMBER_LIMIT, instant_of, number_of, read_value
from ingest_webhooks.words.domains import OwnReference
from ingest_webhooks.words.rules import Rule
from ingest_webhooks.words.shapes import (
    Broken,
    Context,
    Fact,
    NormalEvent,
    Normalised,
    Note,
    fact_key,
    short_name,
    usable_instant,
)

_STARTED = "account.started"
_REFERENCE: TypeAdapter[str] = TypeAdapter(OwnReference)


class Found(NamedTuple):
    """The rule for a topic: the pattern under which it stands, and whether the connection's own mapping says so."""

    rule: Rule
    pattern: str
    own: bool


def locate(topic: str, own: Mapping[str, Rule], defaults: Mapping[str, Rule]) -> Found | None:
    """Return the rule for a topic: the own one, else the default, else those for many topics, longest first."""
    for pattern in (topic, *_patterns(topic)):
        for rules in (own, defaults):
            rule = rules.get(pattern)
            if rule is not None:
                return Found(rule, pattern, rules is own)
    return None


def find_rule(topic: str, own: Mapping[str, Rule], defaults: Mapping[str, Rule]) -> Rule | None:
    """Return the rule for a topic, by the order of `locate`."""
    found = locate(topic, own, defaults)
    return None if found is None else found.rule


def take(fact: Fact, context: Context, defaults: Mapping[str, Rule], said: Normalised) -> None:
    """Add to `said` what a fact means; a fact of no interest is counted as ignored. Raises Broken."""
    found = locate(fact.topic, context.mapping, defaults)
    note = _note(fact, found, context)
    try:
        events = [] if found is None else _events_of(found.rule, fact, context)
    except Broken as error:
        note.fault = str(error)
        raise
    note.events += events
    said.events += events
    if not events:
        said.ignored += 1
        said.unheard.append(fact.topic)


def _note(fact: Fact, found: Found | None, context: Context) -> Note:
    note = Note(fact.topic) if found is None else Note(fact.topic, found.pattern, found.own)
    if context.notes is not None:
        context.notes.append(note)
    return note


def _events_of(rule: Rule, fact: Fact, context: Context) -> list[NormalEvent]:
    events = list(_events(rule, fact, context))
    # Further events of one fact are known by their place.
    events[1:] = [
        replace(event, key=fact_key("also", event.key.hex(), place)) for place, event in enumerate(events[1:], start=1)
    ]
    return events


def _patterns(topic: str) -> Iterator[str]:
    parts = topic.split(".")
    for length in range(len(parts) - 1, 0, -1):
        yield ".".join(parts[:length]) + ".*"
    yield "*"


def _events(rule: Rule, fact: Fact, context: Context) -> Iterator[NormalEvent]:
    chosen: Rule | None = rule
    while chosen is not None and chosen.when:
        word = fact.value if chosen.by is None else look_up(fact.fields, chosen.by)
        chosen = chosen.when.get(_word(word)) or chosen.when.get("*")
    if chosen is None or chosen.ignore:
        return
    value = read_value(chosen, fact.value)
    filling = Filling(fact, value, chosen.translate)
    # A property that was cleared clears an attribute, but nothing happened for an event to tell.
    if value is not None or fact.value is None or chosen.type is None:
        yield _event(chosen, fact, context, filling)
    for further in chosen.also:
        yield from _events(further, fact, context)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None or isinstance(value, dict | list) else str(value).strip().lower()


def _event(rule: Rule, fact: Fact, context: Context, filling: Filling) -> NormalEvent:
    accounts = _accounts(rule, fact, filling)
    moment = filling.fill(rule.at)
    claimed = fact.at if moment is None else instant_of(moment)
    used = usable_instant(claimed, context.received_at)
    properties = _properties(rule, filling)
    if used != claimed:
        properties["original_occurred_at"] = claimed.isoformat()
    number, text = _value(rule, filling)
    said_at = usable_instant(fact.at, context.received_at) if rule.type == _STARTED else None
    return NormalEvent(
        key=fact.key,
        reference=accounts[0],
        fallbacks=accounts[1:],
        type=rule.type or "account.updated",
        occurred_at=used,
        opens=fact.opens and rule.account is None,
        actor=_name(filling.fill(rule.actor), "actor"),
        role=_name(filling.fill(rule.role, translated=True), "role"),
        item=_name(filling.fill(rule.item), "item"),
        value=number,
        value_text=text,
        properties=properties,
        content=fact.content,
        # Its own moment is the start; which of several starts counts is known by when each was said.
        told_at=said_at,
        sequence=fact.sequence,
    )


def _accounts(rule: Rule, fact: Fact, filling: Filling) -> tuple[str, ...]:
    if rule.account is None:
        named = fact.accounts
    else:
        filled = filling.fill(rule.account)
        named = () if filled is None else (str(filled),)
    if not named:
        raise Broken("it names no account; a rule's `account` can say where to find one")
    try:
        return tuple(_REFERENCE.validate_python(name) for name in named)
    except ValidationError as error:
        told = [item["msg"] for item in error.errors() if item["type"] in ("bad_reference", "shared_domain")]
        why = told[0] if told else "it is no reference, or longer than 255 characters"
        raise Broken(f"what names the account cannot: {why}") from None


def _properties(rule: Rule, filling: Filling) -> dict[str, Any]:
    if rule.attribute is not None:
        name = filling.fill(rule.attribute)
        return {short_name(str(name), "the attribute's name"): filling.fill("{value}")}
    if rule.attributes:
        return {name: filling.fill(template, translated=True) for name, template in rule.attributes.items()}
    filled = {name: filling.fill(template, translated=True) for name, template in rule.properties.items()}
    return {name: value for name, value in filled.items() if value is not None}


def _name(filled: Scalar | None, what: str) -> str | None:
    return None if filled is None else short_name(str(filled), f"the {what}")


def _value(rule: Rule, filling: Filling) -> tuple[float | None, str | None]:
    filled = filling.fill(rule.value, translated=True)
    if isinstance(filled, str) and rule.reads == "number":
        filled = number_of(filled)
    if isinstance(filled, bool) or filled is None:
        return None, None if filled is None else str(filled).lower()
    if isinstance(filled, str):
        return None, filled[:TEXT_LENGTH]
    return (float(filled) + 0.0, None) if abs(filled) < NUMBER_LIMIT else (None, None)
