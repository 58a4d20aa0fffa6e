"""Finds every mistake of a mapping at once, and what it says that cannot be meant; it changes nothing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from ingest_webhooks.mapping.remarks import nearest, remarks_on
from ingest_webhooks.words.rules import MappingDocument, Rule

# One delivery must not become thousands of events, and nobody reads rules that are nested deeper.
MOST_EVENTS = 50
DEEPEST = 8
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Remark:
    """What is wrong (`error`: the mapping is refused) or hardly meant, where, and what may have been meant."""

    pointer: str
    severity: Literal["error", "warning"]
    code: str
    message: str
    nearest: str | None = None


def lint(
    rules: Any, defaults: Mapping[str, Rule], has_value: Callable[[str], bool] = lambda _topic: True
) -> list[Remark]:
    """Return all remarks on the rules of a mapping, as they came, beside a source's defaults; errors first.

    `has_value` tells whether the source's facts under a topic are about one changed value.
    """
    found = {(one.pointer, one.code): one for one in _all(rules, defaults, has_value)}
    refused = {one.pointer for one in found.values() if one.severity == "error"}
    # What is refused needs no advice beside.
    kept = [one for one in found.values() if one.severity == "error" or one.pointer not in refused]
    return sorted(kept, key=lambda one: one.severity != "error")


def _all(rules: Any, defaults: Mapping[str, Rule], has_value: Callable[[str], bool]) -> Iterator[Remark]:
    yield from _not_valid(rules)
    if isinstance(rules, dict):
        for topic, rule in rules.items():
            valued = has_value(topic)
            for path, one in _nested(rule, ("rules", topic)):
                yield from _of_rule(one, path)
                if one.get("attribute") and not valued:
                    message = "nothing under this topic has one changed value, so this empties the attribute"
                    yield Remark(pointer((*path, "attribute")), "warning", "no_value", message, "attributes")
            yield from _of_extent(rule, ("rules", topic))
            yield from _of_topic(topic, defaults)


def _not_valid(rules: Any) -> Iterator[Remark]:
    """What the shape of a mapping refuses, with the word that may have been meant."""
    try:
        MappingDocument.model_validate({"rules": rules})
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False, include_context=False):
            path = tuple(part for part in item["loc"] if part != "[key]")
            near = nearest(str(path[-1]), Rule.model_fields) if item["type"] == "extra_forbidden" else None
            message = "there is no such key" if item["type"] == "extra_forbidden" else _plain(item["msg"])
            yield Remark(pointer(path), "error", item["type"], message, near)
    except RecursionError:
        yield Remark("/rules", "error", "too_deep", f"rules may be nested {DEEPEST} deep")


def _of_rule(rule: dict[str, Any], path: Path) -> Iterator[Remark]:
    said = [name for name in ("attribute", "attributes", "type", "when") if rule.get(name)]
    said += ["ignore"] if rule.get("ignore") is True else []
    if len(said) != 1:
        heard = f"; it gives {', '.join(said)}" if said else ""
        message = f"give exactly one of attribute, attributes, type, when or ignore{heard}"
        yield Remark(pointer(path), "error", "value_error", message)
    for where, severity, code, message, near in remarks_on(rule):
        yield Remark(pointer((*path, *where)), severity, code, message, near)


def _of_extent(rule: Any, path: Path) -> Iterator[Remark]:
    if _depth(rule) > DEEPEST:
        yield Remark(pointer(path), "error", "too_deep", f"rules may be nested {DEEPEST} deep")
    elif _events(rule) > MOST_EVENTS:
        yield Remark(pointer(path), "error", "too_many", f"one fact may become {MOST_EVENTS} events at most")


def _of_topic(topic: str, defaults: Mapping[str, Rule]) -> Iterator[Remark]:
    here = pointer(("rules", topic))
    if "*" in topic and topic != "*" and (not topic.endswith(".*") or "*" in topic[:-1]):
        message = "`*` stands for many topics only alone, or after the last dot: this rule is never found"
        yield Remark(here, "warning", "never_found", message, f"{topic.partition('*')[0].rstrip('.')}.*")
        return
    if topic.endswith("*"):
        first = sorted(name for name in defaults if "*" not in name and name.startswith(topic[:-1]))
        if first:
            message = f"the source's rules for single topics come first: {', '.join(first[:10])}"
            yield Remark(here, "warning", "shadowed", message + (" and more" if len(first) > 10 else ""))
    elif topic not in defaults:
        near = nearest(topic, [name for name in defaults if "*" not in name], 0.85)
        if near is not None:
            yield Remark(here, "warning", "unknown_topic", "the source has no rule for such a topic", near)


def _nested(rule: Any, path: Path, depth: int = 0) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Return a rule and those within it; what is no rule at all is the shape's business."""
    if isinstance(rule, dict) and depth <= DEEPEST:
        yield path, rule
        for place, one in _inner(rule):
            yield from _nested(one, (*path, *place), depth + 1)


def _inner(rule: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    when, also = rule.get("when"), rule.get("also")
    if isinstance(when, dict):
        yield from ((("when", word), one) for word, one in when.items())
    if isinstance(also, list):
        yield from ((("also", place), one) for place, one in enumerate(also))


def _depth(rule: Any) -> int:
    """Return how deep rules are nested, without ever going much deeper than what is allowed."""
    deepest, here = 0, [rule]
    while here and deepest <= DEEPEST:
        deepest += 1
        here = [one for rule in here if isinstance(rule, dict) for _, one in _inner(rule)]
    return deepest


def _events(rule: Any) -> int:
    """Return how many events a fact can become at most."""
    if not isinstance(rule, dict):
        return 0
    when, also = rule.get("when"), rule.get("also")
    if isinstance(when, dict) and when:
        return max(map(_events, when.values()))
    return 1 + (sum(map(_events, also)) if isinstance(also, list) else 0)


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ")


def pointer(path: Path) -> str:
    """Return a path as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
