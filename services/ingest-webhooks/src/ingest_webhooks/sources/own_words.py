"""Events of senders who choose their own types: those in our words count as they stand; it knows no envelope.

What is in other words means what the connection's mapping says, and nothing without one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from ingest_webhooks.mapping import find_rule, take
from ingest_webhooks.mapping.templates import Filling
from ingest_webhooks.mapping.values import instant_of
from ingest_webhooks.sources.documents import at, moment_at
from ingest_webhooks.sources.plain import OPENING, normal_event
from ingest_webhooks.words.references import names_an_account
from ingest_webhooks.words.shapes import Broken, Context, Fact, Normalised
from milepost_contracts.events import AccountReference, PlainEvent
from milepost_core.events import EVENT_TYPES

_REFERENCE: TypeAdapter[str] = TypeAdapter(AccountReference)
_PLAIN = frozenset(PlainEvent.model_fields)
_NAMED = ("actor", "role", "item", "value")
# Beside these, what a sender says of an event in our words are its properties.
_NOT_PROPERTIES = frozenset(("id", "type", "account", "account_id", "accountid", "occurred_at", "properties", *_NAMED))
_USUAL_PLACES = ("account", "accountid", "account_id", "data.account", "data.account_id", "data.accountId")


class OwnWordsSettings(BaseModel):
    """How a sender names its accounts.

    `account_from` is the path of the field that does (`subject`, `accountid`, `data.customer.id`), or a template
    around such paths (`hubspot:33:{data.company}`). Left out, the usual places are tried: `account`, `accountid` and
    `account_id` of the envelope, then `account`, `account_id` and `accountId` of the data. What is no reference with
    its kind (`domain:acme.com`) or an id of ours is taken as `external:<id>`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    account_from: Annotated[str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True)] | None = None


def tell(fact: Fact, settings: OwnWordsSettings, context: Context, said: Normalised) -> None:
    """Add to `said` what a fact means whose fields are an envelope with `data`; raises Broken."""
    accounts = account_of(fact, settings)
    known = replace(fact, accounts=accounts, opens=any(_opens(name) for name in accounts))
    if find_rule(fact.topic, context.mapping, {}) is not None:
        take(known, context, {}, said)
        return
    raw = _plain(known)
    if raw is None:
        said.ignored += 1
        return
    try:
        event = normal_event(raw, context)
    except ValidationError as error:
        names = {str(part) for item in error.errors(include_input=False) for part in item["loc"][:1]}
        raise Broken(f"not valid as an event of ours: {', '.join(sorted(names))}") from None
    said.events.append(replace(event, key=fact.key, content=fact.content))


def told_at(kind: str, data: Any) -> datetime | None:
    """Return when it happened as the data says, None when it does not; raises Broken for no moment in words of ours.

    An envelope need not tell a time. What another's word `occurred_at` means is anybody's guess unless it reads so.
    """
    given = at(data, "occurred_at")
    if given is not None and kind in EVENT_TYPES:
        return instant_of(given)
    return moment_at(data, "occurred_at")


def account_of(fact: Fact, settings: OwnWordsSettings) -> tuple[str, ...]:
    """Return the reference of the account that a fact names, nothing when it names none; raises Broken."""
    template = settings.account_from
    paths = _USUAL_PLACES if template is None else (template,)
    filling = Filling(fact, None, {})
    for path in paths:
        found = filling.fill(path if "{" in path else f"{{{path}}}")
        if found is not None and not isinstance(found, bool) and str(found).strip():
            return (_as_reference(str(found).strip()),)
    return ()


def _as_reference(name: str) -> str:
    try:
        return _REFERENCE.validate_python(name)
    except ValidationError as error:
        if wrong := [item["msg"] for item in error.errors() if item["type"] == "bad_reference"]:
            raise Broken(f"what names the account cannot: {wrong[0]}") from None
        return f"external:{name}"


def _opens(reference: str) -> bool:
    return reference.startswith(OPENING) and names_an_account(reference)


def _plain(fact: Fact) -> dict[str, Any] | None:
    """Return what a fact says as a plain event, None when it is in nobody's words but the sender's."""
    data = fact.fields.get("data")
    said: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    envelope = {"id": "-", "type": fact.topic, "account": fact.accounts[0] if fact.accounts else None}
    envelope["occurred_at"] = fact.at.isoformat()
    if {"type", "account"} <= said.keys() <= _PLAIN:
        return envelope | {name: value for name, value in said.items() if name != "id"}
    if fact.topic not in EVENT_TYPES:
        return None
    if not fact.accounts:
        raise Broken("it names no account; the setting `account_from` can say where to find one")
    named = {name: said[name] for name in _NAMED if said.get(name) is not None}
    return envelope | named | {"properties": dict(_properties(said))}


def _properties(said: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    given = said.get("properties")
    if isinstance(given, Mapping):
        yield from given.items()
    for name, value in said.items():
        if name not in _NOT_PROPERTIES and not isinstance(value, Mapping | list):
            yield name, value
