"""What a single rule says that cannot be meant: templates, words that never match, parts without effect.

It looks at one rule as it came, not at those within it, and never raises for what is no rule.
"""

import difflib
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from ingest_webhooks.mapping.templates import fields_of
from ingest_webhooks.mapping.values import instant_of
from ingest_webhooks.words.shapes import Broken
from milepost_contracts.events import AccountReference
from milepost_core.events import EVENT_TYPES

Found = tuple[tuple[str | int, ...], Literal["error", "warning"], str, str, str | None]
_REFERENCE: TypeAdapter[str] = TypeAdapter(AccountReference)
_PLACEHOLDERS = ("value", "property", "object")
_TEMPLATES = ("attribute", "account", "item", "role", "actor", "value", "at")
# What may stand in the place of a field, by the kind of a reference.
_FILLED = {"domain": "x.example", "salesforce": "000000000000000"}
# What another part of a rule leaves without any effect.
_IDLE = {
    "when": (*_TEMPLATES[1:], "properties", "reads", "translate", "also"),
    "ignore": (*_TEMPLATES[1:], "properties", "reads", "translate", "also"),
    "attribute": ("properties",),
    "attributes": ("properties",),
}


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known word that this one may have been meant for."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return found[0] if found and found[0] != word else None


def remarks_on(rule: dict[str, Any]) -> Iterator[Found]:
    """Return what one rule hardly means: where, how bad, a code, a sentence, and the word that may be meant."""
    kind = rule.get("type")
    if isinstance(kind, str) and kind not in EVENT_TYPES:
        message = "events of this type are kept, but it is none that scores and playbooks know"
        yield ("type",), "warning", "unknown_type", message, nearest(kind, EVENT_TYPES)
    for where, template in _templates(rule):
        yield from _of_template(where, template)
    yield from _of_account(rule.get("account"))
    yield from _of_moment(rule.get("at"))
    yield from _of_words(rule)
    yield from _idle(rule)


def _templates(rule: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for name in _TEMPLATES:
        if isinstance(rule.get(name), str):
            yield (name,), rule[name]
    for name in ("attributes", "properties"):
        if isinstance(rule.get(name), dict):
            yield from (((name, key), one) for key, one in rule[name].items() if isinstance(one, str))


def _of_template(where: tuple[str | int, ...], template: str) -> Iterator[Found]:
    fields = fields_of(template)
    bare = template
    for name in fields:
        bare = bare.replace("{" + name + "}", "", 1)
        near = nearest(name, _PLACEHOLDERS, 0.7)
        if "." not in name and near is not None:
            message = f"{{{name}}} is a field of the delivered document; if that has none, nothing is filled in"
            yield where, "warning", "unknown_placeholder", message, f"{{{near}}}"
        if name != name.strip():
            yield where, "warning", "unknown_placeholder", "a field with blanks around its name", f"{{{name.strip()}}}"
    if "{" in bare or "}" in bare:
        yield (
            where,
            "warning",
            "loose_brace",
            "a brace without its partner, or nothing between two, stays as it is",
            None,
        )


def _of_account(template: Any) -> Iterator[Found]:
    if not isinstance(template, str):
        return
    fields = fields_of(template)
    if len(fields) == 1 and template == "{" + fields[0] + "}":
        return
    sample = template
    for name in fields:
        sample = sample.replace("{" + name + "}", _FILLED.get(template.partition(":")[0], "x"), 1)
    try:
        _REFERENCE.validate_python(sample)
    except ValidationError:
        message = "this can never be a reference: write one such as external:{…}, domain:{…} or an id of ours"
        near = f"external:{template}" if fields_of(template) and ":" not in template else None
        yield ("account",), "error", "no_reference", message, near


def _of_moment(template: Any) -> Iterator[Found]:
    if not isinstance(template, str) or fields_of(template):
        return
    try:
        instant_of(template)
    except Broken:
        near = f"{{{template}}}" if template.isidentifier() else None
        yield ("at",), "error", "no_moment", "this can never be a moment; name the field that holds it", near


def _of_words(rule: dict[str, Any]) -> Iterator[Found]:
    """Words that are compared in lower case, and choices that leave something open."""
    for name in ("when", "translate"):
        words = rule.get(name)
        for word in words if isinstance(words, dict) else ():
            if word != word.strip().lower():
                message = "values are compared in lower case and without blanks around them: this never matches"
                yield (name, word), "warning", "never_matches", message, word.strip().lower()
    when = rule.get("when")
    if isinstance(when, dict) and when and "*" not in when:
        yield ("when",), "warning", "no_other", "any other value is ignored; `*` stands for it", "*"
    if rule.get("by") is not None and not when:
        yield ("by",), "warning", "no_effect", "`by` picks a rule of `when`, and there is none", "when"


def _idle(rule: dict[str, Any]) -> Iterator[Found]:
    for name, idle in _IDLE.items():
        if rule.get(name):
            for other in idle:
                if rule.get(other):
                    message = f"beside `{name}` this has no effect"
                    yield (other,), "warning", "no_effect", message, None
