"""The API's reference as a page, made from its OpenAPI document; it needs no script and nothing from elsewhere."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Field:
    """A parameter, or a key of a body."""

    name: str
    where: str
    kind: str
    required: bool
    description: str


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    fields: tuple[Field, ...]
    answer: str
    answer_fields: tuple[Field, ...]


@dataclass(frozen=True)
class Section:
    """The operations under one tag."""

    name: str
    description: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class Reference:
    """The whole page."""

    title: str
    description: str
    version: str
    sections: tuple[Section, ...]


def reference_page(contract: Mapping[str, Any]) -> Reference:
    """Return the page of an OpenAPI 3.1 document."""
    schemas = contract["components"]["schemas"]
    by_tag: dict[str, list[Operation]] = {tag["name"]: [] for tag in contract["tags"]}
    for path, item in contract["paths"].items():
        for method in METHODS:
            if method in item:
                by_tag[item[method]["tags"][0]].append(_operation(method, path, item[method], schemas))
    about = {tag["name"]: tag["description"] for tag in contract["tags"]}
    sections = tuple(Section(name, about[name], tuple(found)) for name, found in by_tag.items() if found)
    info = contract["info"]
    return Reference(info["title"], info["description"], info["version"], sections)


def _operation(method: str, path: str, one: Mapping[str, Any], schemas: Mapping[str, Any]) -> Operation:
    parameters = tuple(
        Field(p["name"], p["in"], _kind(p["schema"]), p.get("required", False), _about(p))
        for p in one.get("parameters", ())
    )
    body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    answer = one["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return Operation(
        anchor=one["operationId"],
        method=method.upper(),
        path=path,
        summary=one.get("summary", ""),
        description=one.get("description", ""),
        fields=(*parameters, *_keys(body, schemas, "body")),
        answer=_name(answer),
        answer_fields=tuple(_keys(answer, schemas, "answer")),
    )


def _keys(schema: Mapping[str, Any], schemas: Mapping[str, Any], where: str) -> Iterator[Field]:
    found = schemas.get(_name(schema), {})
    required = found.get("required", ())
    for name, part in found.get("properties", {}).items():
        yield Field(name, where, _kind(part), name in required, _about(part))


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _kind(schema: Mapping[str, Any]) -> str:
    """Return a schema's type in a few words."""
    if "$ref" in schema:
        return _name(schema)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(part) for part in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        inner = schema.get("items") or (schema.get("prefixItems") or [{}])[0]
        return f"list of {_kind(inner)}"
    return str(schema.get("format") or schema.get("type") or "any")


def _about(part: Mapping[str, Any]) -> str:
    schema = part.get("schema", part)
    bounds = [f"{word} {schema[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in schema]
    default = [f"default {schema['default']}"] if schema.get("default") not in (None, "", [], {}) else []
    return ", ".join(filter(None, [part.get("description", ""), *bounds, *default]))
