"""Fills in what differs each time in a sample: moments, ids, the company, the connection's settings; it signs nothing.

A placeholder is `${name}`, or `${name|what to take instead}`:

- `${ms}`, `${s}`, `${iso}`, `${date}`: now, as epoch milliseconds, epoch seconds, a moment, a day; `${s-3h}` is three
  hours earlier (`s`, `m`, `h`, `d`);
- `${fresh.x}`, `${fresh_number.x}`, `${fresh_digits.x}`, `${uuid.x}`: an id that was never there, the same wherever `x`
  stands in one sample; `${fresh_id.04l}` is one of Salesforce's, that begins so;
- `${own.x}`, `${own_number.x}`, `${own_digits.x}`, `${own_uuid.x}`, `${own_id.500}`: an id that belongs to the company,
  always the same, so that one sample resolves the ticket that another one opens;
- `${company.x}`: a part of the company; `${settings.a.0}`: a setting of the connection.

A text that is one placeholder and nothing else takes its kind (a number stays a number). What has no value is left
out: a field with its key, in XML the line; `${!name}` takes the whole entry of a list with it.
"""

import contextlib
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from xml.sax.saxutils import escape

from ingest_webhooks.samples.company import Company
from ingest_webhooks.sources.manner import digest_of, digits_of
from ingest_webhooks.sources.salesforce.companies import id18_of

_MARK = re.compile(r"\$\{(!?)([^{}|!]+)(?:\|([^{}]*))?\}")
_MOMENT = re.compile(r"(ms|s|iso|date)(?:([+-]\d+)([smhd]))?")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_FIELD_OF_ACCOUNT = "account_from"


class _Gone(Exception):
    """What an entry is about has no value."""


class Filling:
    """What the placeholders of one sample stand for; the same object gives the same ids again."""

    def __init__(self, now: float, company: Company, settings: Mapping[str, Any]) -> None:
        self._now = datetime.fromtimestamp(now, UTC)
        self._company = company
        self._settings = settings
        self._fresh: dict[str, str] = {}

    def text(self, template: str) -> str | None:
        """Return a text with everything filled in, None when something of it has no value."""
        found = self._whole(template)
        return None if found is None else str(found)

    def json(self, template: str) -> str:
        """Return a JSON document with everything filled in."""
        document = self._filled(json.loads(template))
        for one in document if isinstance(document, list) else [document]:
            self._name_the_account(one)
        return json.dumps(document, ensure_ascii=False, indent=2)

    def xml(self, template: str) -> str:
        """Return an XML document with everything filled in."""
        lines = (self._joined(line, escape) for line in template.splitlines())
        return "\n".join(line for line in lines if line is not None) + "\n"

    def _filled(self, value: Any) -> Any:
        match value:
            case str():
                return self._whole(value)
            case list():
                return list(self._entries(value))
            case dict():
                named = ((self.text(name), entry, self._filled(entry)) for name, entry in value.items())
                return {name: filled for name, entry, filled in named if name and (entry is None or filled is not None)}
            case _:
                return value

    def _entries(self, entries: list[Any]) -> Iterator[Any]:
        for entry in entries:
            with contextlib.suppress(_Gone):
                filled = self._filled(entry)
                if entry is None or filled is not None:
                    yield filled

    def _whole(self, template: str) -> Any:
        only = _MARK.fullmatch(template)
        return self._joined(template, str) if only is None else self._marked(only)

    def _joined(self, template: str, write: Callable[[str], str]) -> str | None:
        values = [self._marked(mark) for mark in _MARK.finditer(template)]
        if any(value is None for value in values):
            return None
        rest = iter(values)
        return _MARK.sub(lambda _mark: write(str(next(rest))), template)

    def _marked(self, mark: re.Match[str]) -> Any:
        value = self._value(mark[2])
        if value is None and mark[1]:
            raise _Gone
        return mark[3] if value is None else value

    def _value(self, name: str) -> Any:
        moment = _MOMENT.fullmatch(name)
        if moment is not None:
            return self._moment(moment)
        kind, _, label = name.partition(".")
        match kind:
            case "company":
                return getattr(self._company, label)
            case "settings":
                return _setting(self._settings, label)
            case "own" | "own_number" | "own_digits" | "own_uuid" | "own_id":
                return _id(kind.removeprefix("own_"), label, f"{self._company.account} {name}")
            case "fresh" | "fresh_number" | "fresh_digits" | "uuid" | "fresh_id":
                seed = self._fresh.setdefault(name, secrets.token_hex(16))
                return _id(kind.removeprefix("fresh_"), label, seed)
            case _:
                raise ValueError(f"no placeholder: {name}")

    def _moment(self, asked: re.Match[str]) -> Any:
        away = timedelta(**{_UNITS[asked[3]]: int(asked[2])}) if asked[2] else timedelta()
        at = self._now + away
        match asked[1]:
            case "ms":
                return int(at.timestamp() * 1000)
            case "s":
                return int(at.timestamp())
            case "date":
                return at.date().isoformat()
            case _:
                return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _name_the_account(self, document: dict[str, Any]) -> None:
        """Name the company where the connection's settings look for it, if it has such a setting."""
        told = self._settings.get(_FIELD_OF_ACCOUNT)
        if not told:
            return
        paths = re.findall(r"\{([^{}]+)\}", told)
        for path in paths or [told]:
            *above, last = path.split(".")
            place = document
            for name in above:
                inner = place.get(name)
                place[name] = place = inner if isinstance(inner, dict) else {}
            place[last] = self._company.word if paths else self._company.account


def _setting(settings: Mapping[str, Any], path: str) -> Any:
    found: Any = settings
    for part in path.split("."):
        if isinstance(found, list):
            found = found[int(part)] if int(part) < len(found) else None
        else:
            found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _id(kind: str, label: str, seed: str) -> Any:
    match kind:
        case "number":
            return int(digits_of(seed)) % 2**31
        case "digits":
            return digits_of(seed)
        case "uuid":
            return str(UUID(bytes=digest_of(seed)[:16], version=4))
        case "id":
            return id18_of(label, seed)
        case _:
            return digest_of(seed).hex()[:24]
