"""Playbook documents: from a loaded mapping to a checked Playbook, or to all that is wrong with it.

It never reads a file and never renders a template; texts are carried as they are written.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast, get_args

from milepost_core.playbooks.document import (
    BAND_RANK,
    Band,
    BandTrigger,
    Direction,
    EmailStep,
    Playbook,
    ReEntry,
    Step,
    Trigger,
)

FORMAT: Final = "playbook/1"
MOST_STEPS: Final = 500
MOST_TEXT: Final = 64 * 1024
_RE_ENTRY_DAYS: Final = range(3651)

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}[a-z0-9]|[a-z0-9]")
_MISSING: Final = object()


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a document: where (JSON pointer), a code for machines, a sentence for people."""

    pointer: str
    code: str
    sentence: str


class PlaybookInvalid(Exception):
    """The document cannot be used; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{problem.pointer or '/'}: {problem.sentence}" for problem in problems))
        self.problems = problems


def parse_playbook(document: Mapping[str, Any]) -> Playbook:
    """Turn a loaded document into a Playbook.

    Raises PlaybookInvalid with every problem found: unknown or missing keys, types, bounds, doubled ids.
    """
    reader = _Reader()
    root = reader.mapping(document, "", _ROOT_KEYS)
    if root.get("format", FORMAT) != FORMAT:
        reader.say("/format", "format_unknown", f"expected {FORMAT}, got {root['format']!r}")
    playbook = Playbook(
        id=reader.name(root, "id", ""),
        version=reader.whole(root, "version", "", range(1, 2**31)),
        name=reader.text(root, "name", "", most=120),
        purpose=reader.text(root, "purpose", "", most=2000, default=""),
        trigger=_trigger(reader, root),
        re_entry=ReEntry(days=reader.whole(root, "re_entry_days", "", _RE_ENTRY_DAYS, default=7)),
        steps=tuple(_steps(reader, root)),
    )
    if reader.problems:
        raise PlaybookInvalid(tuple(reader.problems))
    return playbook


_ROOT_KEYS = ("format", "id", "version", "name", "purpose", "trigger", "re_entry_days", "steps")
_TRIGGER_KEYS = ("kind", "to", "direction", "first_score")
_EMAIL_KEYS = ("id", "kind", "to", "subject", "text", "html")


class _Reader:
    """Reads values out of a loose document and remembers everything that is wrong on the way."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def say(self, pointer: str, code: str, sentence: str) -> None:
        self.problems.append(Problem(pointer, code, sentence))

    def mapping(self, value: Any, pointer: str, keys: tuple[str, ...]) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            self.say(pointer, "type", f"expected a mapping, got {_word(value)}")
            return {}
        for key in value:
            if key not in keys:
                near = difflib.get_close_matches(str(key), keys, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                self.say(f"{pointer}/{_escape(str(key))}", "key_unknown", f"{key!r} is not known here{hint}")
        return value

    def take(self, source: Mapping[str, Any], key: str, pointer: str, default: Any) -> Any:
        value = source.get(key, default)
        if value is _MISSING:
            self.say(f"{pointer}/{key}", "missing", f"{key} is required")
        return value

    def text(self, source: Mapping[str, Any], key: str, pointer: str, most: int, default: Any = _MISSING) -> str:
        value = self.take(source, key, pointer, default)
        if value is _MISSING:
            return ""
        if not isinstance(value, str) or (not value.strip() and default is _MISSING):
            self.say(f"{pointer}/{key}", "type", f"expected text, got {_word(value)}")
            return ""
        if len(value) > most:
            self.say(f"{pointer}/{key}", "too_long", f"{len(value)} characters, at most {most} are allowed")
        return value

    def name(self, source: Mapping[str, Any], key: str, pointer: str) -> str:
        value = self.text(source, key, pointer, most=64)
        if 0 < len(value) <= 64 and not _NAME.fullmatch(value):
            self.say(f"{pointer}/{key}", "name", "use lower-case letters, digits and inner hyphens")
        return value

    def whole(self, source: Mapping[str, Any], key: str, pointer: str, bounds: range, default: Any = _MISSING) -> int:
        value = self.take(source, key, pointer, default)
        if value is _MISSING:
            return bounds[0]
        if isinstance(value, bool) or not isinstance(value, int):
            self.say(f"{pointer}/{key}", "type", f"expected a whole number, got {_word(value)}")
            return bounds[0]
        if value not in bounds:
            self.say(f"{pointer}/{key}", "out_of_range", f"expected {bounds[0]} to {bounds[-1]}, got {value}")
            return bounds[0]
        return value

    def word(self, source: Mapping[str, Any], key: str, pointer: str, words: tuple[str, ...], default: Any) -> str:
        value = self.take(source, key, pointer, default)
        if value is _MISSING:
            return words[0]
        if value not in words:
            self.say(f"{pointer}/{key}", "word_unknown", f"expected one of {', '.join(words)}, got {value!r}")
            return words[0]
        return str(value)


def _trigger(reader: _Reader, root: Mapping[str, Any]) -> Trigger:
    raw = reader.take(root, "trigger", "", _MISSING)
    source = {} if raw is _MISSING else reader.mapping(raw, "/trigger", _TRIGGER_KEYS)
    if source:
        reader.word(source, "kind", "/trigger", ("band_changed",), _MISSING)
    first = source.get("first_score", False)
    if not isinstance(first, bool):
        reader.say("/trigger/first_score", "type", f"expected true or false, got {_word(first)}")
    return BandTrigger(
        to=tuple(_bands(reader, source)) if source else (),
        direction=cast(Direction, reader.word(source, "direction", "/trigger", get_args(Direction), "down")),
        first_score=bool(first),
    )


def _bands(reader: _Reader, source: Mapping[str, Any]) -> Iterator[Band]:
    value = reader.take(source, "to", "/trigger", _MISSING)
    if value is _MISSING:
        return
    if not isinstance(value, list | tuple) or not value:
        reader.say("/trigger/to", "type", f"expected a list of bands, got {_word(value)}")
        return
    for index, band in enumerate(value):
        if band not in BAND_RANK:
            words = ", ".join(BAND_RANK)
            reader.say(f"/trigger/to/{index}", "word_unknown", f"expected one of {words}, got {band!r}")
        else:
            yield cast(Band, band)


def _steps(reader: _Reader, root: Mapping[str, Any]) -> Iterator[Step]:
    value = reader.take(root, "steps", "", _MISSING)
    if value is _MISSING:
        return
    if not isinstance(value, list | tuple) or not value:
        reader.say("/steps", "type", f"expected a list with at least one step, got {_word(value)}")
        return
    if len(value) > MOST_STEPS:
        reader.say("/steps", "too_many", f"{len(value)} steps, at most {MOST_STEPS} are allowed")
        return
    seen: dict[str, int] = {}
    for index, item in enumerate(value):
        step = _email(reader, item, f"/steps/{index}")
        if step.id and step.id in seen:
            first = f"/steps/{seen[step.id]}"
            reader.say(f"/steps/{index}/id", "doubled", f"step {step.id!r} is already at {first}")
        seen.setdefault(step.id, index)
        yield step


def _email(reader: _Reader, item: Any, pointer: str) -> EmailStep:
    source = reader.mapping(item, pointer, _EMAIL_KEYS)
    if source:
        reader.word(source, "kind", pointer, ("email",), _MISSING)
    return EmailStep(
        id=reader.name(source, "id", pointer),
        to=reader.text(source, "to", pointer, most=320, default="owner"),
        subject=reader.text(source, "subject", pointer, most=500),
        text=reader.text(source, "text", pointer, most=MOST_TEXT),
        html=reader.text(source, "html", pointer, most=MOST_TEXT),
    )


def _word(value: Any) -> str:
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _escape(key: str) -> str:
    """Return a key as a JSON pointer token (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
