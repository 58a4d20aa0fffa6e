"""An OpenAPI 3.1 document as the page tells it: operations under their tags, and shapes; it renders nothing."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from milepost_runtime.reference.kinds import (
    Field,
    Schema,
    Word,
    about,
    fields_of,
    kind_of,
    shape_anchor,
    shape_name,
    with_keys,
)

METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
UNTAGGED = "more"
# What frameworks write where nobody described an answer.
SAYS_NOTHING = ("Successful Response", "The answer.")


@dataclass(frozen=True)
class Content:
    """What a body or an answer holds; `example` is indented JSON or empty."""

    kind: tuple[Word, ...]
    about: str
    fields: tuple[Field, ...]
    example: str


@dataclass(frozen=True)
class Answer:
    """One way to be answered."""

    status: str
    about: str
    content: Content


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked; `keys` says what a key has to be allowed, None when no key is asked for."""

    anchor: str
    method: str
    path: str
    summary: str
    about: str
    keys: tuple[str, ...] | None
    parameters: tuple[Field, ...]
    body: Content
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Section:
    """The operations whose first tag is the same."""

    anchor: str
    name: str
    about: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class Shape:
    """A named schema."""

    anchor: str
    name: str
    about: str
    kind: tuple[Word, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Reference:
    """The whole page; `key` describes the API key, `faults` is the anchor of the shape that every error has."""

    title: str
    about: str
    version: str
    key: str
    faults: str
    sections: tuple[Section, ...]
    shapes: tuple[Shape, ...]


def read_contract(contract: Mapping[str, Any]) -> Reference:
    """Return what an OpenAPI document says; tags, descriptions, operation ids and components may be missing."""
    info, components = contract.get("info", {}), contract.get("components", {})
    schemes = components.get("securitySchemes", {}).values()
    shapes = components.get("schemas", {})
    return Reference(
        title=info.get("title", "API"),
        about=info.get("description", ""),
        version=info.get("version", ""),
        key=next((str(one.get("description", "")) for one in schemes if one.get("scheme") == "bearer"), ""),
        faults=shape_anchor("Problem") if "Problem" in shapes else "",
        sections=tuple(_sections(contract, shapes)),
        shapes=tuple(_shape(name, schema, shapes) for name, schema in shapes.items()),
    )


def _sections(contract: Mapping[str, Any], shapes: Mapping[str, Schema]) -> Iterator[Section]:
    described = {tag["name"]: tag.get("description", "") for tag in contract.get("tags", ())}
    by_tag: dict[str, list[Operation]] = {name: [] for name in described}
    reader = _Reader(shapes, contract.get("security", ()))
    for path, item in contract.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                tag = next(iter(item[method].get("tags", ())), UNTAGGED)
                shared = item.get("parameters", ())
                by_tag.setdefault(tag, []).append(reader.operation(method, path, item[method], shared))
    for name, found in by_tag.items():
        if found:
            yield Section(reader.anchor(f"tag-{name}"), name, described.get(name, ""), tuple(found))


@dataclass
class _Reader:
    """Reads operations; gives each anchor once."""

    shapes: Mapping[str, Schema]
    security: Any
    _taken: set[str] = field(default_factory=set)

    def anchor(self, wanted: str) -> str:
        stem = re.sub(r"[^A-Za-z0-9]+", "-", wanted).strip("-")
        made, number = stem, 1
        while made in self._taken:
            number += 1
            made = f"{stem}-{number}"
        self._taken.add(made)
        return made

    def operation(self, method: str, path: str, one: Mapping[str, Any], shared: Any) -> Operation:
        return Operation(
            anchor=self.anchor(f"do-{one.get('operationId') or f'{method}-{path}'}"),
            method=method.upper(),
            path=path,
            summary=one.get("summary", ""),
            about=one.get("description", ""),
            keys=_keys(one.get("security", self.security)),
            parameters=tuple(_parameter(found) for found in (*shared, *one.get("parameters", ()))),
            body=self._content(one.get("requestBody", {})),
            answers=tuple(self._answers(one.get("responses", {}))),
        )

    def _answers(self, responses: Mapping[str, Any]) -> Iterator[Answer]:
        for status, response in responses.items():
            if not str(status).isdigit():
                continue  # errors by class are the same everywhere and told once
            said = str(response.get("description", ""))
            yield Answer(str(status), "" if said in SAYS_NOTHING else said, self._content(response))

    def _content(self, holder: Mapping[str, Any]) -> Content:
        """Read the first media type of a body or an answer."""
        media: Mapping[str, Any] = next(iter(holder.get("content", {}).values()), {})
        named: Mapping[str, Any] = next(iter(media.get("examples", {}).values()), {})
        schema, example = media.get("schema", {}), media.get("example", named.get("value"))
        return Content(
            kind=kind_of(schema) if schema else (),
            about=str(with_keys(schema, self.shapes).get("description", "")),
            fields=tuple(fields_of(schema, self.shapes)),
            example="" if example is None else json.dumps(example, indent=2, ensure_ascii=False),
        )


def _parameter(found: Mapping[str, Any]) -> Field:
    return Field(
        found.get("name", ""),
        found.get("in", ""),
        kind_of(found.get("schema", {})),
        found.get("required", False),
        about(found),
    )


def _shape(name: str, schema: Schema, shapes: Mapping[str, Schema]) -> Shape:
    keys = tuple(fields_of(schema, shapes))
    kind = () if keys else kind_of(schema)
    return Shape(shape_anchor(name), shape_name(name), str(schema.get("description", "")), kind, keys)


def _keys(security: Any) -> tuple[str, ...] | None:
    scopes = [scopes for requirement in security for scopes in requirement.values()]
    return tuple(dict.fromkeys(scope for some in scopes for scope in some)) if scopes else None
