"""The sample deliveries: small documents in the providers' shapes, each in a file of its own; it sends nothing.

The folder of a source has an `index.json`: what each sample tells, its headers, and `settings` of a connection by which
every one of them means something. What differs each time stands in a sample as a placeholder; see `filling`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """One delivery as a template; `secret_address` says that its own signature is not enough to let it in."""

    name: str
    description: str
    text: str
    is_xml: bool
    headers: Mapping[str, str]
    secret_address: bool


@dataclass(frozen=True, slots=True)
class Shelf:
    """The samples of a source, by name, and the settings of a connection by which all of them mean something."""

    settings: Mapping[str, Any]
    samples: Mapping[str, Sample]


@cache
def shelf_of(source: str) -> Shelf:
    """Return the samples of a source; none of one that has no folder here."""
    folder = files(__name__) / source
    if not (folder / "index.json").is_file():
        return Shelf(MappingProxyType({}), MappingProxyType({}))
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    found = {}
    for name, about in index["samples"].items():
        file = about.get("file", f"{name}.json")
        found[name] = Sample(
            name=name,
            description=about["description"],
            text=(folder / file).read_text(encoding="utf-8"),
            is_xml=file.endswith(".xml"),
            headers=MappingProxyType(about.get("headers", {})),
            secret_address=about.get("secret_address", False),
        )
    return Shelf(MappingProxyType(index["settings"]), MappingProxyType(found))
