"""Reads one delivery: its fields as what they ought to be, and what it said; it knows no provider's words.

What is something else than it ought to be is left out, never guessed.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from ingest_webhooks.mapping import take
from ingest_webhooks.mapping.values import instant_of
from ingest_webhooks.words.domains import domain_reference
from ingest_webhooks.words.rules import Rule
from ingest_webhooks.words.shapes import (
    Broken,
    Context,
    Fact,
    Fault,
    Link,
    Normalised,
    Received,
    Refused,
    clean,
    short_name,
)
from milepost_runtime.strict_json import BadBody, read_json

ID_LENGTH = 255
Document = Mapping[str, Any]


def read_document(body: bytes, said: Normalised) -> Document | None:
    """Return the object that a body is; None for anything else, with a fault that says so."""
    try:
        document = read_json(body)
    except BadBody as error:
        said.faults.append(Fault(None, f"{error.code}: {error}"))
        return None
    if not isinstance(document, dict):
        said.faults.append(Fault(None, "the body is no JSON object"))
    elif not is_finite(document):
        said.faults.append(Fault(None, "a number is greater than any that can be kept"))
    else:
        return document
    return None


def check_event_id(body: bytes, name: str = "id") -> None:
    """Raise BadBody for no strict JSON and for an id that no healthy sender gives; one that is missing passes."""
    document = read_json(body)
    found = document.get(name) if isinstance(document, dict) else None
    if found is not None and not (isinstance(found, str) and 0 < len(found) <= ID_LENGTH):
        raise BadBody("bad_event_id", f"`{name}` has to be a text of 1 to {ID_LENGTH} characters")


def tell(facts: Iterable[Fact], links: Iterable[Link], context: Context, rules: Mapping[str, Rule]) -> Normalised:
    """Return what one element means, so that it counts once: by its events, else its links, else as ignored.

    Raises Broken; then nothing of it counts.
    """
    said = Normalised(links=list(links))
    for fact in facts:
        take(fact, context, rules, said)
    said.linked = 1 if said.links and not said.events else 0
    said.ignored = 0 if said.links or said.events else 1
    return said


def at(document: Any, *path: str | int) -> Any:
    """Return what a path of keys and positions leads to, None for nothing."""
    for part in path:
        if isinstance(document, Mapping):
            document = document.get(str(part))
        elif isinstance(document, list) and isinstance(part, int) and part < len(document):
            document = document[part]
        else:
            return None
    return document


def text_at(document: Any, *path: str | int) -> str | None:
    """Return a text that says something, None for anything else."""
    found = at(document, *path)
    return clean(found.strip()) or None if isinstance(found, str) else None


def id_at(document: Any, *path: str | int) -> str | None:
    """Return an id, be it written as text, as a whole number, or as an object that has one; None without one."""
    found = at(document, *path)
    if isinstance(found, Mapping):
        found = found.get("id")
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return clean(found.strip()) or None if isinstance(found, str) else None


def whole_at(document: Any, *path: str | int) -> int | None:
    """Return a whole number, None for anything else."""
    found = at(document, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def objects_at(document: Any, *path: str | int) -> list[Document]:
    """Return the objects of a list, without what else is in it; none for no list."""
    found = at(document, *path)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def moment_at(document: Any, *path: str | int) -> datetime | None:
    """Return a moment in any of the ways in which providers write one, None for anything else."""
    try:
        return instant_of(at(document, *path))
    except Broken:
        return None


def required_moment(document: Any, *path: str | int) -> datetime:
    """Return a moment; raises Broken without one."""
    moment = moment_at(document, *path)
    if moment is None:
        raise Broken(f"{'.'.join(str(part) for part in path)} is missing or no moment")
    return moment


def hours_between(start: datetime | None, end: datetime | None) -> float | None:
    """Return the hours from one moment to a later one, None if one is missing or they are the other way round."""
    if start is None or end is None or end < start:
        return None
    return round((end - start).total_seconds() / 3600, 3)


def reference(*parts: str | None) -> str | None:
    """Return the name `<part>:<part>…`, None if a part is missing; raises Broken for one that is too long."""
    if any(not part for part in parts):
        return None
    return short_name(":".join(str(part) for part in parts), "a reference")


def domain_of(email: str | None) -> str | None:
    """Return the name of the company domain behind an address, None for shared ones and for none."""
    return None if email is None else domain_reference(email)


def present(*names: str | None) -> tuple[str, ...]:
    """Return the names that are there, each once, in their order."""
    return tuple(dict.fromkeys(name for name in names if name))


def digest(*values: Any) -> bytes:
    """Return 32 bytes that are equal for documents that say the same, in whichever order their keys come."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).digest()


def signature_of(received: Received, header: bytes, what: str) -> bytes:
    """Return the header that holds a signature; raises Refused without it, AmbiguousHeader for two."""
    claimed = received.header(header)
    if claimed is None:
        raise Refused("signature_missing", f"the header {what} is missing")
    return claimed


def is_finite(document: Any) -> bool:
    """Tell whether every number in a document is one that can be kept."""
    return all(math.isfinite(one) for one in _floats(document))


def _floats(document: Any) -> Iterator[float]:
    waiting = [document]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, float):
            yield one
