"""Reads many plain events, one a line, quickly; it never takes what `plain` refuses, and never talks to a store.

A line takes the short way when it is beyond doubt: no escapes, nothing nested, a type and an account that have been
judged before. Everything else is judged word for word as `POST /events` judges it. Both ways end in the same row.
"""

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from re import Match
from re import compile as pattern
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from ingest_webhooks.sources.line_chunks import BLANK, Chunk, Errors, reason, storable
from ingest_webhooks.sources.plain import normal_event
from ingest_webhooks.words.shapes import AHEAD, EPOCH, Context, NormalEvent, keys_under, other_names
from milepost_contracts.events import NAME_LENGTH
from milepost_runtime.problems import from_validation
from milepost_runtime.strict_json import MAX_DIGITS, BadBody, read_json

LINE_LIMIT = 256 * 1024
TOO_LONG = reason("line_too_long", f"the line is longer than {LINE_LIMIT} bytes")
# The columns of a row's text, in their order, in the text format of COPY.
PLACE = ("reference", "fallbacks")
COLUMNS = ("event_id", "type", "occurred_at", "actor", "role", "item", "value", "value_text", "properties")

_NULL = "\\N"
_MOMENT = pattern(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?Z").fullmatch
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_UNESCAPE = pattern(r"\\(.)").sub
_NOUGHTS = bytes(48 if 48 <= code <= 57 else 32 for code in range(256))
_LONG_RUN = b"0" * (MAX_DIGITS + 1)
_REMEMBERED = 20_000
_BIG = 10**15
_TINY = 1e-15
_SCALARS = frozenset({int, bool, type(None)})


class LineReader:
    """Reads the lines of one sender; `received_at` bounds how far ahead of us an event may claim to be."""

    def __init__(self, sender: str, received_at: datetime) -> None:
        self._context = Context(received_at, sender=sender)
        self._latest = received_at + AHEAD - timedelta(minutes=1)
        self._key = keys_under("plain", sender)
        self._known = _Known()

    def read(self, lines: Sequence[bytes], chunk: Chunk) -> None:
        """Add lines to a chunk."""
        number = chunk.before + chunk.lines
        chunk.lines += len(lines)
        chunk.kept.append(lines)
        chunk.size += sum(map(len, lines)) + len(lines)
        for number, raw in enumerate(lines, number + 1):  # noqa: B020 - it goes on counting
            line = raw.strip(BLANK)
            if not line:
                chunk.blank += 1
            elif len(line) > LINE_LIMIT:
                chunk.rejects.append((number, TOO_LONG))
            elif not self._take_short(line, number, chunk) and (errors := self._take(line, number, chunk)):
                chunk.rejects.append((number, errors))

    def _take_short(self, line: bytes, number: int, chunk: Chunk) -> bool:
        """Add a line that is beyond doubt; False for any other, which is left to `_take`."""
        if b"\\" in line:
            return False
        known = self._known
        try:
            document = from_json(line, allow_inf_nan=False, cache_strings="keys")
            reference, opens = known.accounts[document["account"]]
            kind, name, moment = document["type"], document["id"], document["occurred_at"]
            at = datetime.fromisoformat(moment)
            if kind not in known.types or _MOMENT(moment) is None or not EPOCH <= at <= self._latest:
                return False
            if not _is_plain(name) or tuple(document) not in known.shapes:
                return False
            rest = _rest(document, line, known.names)
        except (_Doubtful, ValueError, LookupError, TypeError):
            return False
        key = self._key(name)
        row = reference, f"{key[:16].hex()}\t{kind}\t{moment}\t{rest}"
        _add(chunk, number, key, row, at)
        if opens:
            chunk.opening.add(reference)
        return True

    def _take(self, line: bytes, number: int, chunk: Chunk) -> Errors:
        """Add any line by the rules of `POST /events`; return why it cannot be taken, nothing when it was."""
        try:
            document = read_json(line)
            event = normal_event(document, self._context)
        except BadBody as error:
            return storable(reason(error.code, str(error)))
        except ValidationError as error:
            items = error.errors(include_url=False, include_input=False, include_context=False)
            located = [{**one, "loc": ("body", *one["loc"])} for one in items[:20]]
            return storable(from_validation(located, document).errors)
        new = _add(chunk, number, event.key, (event.reference, _text(event)), event.occurred_at)
        if event.opens:
            chunk.opening.add(event.reference)
        if other_names(event) is None:
            chunk.newcomers += self._known.remember(document, event)
        elif new:
            chunk.special[event.key] = event
        return ()


@dataclass(slots=True)
class _Known:
    """What passed once and passes again: accounts (with the reference and whether it opens), types, sets of names.

    What leads to its account by more than the account's name is never among them.
    """

    accounts: dict[str, tuple[str, bool]] = field(default_factory=dict)
    types: set[str] = field(default_factory=set)
    shapes: set[tuple[str, ...]] = field(default_factory=set)
    names: set[tuple[str, ...]] = field(default_factory=set)

    def remember(self, document: Mapping[str, Any], event: NormalEvent) -> bool:
        """Remember what a line holds that was taken; True when its account is a newcomer."""
        new = document["account"] not in self.accounts
        for known in (self.accounts, self.types, self.shapes, self.names):
            if len(known) >= _REMEMBERED:
                known.clear()
        self.accounts[document["account"]] = (event.reference, event.opens)
        self.types.add(event.type)
        self.shapes.add(tuple(document))
        self.names.add(tuple(document.get("properties", ())))
        return new


class _Doubtful(Exception):
    """Something about a line is out of the ordinary."""


def _add(chunk: Chunk, number: int, key: bytes, row: tuple[str, str], at: datetime) -> bool:
    if key in chunk.rows:
        chunk.repeats.append((number, key))
        return False
    chunk.rows[key] = row
    chunk.first_told.setdefault(row[0], at)
    return True


def _is_plain(name: Any) -> bool:
    """Tell whether a name can be seen beyond doubt: nothing in it is a control, a format, a half or an odd blank."""
    return type(name) is str and 0 < len(name) <= NAME_LENGTH and name.isprintable() and not name.isspace()


def _rest(document: dict[str, Any], line: bytes, names: Set[tuple[str, ...]]) -> str:
    """Return the columns from `actor` on of a line without escapes; raises _Doubtful.

    Every string of such a line lies between two quotation marks, and so does every name: were one name there twice,
    more marks would be in the line than the document accounts for.
    """
    get = document.get
    actor, role, item, value = get("actor"), get("role"), get("item"), get("value")
    strings = 4 + len(document)
    for word in (actor, role, item):
        if word is not None:
            if not _is_plain(word):
                raise _Doubtful
            strings += 1
    strings += type(value) is str
    inner, properties = _properties(document, line, names)
    # An item may name a thing that leads to the account.
    if (item is not None and ":" in item) or line.count(b'"') != 2 * (strings + inner):
        raise _Doubtful
    return (
        f"{_NULL if actor is None else actor}\t{_NULL if role is None else role}\t{_NULL if item is None else item}"
        f"\t{_values(value, line)}\t{properties}"
    )


def _values(value: Any, line: bytes) -> str:
    """Return the columns `value` and `value_text`."""
    kind = type(value)
    if value is None:
        return f"{_NULL}\t{_NULL}"
    if kind is int and -_BIG < value < _BIG:
        return f"{value}\t{_NULL}"
    if kind is float and -_BIG < value < _BIG:
        _check_digits(line)
        return f"{value + 0.0!r}\t{_NULL}"  # there is one nought
    if kind is str and len(value) <= 4096:
        return f"{_NULL}\t{value}"
    raise _Doubtful


def _check_digits(line: bytes) -> None:
    """Integers are short when they are small; of other numbers the digits have to be counted."""
    if _LONG_RUN in line.translate(_NOUGHTS):
        raise _Doubtful


def _properties(document: dict[str, Any], line: bytes, names: Set[tuple[str, ...]]) -> tuple[int, str]:
    """Return how many names and strings the properties hold, and their JSON; raises _Doubtful when odd."""
    if "properties" not in document:
        return 0, "{}"
    properties = document["properties"]
    if type(properties) is not dict or tuple(properties) not in names:
        raise _Doubtful
    strings = len(properties)
    as_written = True
    for value in properties.values():
        kind = type(value)
        if kind is str:
            strings += 1
        elif kind is float and -_BIG < value < _BIG:
            # PostgreSQL keeps every digit of a number, and cannot keep those of 1e-20000.
            as_written = as_written and abs(value) > _TINY
            _check_digits(line)
        elif (kind is int and not -_BIG < value < _BIG) or kind not in _SCALARS:
            raise _Doubtful
    if as_written and (start := line.find(b'"properties":{')) > 0 and next(reversed(document)) == "properties":
        text = line[start + 13 : -1].decode()
        if "\t" not in text and "\r" not in text:
            return strings, text
    return strings, json.dumps(properties, ensure_ascii=False, separators=(",", ":"))


def _text(event: NormalEvent) -> str:
    """Return the columns of an event as COPY reads them."""
    properties = json.dumps(event.properties, ensure_ascii=False, separators=(",", ":")) if event.properties else "{}"
    texts: tuple[str | None, ...] = (
        event.event_id,
        event.type,
        event.occurred_at.astimezone(UTC).isoformat(),
        event.actor,
        event.role,
        event.item,
        None if event.value is None else repr(event.value),
        event.value_text,
        properties,
    )
    return "\t".join(_NULL if text is None else text.translate(_ESCAPES) for text in texts)


def names_in(reference: str, text: str) -> list[str]:
    """Return who and what a row speaks of: its reference, its actor and its item."""
    columns = text.split("\t", 6)
    named = [columns[COLUMNS.index(name)] for name in ("actor", "item")]
    return [reference, *(_UNESCAPE(_plain, name) for name in named if name != _NULL)]


def _plain(escape: Match[str]) -> str:
    return {"t": "\t", "n": "\n", "r": "\r"}.get(escape[1], escape[1])


def place_of(reference: str, others: Sequence[str] | None) -> str:
    """Return the columns of PLACE as COPY reads them, each with the tab behind it; `others` None: it never moves."""
    if others is None:
        return f"{reference.translate(_ESCAPES)}\t{_NULL}\t"
    quoted = ",".join('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in others)
    return f"{reference.translate(_ESCAPES)}\t{f'{{{quoted}}}'.translate(_ESCAPES)}\t"
