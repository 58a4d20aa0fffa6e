"""The pieces that the document's JSON Schema is put together from; it knows no key of a document."""

from collections.abc import Mapping
from typing import Any, Final

from milepost_core.model.section import MOST

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string", "minLength": 1}
NUMBER: Final[Schema] = {"type": "number"}
NOT_NEGATIVE: Final[Schema] = {"type": "number", "minimum": 0}
POSITIVE: Final[Schema] = {"type": "number", "exclusiveMinimum": 0}
POINTS: Final[Schema] = {"type": "number", "minimum": 0, "maximum": 100}
SHARE: Final[Schema] = {"type": "number", "minimum": 0, "maximum": 1}
FLAG: Final[Schema] = {"type": "boolean"}
SCALAR: Final[Schema] = {"type": ["string", "number", "boolean"]}
SCALARS: Final[Schema] = {"type": "array", "items": SCALAR, "minItems": 1}
TEXTS: Final[Schema] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
}


def chosen(key: str, forms: Mapping[str, Schema]) -> Schema:
    """A mapping whose form one word decides."""
    cases = []
    for name, form in forms.items():
        form["properties"][key] = {"const": name}
        case = {"if": {"properties": {key: {"const": name}}, "required": [key]}, "then": form}
        cases.append(case)
    return {"type": "object", "required": [key], "properties": {key: one_of(forms)}, "allOf": cases}


def half_life(more: Schema) -> Schema:
    """A mapping with a half-life under either of its two names."""
    keys = {"half_life": POSITIVE, "half_life_days": POSITIVE} | more
    return mapping(keys) | {"anyOf": either("half_life", "half_life_days")}


def either(*names: str) -> list[Schema]:
    """At least one of these keys is given."""
    return [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in names]


def mapping(properties: Mapping[str, Schema], required: tuple[str, ...] = ()) -> Schema:
    """An object of known keys only; what is not required may be null, which is as good as left out."""
    shown = {key: value if key in required else or_null(value) for key, value in properties.items()}
    plain: Schema = {"type": "object", "properties": shown, "additionalProperties": False}
    return plain | ({"required": list(required)} if required else {})


def or_null(value: Schema) -> Schema:
    """The value, or null: as good as left out."""
    return value if not value else {"anyOf": [value, {"type": "null"}]}


def by_name(value: Schema) -> Schema:
    """A mapping of free names to one kind of value."""
    return {"type": "object", "additionalProperties": value}


def many_of(value: Schema) -> Schema:
    """A list of at least one."""
    return {"type": "array", "items": value, "minItems": 1}


def one_or_many(value: Schema) -> Schema:
    """One, or a list of them."""
    return {"anyOf": [value, {"type": "array", "items": value}]}


def one_of(words: Any) -> Schema:
    """One of these words."""
    return {"enum": list(words)}


def whole(least: int) -> Schema:
    """A whole number of at least so much."""
    return {"type": "integer", "minimum": least, "maximum": MOST}


def described(words: str, value: Schema) -> Schema:
    """A value with the words that an editor shows."""
    return value | {"description": words}


def refer(name: str) -> Schema:
    """What is defined once under this name."""
    return {"$ref": f"#/$defs/{name}"}
