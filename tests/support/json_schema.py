"""A plain reading of JSON Schema (2020-12), as far as our schemas use it; a word it does not know is an error."""

import math
import re
from typing import Any

TYPES: dict[str, Any] = {
    "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "number": (int, float),
}  # fmt: skip
SILENT = {"$schema", "$id", "$defs", "title", "description", "examples", "then", "if"}


def agrees(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """The value is as the schema says; `root` is the whole document that references lead into."""
    return all(_holds(word, wanted, value, schema, root) for word, wanted in schema.items() if word not in SILENT) and (
        "if" not in schema or not agrees(value, schema["if"], root) or agrees(value, schema["then"], root)
    )


def _holds(word: str, wanted: Any, value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:  # noqa: PLR0911
    match word:
        case "$ref":
            return agrees(value, root["$defs"][wanted.removeprefix("#/$defs/")], root)
        case "type":
            return any(_is(value, one) for one in ([wanted] if isinstance(wanted, str) else wanted))
        case "const":
            return _same(value, wanted)
        case "enum":
            return any(_same(value, one) for one in wanted)
        case "anyOf":
            return any(agrees(value, one, root) for one in wanted)
        case "oneOf":
            return sum(agrees(value, one, root) for one in wanted) == 1
        case "allOf":
            return all(agrees(value, one, root) for one in wanted)
        case "not":
            return not agrees(value, wanted, root)
        case "minimum" | "maximum" | "exclusiveMinimum" | "multipleOf":
            return not _is(value, "number") or _within(word, wanted, value)
        case "minLength" | "maxLength" | "pattern":
            return not isinstance(value, str) or _reads(word, wanted, value)
        case "required" | "properties" | "additionalProperties" | "minProperties" | "maxProperties":
            return not isinstance(value, dict) or _members(word, wanted, value, schema, root)
        case "items" | "prefixItems" | "minItems" | "maxItems":
            return not isinstance(value, list) or _entries(word, wanted, value, schema, root)
    raise ValueError(f"unknown word {word!r}")


def _is(value: Any, name: str) -> bool:
    if name == "integer":
        return _is(value, "number") and math.isfinite(value) and value == int(value)
    if name == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def _same(value: Any, wanted: Any) -> bool:
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _reads(word: str, wanted: Any, value: str) -> bool:
    if word == "pattern":
        return re.search(wanted, value) is not None
    return bool(len(value) >= wanted if word == "minLength" else len(value) <= wanted)


def _within(word: str, wanted: float, value: float) -> bool:
    match word:
        case "minimum":
            return value >= wanted
        case "maximum":
            return value <= wanted
        case "exclusiveMinimum":
            return value > wanted
    return math.isfinite(value) and value % wanted == 0


def _members(word: str, wanted: Any, value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any]) -> bool:
    match word:
        case "required":
            return all(key in value for key in wanted)
        case "minProperties":
            return bool(len(value) >= wanted)
        case "maxProperties":
            return bool(len(value) <= wanted)
        case "properties":
            return all(agrees(value[key], one, root) for key, one in wanted.items() if key in value)
    others = [one for key, one in value.items() if key not in schema.get("properties", {})]
    return not others if wanted is False else all(agrees(one, wanted, root) for one in others)


def _entries(word: str, wanted: Any, value: list[Any], schema: dict[str, Any], root: dict[str, Any]) -> bool:
    match word:
        case "minItems":
            return bool(len(value) >= wanted)
        case "maxItems":
            return bool(len(value) <= wanted)
        case "prefixItems":
            return all(agrees(one, form, root) for one, form in zip(value, wanted, strict=False))
    return all(agrees(one, wanted, root) for one in value[len(schema.get("prefixItems", [])) :])
