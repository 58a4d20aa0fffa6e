"""JSON schemas in words: what a value is, which keys an object has; it resolves names and validates nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

COMPONENTS = "#/components/schemas/"
# Which bounds of a schema are told: lower and upper key, and what they count.
BOUNDS = (("minimum", "maximum", ""), ("minLength", "maxLength", " characters"), ("minItems", "maxItems", " of them"))
EXCLUSIVE = (("exclusiveMinimum", "above"), ("exclusiveMaximum", "below"))
Schema: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Word:
    """A piece of a kind's name; `anchor` leads to the shape that it names, if it names one."""

    text: str
    anchor: str = ""


@dataclass(frozen=True)
class Field:
    """A parameter, or a key of an object; `where` is path, query, header, cookie or nothing."""

    name: str
    where: str
    kind: tuple[Word, ...]
    required: bool
    about: str


def shape_anchor(name: str) -> str:
    """Return the anchor of a named schema."""
    return f"shape-{name}"


def shape_name(name: str) -> str:
    """Return the class's own name where the framework put the module before it to tell two apart."""
    return name.rpartition("__")[2] or name


def kind_of(schema: Schema) -> tuple[Word, ...]:
    """Return what a value is, in a few words."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        known = str(schema["$ref"]).startswith(COMPONENTS)
        return (Word(shape_name(name), shape_anchor(name) if known else ""),)
    for several, between in (("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")):
        if several in schema:
            return _joined([kind_of(part) for part in schema[several]], between)
    if "const" in schema or "enum" in schema:
        return (Word(" | ".join(str(value) for value in schema.get("enum", [schema.get("const")]))),)
    if schema.get("type") == "array":
        inner: Schema = schema.get("items") or next(iter(schema.get("prefixItems", ())), {})
        return (Word("list of "), *kind_of(inner)) if inner else (Word("list"),)
    if isinstance(schema.get("type"), list):
        return (Word(" or ".join(schema["type"])),)
    return _plain_kind(schema)


def fields_of(schema: Schema, shapes: Mapping[str, Schema]) -> Iterator[Field]:
    """Yield the keys of an object, of the entries of a list, or of the first alternative that has keys."""
    found = with_keys(schema, shapes)
    required = found.get("required", ())
    for name, part in found.get("properties", {}).items():
        yield Field(name, "", kind_of(part), name in required, about(part))


def about(part: Schema) -> str:
    """Return the description of a parameter or key, with its bounds and its default."""
    schema = part.get("schema", part)
    layers = (schema, *(one for one in schema.get("anyOf", ()) if "$ref" not in one))
    bounds = [text for layer in layers for text in _bounds(layer)]
    default = [f"default {schema['default']}"] if schema.get("default") not in (None, "", [], {}) else []
    said = str(part.get("description") or schema.get("description") or "").strip()
    limits = ", ".join([*bounds, *default])
    return " · ".join(filter(None, [said, limits]))


def _bounds(schema: Schema) -> Iterator[str]:
    for lower, upper, unit in BOUNDS:
        least, most = _number(schema.get(lower)), _number(schema.get(upper))
        if least and most:
            yield f"{least} to {most}{unit}"
        elif least or most:
            yield f"at least {least}{unit}" if least else f"up to {most}{unit}"
    yield from (f"{word} {_number(schema[key])}" for key, word in EXCLUSIVE if key in schema)


def _number(value: float | None) -> str:
    """Return a bound as people write it: the framework makes 1.0 of a whole 1."""
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() else str(value)


def _plain_kind(schema: Schema) -> tuple[Word, ...]:
    if schema.get("properties") and schema.get("title"):
        return (Word(str(schema["title"])),)
    values = schema.get("additionalProperties")
    if schema.get("type") == "object" and isinstance(values, Mapping) and values:
        return (Word("map of "), *kind_of(values))
    return (Word(str(schema.get("format") or schema.get("type") or "any")),)


def _joined(kinds: list[tuple[Word, ...]], between: str) -> tuple[Word, ...]:
    """Return kinds in a row, each of them once."""
    words: list[Word] = []
    for kind in dict.fromkeys(kinds):
        words += [Word(between), *kind] if words else kind
    return tuple(words)


def with_keys(schema: Schema, shapes: Mapping[str, Schema], depth: int = 0) -> Schema:
    """Return the object whose keys a schema asks for, an empty schema if there is none."""
    if schema.get("properties") or depth > 8:  # a shape that names itself is left after eight turns
        return schema
    name = str(schema.get("$ref", "")).removeprefix(COMPONENTS)
    parts = [shapes[name]] if name in shapes else []
    parts += [schema["items"]] if isinstance(schema.get("items"), Mapping) else []
    parts += [part for several in ("allOf", "anyOf", "oneOf") for part in schema.get(several, ())]
    found = (with_keys(part, shapes, depth + 1) for part in parts)
    return next((one for one in found if one.get("properties")), {})
