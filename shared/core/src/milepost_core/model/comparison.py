"""Says what one document says otherwise than another, place by place, with a sentence each.

It never judges a difference: whether a score moves is for the law to say.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from milepost_core.model.problems import step_into

__all__ = ["Difference", "compare_documents"]

_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two documents differ.

    ``pointer`` leads through lists whose members have ids by these ids: ``/signals/active_seats/weight``.
    ``kind`` is ``added``, ``removed``, ``changed`` or ``moved`` (the order of a list).
    """

    pointer: str
    kind: str
    before: Any
    after: Any
    sentence: str


def compare_documents(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Every difference between two documents, in the order of the later one; their version numbers aside.

    A key that is null is as good as absent. Lists of things with ids are compared thing by thing, other lists as a
    whole.
    """
    old = {key: value for key, value in before.items() if key != "version"}
    new = {key: value for key, value in after.items() if key != "version"}
    return tuple(_mappings(old, new, "", ""))


def _mappings(before: Mapping[str, Any], after: Mapping[str, Any], pointer: str, whose: str) -> Iterator[Difference]:
    for key in [*after, *(key for key in before if key not in after)]:
        yield from _values(before.get(key), after.get(key), step_into(pointer, key), _named(str(key), whose))


def _values(before: Any, after: Any, pointer: str, name: str) -> Iterator[Difference]:
    if before == after and _kind(before) == _kind(after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _mappings(before, after, pointer, name)
    elif _has_ids(before) and _has_ids(after):
        yield from _things(before, after, pointer, name)
    elif _has_ids(after) and before is None:
        yield from _things([], after, pointer, name)
    elif _has_ids(before) and after is None:
        yield from _things(before, [], pointer, name)
    else:
        yield _difference(pointer, before, after, name)


def _things(before: Sequence[Any], after: Sequence[Any], pointer: str, name: str) -> Iterator[Difference]:
    old, new = ({one["id"]: one for one in things} for things in (before, after))
    for key, thing in new.items():
        place, whose = step_into(pointer, key), f"{_single(name)} {_label(thing)}"
        if key in old:
            yield from _mappings(old[key], thing, place, whose)
        else:
            yield Difference(place, "added", None, thing, _sentence(whose, "is new"))
    for key, thing in old.items():
        if key not in new:
            whose = f"{_single(name)} {_label(thing)}"
            yield Difference(step_into(pointer, key), "removed", thing, None, _sentence(whose, "is gone"))
    both = [key for key in new if key in old]
    order = [key for key in old if key in new]
    if both != order:
        yield Difference(pointer, "moved", order, both, _sentence(name, f"stand in another order: {', '.join(both)}"))


def _difference(pointer: str, before: Any, after: Any, name: str) -> Difference:
    if before is None:
        return Difference(pointer, "added", None, after, _sentence(name, f"is new: {_shown(after)}"))
    if after is None:
        return Difference(pointer, "removed", before, None, _sentence(name, f"is gone; it was {_shown(before)}"))
    words = f"changed from {_shown(before)} to {_shown(after)}"
    return Difference(pointer, "changed", before, after, _sentence(name, words))


def _kind(value: Any) -> type:
    # true equals 1 to Python; to a model they are not the same
    return bool if isinstance(value, bool) else object


def _has_ids(value: Any) -> bool:
    if not isinstance(value, list | tuple) or not value:
        return False
    ids = [one.get("id") if isinstance(one, Mapping) else None for one in value]
    return all(isinstance(one, str) for one in ids) and len(set(ids)) == len(ids)


def _named(key: str, whose: str) -> str:
    words = key.replace("_", " ")
    return f"{words} of {whose}" if whose else words


def _single(name: str) -> str:
    first, found, rest = name.partition(" of ")
    return f"{first.removesuffix('s')}{found}{rest}"


def _label(thing: Mapping[str, Any]) -> str:
    return f"'{thing.get('label') or thing['id']}'"


def _sentence(name: str, words: str) -> str:
    return f"{name[:1].upper()}{name[1:]} {words}."


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:.12g}"
    text = value if isinstance(value, str) else _plain(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_plain(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_plain(one) for one in value) + "]"
    return "null" if value is None else _shown(value)
