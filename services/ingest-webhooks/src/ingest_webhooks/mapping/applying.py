"""Turns a fact into events of ours by the rule for its topic; it knows no provider."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ingest_webhooks.mapping.templates import TEXT_LENGTH, Filling, Scalar, look_up
from ingest_webhooks.mapping.values import instant_of, number_of, read_value
from ingest_webhooks.rules import Rule
from ingest_webhooks.shapes import Broken, Context, Fact, NormalEvent, Normalised, fact_key, short_name, usable_instant
from milepost_contracts.events import AccountReference

_REFERENCE: TypeAdapter[str] = TypeAdapter(AccountReference)


def find_rule(topic: str, own: Mapping[str, Rule], defaults: Mapping[str, Rule]) -> Rule | None:
    """Return the rule for a topic: the own one, else the default, else those for many topics, longest first."""
    found = own.get(topic) or defaults.get(topic)
    if found is None:
        for pattern in _patterns(topic):
            found = own.get(pattern) or defaults.get(pattern)
            if found is not None:
                break
    return found


def take(fact: Fact, context: Context, defaults: Mapping[str, Rule], said: Normalised) -> None:
    """Add to `said` what a fact means; a fact of no interest is counted as ignored. Raises Broken."""
    rule = find_rule(fact.topic, context.mapping, defaults)
    events = [] if rule is None else list(_events(rule, fact, context))
    for place, event in enumerate(events):
        said.events.append(replace(event, key=fact_key("also", event.key.hex(), place)) if place else event)
    if not events:
        said.ignored += 1


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
    except ValidationError:
        raise Broken("what names the account is no reference, or longer than 255 characters") from None


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
    return (float(filled), None) if math.isfinite(filled) else (None, None)
