"""The pieces that the document's JSON Schema is put together from; it knows no key of a document."""

from collections.abc import Mapping
from typing import Any, Final

from milepost_core.model.section import FAINT, ID_FORM, MOST, MOST_DAYS, MOST_KEYS, WEIGHT

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string", "minLength": 1}
NUMBER: Final[Schema] = {"type": "number"}
NOT_NEGATIVE: Final[Schema] = {"type": "number", "minimum": 0}
POSITIVE: Final[Schema] = {"type": "number", "exclusiveMinimum": 0}
POINTS: Final[Schema] = {"type": "number", "minimum": 0, "maximum": 100}
SHARE: Final[Schema] = {"type": "number", "minimum": 0, "maximum": 1}
ID: Final[Schema] = {"type": "string", "pattern": f"^(?:{ID_FORM})$"}
DAYS: Final[Schema] = {"type": "number", "minimum": 0, "maximum": MOST_DAYS}
SPAN: Final[Schema] = {"type": "number", "minimum": FAINT, "maximum": MOST_DAYS}
HEAVY: Final[Schema] = {"type": "number", "minimum": 0, "maximum": WEIGHT.high}
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
    keys = {"half_life": SPAN, "half_life_days": SPAN} | more
    return mapping(keys) | {"anyOf": either("half_life", "half_life_days")}


def given() -> Schema:
    """Anything but null, which is as good as left out."""
    return {"not": {"type": "null"}}


def either(*names: str) -> list[Schema]:
    """At least one of these keys is given."""
    return [{"required": [name], "properties": {name: given()}} for name in names]


def mapping(properties: Mapping[str, Schema], required: tuple[str, ...] = ()) -> Schema:
    """An object of known keys only; what is not required may be null, which is as good as left out."""
    shown = {key: value if key in required else or_null(value) for key, value in properties.items()}
    plain: Schema = {"type": "object", "properties": shown, "additionalProperties": False}
    return plain | ({"required": list(required)} if required else {})


def matching(form: str) -> Schema:
    """A text of this form, from end to end."""
    return {"type": "string", "pattern": f"^(?:{form})$"}


def or_null(value: Schema) -> Schema:
    """The value, or null: as good as left out."""
    return value if not value else {"anyOf": [value, {"type": "null"}]}


def by_name(value: Schema) -> Schema:
    """A mapping of free names to one kind of value."""
    return {"type": "object", "additionalProperties": value, "maxProperties": MOST_KEYS}


def list_of(value: Schema, most: int, least: int = 0) -> Schema:
    """A list of at most, and at least, so many."""
    return {"type": "array", "items": value, "maxItems": most} | ({"minItems": least} if least else {})


def one_or_many(value: Schema) -> Schema:
    """One, or a list of them."""
    return {"anyOf": [value, {"type": "array", "items": value}]}


def one_of(words: Any) -> Schema:
    """One of these words."""
    return {"enum": list(words)}


def whole(least: int, most: int = MOST) -> Schema:
    """A whole number of at least, and at most, so much."""
    return {"type": "integer", "minimum": least, "maximum": most}


def described(words: str, value: Schema) -> Schema:
    """A value with the words that an editor shows."""
    return value | {"description": words}


def refer(name: str) -> Schema:
    """What is defined once under this name."""
    return {"$ref": f"#/$defs/{name}"}
