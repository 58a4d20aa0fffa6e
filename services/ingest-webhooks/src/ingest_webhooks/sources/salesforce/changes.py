"""Reads Salesforce's change events (plain, or as a relay wraps them) and calls of Flows; it knows no event of ours."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ingest_webhooks.mapping.values import instant_of
from ingest_webhooks.sources.salesforce.ids import id18
from ingest_webhooks.sources.salesforce.record import Record
from ingest_webhooks.words.shapes import Broken, instant_of_milliseconds, short_name
from milepost_contracts.events import NAME_LENGTH
from milepost_runtime.strict_json import BadBody

_HEADER = "ChangeEventHeader"
_WRAPPERS = ("data", "payload", "detail")
_VERBS = {"CREATE": "created", "UPDATE": "updated", "DELETE": "deleted", "UNDELETE": "undeleted"}
_GAPS = ("GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW")
_MAX_RECORDS = 1_000
_MAX_NUMBER = 10**20 - 1


@dataclass(frozen=True, slots=True)
class Change:
    """A change event: what happened to records at once, in which place of all commits, and who did it."""

    header: Mapping[str, Any]
    fields: Mapping[str, Any]

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands among all changes; whole numbers, as commits pass what a float can hold."""
        return _number(self.header, "commitNumber"), _number(self.header, "sequenceNumber")

    @property
    def sequence(self) -> str:
        """Its place as text that sorts as the numbers do, however many digits they have."""
        commit, sequence = (min(max(number, 0), _MAX_NUMBER) for number in self.place)
        return f"{commit:020d}.{sequence:020d}"

    @property
    def client(self) -> str:
        """The name under which the writer's program called Salesforce, empty if it gave none."""
        return str(self.header.get("changeOrigin") or "").partition("client=")[2].rstrip("/")

    @property
    def user(self) -> object:
        """Who wrote it."""
        return self.header.get("commitUser")


def find_change(element: Any) -> Change | None:
    """Return the change event in an element, out of whatever a relay wrapped around it; None when there is none."""
    for _ in range(len(_WRAPPERS) + 1):
        if not isinstance(element, Mapping):
            return None
        header = element.get(_HEADER)
        if isinstance(header, Mapping):
            return Change(header, {name: value for name, value in element.items() if name != _HEADER})
        element = next((element[name] for name in _WRAPPERS if isinstance(element.get(name), Mapping)), None)
    return None


def records_of(change: Change, organisation: str) -> list[Record]:
    """Return every record that a change event speaks of; raises Broken."""
    header = change.header
    kind = short_name(_text(header, "entityName"), "entityName")
    word = _text(header, "changeType")
    if word not in _VERBS and word not in _GAPS:
        raise Broken("changeType is no word of Salesforce's")
    ids = header.get("recordIds")
    ids = header.get("recordId") if ids is None else ids
    ids = [ids] if isinstance(ids, str) else ids
    if not isinstance(ids, list) or not ids or len(ids) > _MAX_RECORDS:
        raise Broken("recordIds is no list of ids")
    fields, emptied = _told(change, word)
    transaction = (str(header.get("transactionKey", "")), *(str(part) for part in change.place))
    found = []
    for one in ids:
        record_id = id18(one)
        if record_id is None:
            raise Broken("recordIds holds what is no id")
        key = ("change", *transaction, kind, record_id, word)
        verb = _VERBS.get(word, word.lower())
        record = Record(organisation, kind, record_id, verb, _moment(change), key, fields, emptied)
        found.append(replace(record, sequence=change.sequence))
    return found


def _told(change: Change, word: str) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Return the fields that are told, and the names of those that were emptied without being among them."""
    fields, header = change.fields, change.header
    if word != "UPDATE":
        return fields, ()
    lists = [one for name in ("changedFields", "nulledFields") if isinstance(one := header.get(name), list)]
    named = [name for one in lists for name in one if isinstance(name, str)]
    if any(_is_bitmap(name) for name in named):
        # A relay of the Pub/Sub API writes every field, and null for what did not change: only its schema can tell.
        return {name: value for name, value in fields.items() if value is not None}, ()
    emptied = (name for name in named if not _carries(fields, name))
    return fields, tuple(dict.fromkeys(short_name(name, "a field's name") for name in emptied))


def _is_bitmap(name: str) -> bool:
    return name.startswith("0x") or "-0x" in name


def _carries(fields: Mapping[str, Any], name: str) -> bool:
    whole, joint, part = name.partition(".")
    if not joint or whole not in fields:
        return whole in fields
    # A compound field that is empty as a whole says so of its parts.
    return not isinstance(fields[whole], Mapping) or part in fields[whole]


def _moment(change: Change) -> datetime:
    """Return when a change was committed; among changes of one instant their place decides.

    Commit times may be cut to the second. Where the commit's number is its time in nanoseconds (it then agrees with
    the commit's time) that is taken.
    """
    milliseconds, (commit, _) = _number(change.header, "commitTimestamp"), change.place
    if commit // 10**9 == milliseconds // 1000:
        return instant_of_milliseconds(commit // 10**6) + timedelta(microseconds=commit // 1000 % 1000)
    return instant_of_milliseconds(milliseconds)


def _number(header: Mapping[str, Any], name: str) -> int:
    value = header.get(name, 0)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 40:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Broken(f"{name} is no whole number")
    return value


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Broken(f"{name} is missing or no text")
    return value.strip()


def check_event_ids(elements: list[Any]) -> None:
    """Raise BadBody for a Flow's event_id that is no text of up to 255 characters; it may be missing."""
    for element in elements:
        given = element.get("event_id") if isinstance(element, Mapping) else None
        if given is not None and (not isinstance(given, str) or not 0 < len(given) <= NAME_LENGTH):
            raise BadBody("bad_event_id", f"event_id must be a text of up to {NAME_LENGTH} characters")


def call_of(raw: Any, organisation: str, received_at: datetime) -> Record:
    """Return the record that a Flow's call speaks of; raises Broken."""
    if not isinstance(raw, Mapping) or "object" not in raw:
        raise Broken("it is neither a change event nor a Flow's call with an `object`")
    kind = short_name(_text(raw, "object"), "object")
    fields = raw.get("fields") or {}
    if not isinstance(fields, Mapping):
        raise Broken("fields is no object")
    account = _account(raw.get("account_id"), organisation)
    record_id = id18(raw.get("id")) or id18(raw.get("account_id") if kind == "Account" else fields.get("Id"))
    if record_id is None:
        raise Broken("id is missing or no id of Salesforce's")
    moment = raw.get("occurred_at") or fields.get("LastModifiedDate")
    return Record(
        organisation=organisation,
        kind=kind,
        id=record_id,
        verb=verb_of(fields),
        at=received_at if moment is None else instant_of(moment),
        key=("call", raw.get("event_id") or _digest(raw)),
        fields=fields,
        account=account,
    )


def verb_of(fields: Mapping[str, Any]) -> str:
    """Return what happened to a record whose state is told, as far as its own books say."""
    if str(fields.get("IsDeleted", "")).lower() == "true":
        return "deleted"
    created = fields.get("CreatedDate")
    return "created" if created and created == fields.get("LastModifiedDate") else "updated"


def _account(given: Any, organisation: str) -> str:
    if given is None or given == "":
        return ""
    found = id18(given)
    if found is not None:
        return f"salesforce:{organisation}:{found}"
    if not isinstance(given, str) or ":" not in given:
        raise Broken("account_id is neither an id of Salesforce's nor a reference")
    return given.strip()


def _digest(raw: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(raw, sort_keys=True, ensure_ascii=True).encode("ascii")).hexdigest()
