"""Fills the templates of a rule from a fact; it decides nothing."""

import math
import re
from collections.abc import Mapping
from typing import Any

from ingest_webhooks.words.shapes import Broken, Fact, clean

_FIELD = re.compile(r"\{([^{}]+)\}")
TEXT_LENGTH = 4096
Scalar = str | int | float | bool


def fields_of(template: str) -> list[str]:
    """Return the names and paths that a template asks for."""
    return _FIELD.findall(template)


def look_up(document: Mapping[str, Any], path: str) -> Any:
    """Return what a dotted path leads to, None for nothing; a key that holds dots itself is found as it stands."""
    if path in document:
        return document[path]
    found: Any = document
    for part in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, list) and part.isascii() and part.isdigit() and len(part) <= 6:
            found = found[int(part)] if int(part) < len(found) else None
        else:
            return None
    return found


class Filling:
    """The values that the templates of one rule can ask for: `value` is the fact's, as the rule reads it."""

    def __init__(self, fact: Fact, value: Any, translate: Mapping[str, str]) -> None:
        self._fact = fact
        self._value = value
        self._translate = translate

    def fill(self, template: str | None, *, translated: bool = False) -> Scalar | None:
        """Return a filled template, None if something that it asks for is missing.

        A template that is one field alone keeps the field's kind; `translated` lets the rule's words replace it.
        """
        if template is None:
            return None
        whole = _FIELD.fullmatch(template)
        if whole is not None:
            found = self._one(whole[1])
            return self._translate.get(found.strip().lower(), found) if translated and isinstance(found, str) else found
        parts = {name: self._one(name) for name in fields_of(template)}
        if any(part is None for part in parts.values()):
            return None
        return _FIELD.sub(lambda match: _text(parts[match[1]]), template)[:TEXT_LENGTH]

    def _one(self, name: str) -> Scalar | None:
        match name:
            case "value":
                found = self._value
            case "property":
                found = self._fact.topic.partition(".")[2] or self._fact.topic
            case "object":
                found = self._fact.subject or None
            case _:
                found = look_up(self._fact.fields, name)
        if isinstance(found, str):
            return clean(found)[:TEXT_LENGTH] or None
        if isinstance(found, float) and not math.isfinite(found):
            raise Broken(f"{name} is no finite number")
        return found if isinstance(found, int | float | bool) else None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
