"""Takes a person out of a kept body as far as that can be known; pure, it knows no source and no store."""

import json
import re
from collections.abc import Collection
from typing import Any
from urllib.parse import quote

BLANK = ""
_ID_KEY = re.compile(r"(^|_)id$|Id$|ID$|^id$")
# Words of a provider's interface, by which a body is understood, are no words about a person.
_KEPT = re.compile(r"(type|event|eventType|subscriptionType|topic|action|specversion|source|version|propertyName)\Z")


def blanked(body: bytes, names: Collection[str]) -> tuple[bytes, bool]:
    """Return a body that says nothing of a person any more, as it was if it said nothing, and whether that is sure.

    In every object of a JSON body that holds one of the names, or the person's id under the key of an id, all texts are
    emptied but for words of the interface and the ids of others. A name inside of a longer text is cut out of it. From
    a body of another kind only the names themselves are cut, so what stands around them may still tell.
    """
    wanted = {name.lower() for name in names}
    ids = {name.rpartition(":")[2] for name in wanted if name.count(":") > 2}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return _cut(body, wanted), not any(needle in body.lower() for needle in needles_of(wanted))
    inside = [re.compile(re.escape(name), re.IGNORECASE) for name in sorted(wanted, key=len, reverse=True)]
    changed = _walk(document, _Sought(wanted, ids, inside))
    if changed == document:
        return body, True
    return json.dumps(changed, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"), True


def needles_of(names: Collection[str]) -> list[bytes]:
    """Return what stands in every body that speaks of a person: a name, or the person's id in a provider's system."""
    words = {name.rpartition(":")[2] if name.count(":") > 2 else name for name in names}
    written = words | {quote(word) for word in words}
    return sorted({word.encode("utf-8", "surrogatepass") for word in written if len(word) > 2})


def _cut(body: bytes, names: Collection[str]) -> bytes:
    for name in sorted((name for name in names if "@" in name), key=len, reverse=True):
        for written in (name, quote(name)):
            body = re.sub(re.escape(written.encode("utf-8", "surrogatepass")), b"", body, flags=re.IGNORECASE)
    return body


class _Sought:
    def __init__(self, names: set[str], ids: set[str], inside: list[re.Pattern[str]]) -> None:
        self.names, self.ids, self._inside = names, ids, inside

    def holds(self, found: dict[str, Any]) -> bool:
        """Whether an object speaks of the person."""
        return any(self._means(key, value) for key, value in found.items())

    def _means(self, key: str, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, str | int):
            return False
        word = str(value).lower()
        return word in self.names or (word in self.ids and _ID_KEY.search(key) is not None)

    def cut(self, text: str) -> str:
        """Return a text without the names in it."""
        for name in self._inside:
            text = name.sub(BLANK, text)
        return text


def _walk(value: Any, sought: _Sought, *, of_person: bool = False, key: str = "") -> Any:
    match value:
        case dict():
            here = of_person or sought.holds(value)
            return {name: _walk(one, sought, of_person=here, key=name) for name, one in value.items()}
        case list():
            return [_walk(one, sought, of_person=of_person, key=key) for one in value]
        case str() if of_person and not _KEPT.match(key) and _ID_KEY.search(key) is None:
            return BLANK
        case str():
            return sought.cut(value)
        case _:
            return value
