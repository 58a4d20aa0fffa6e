"""What is asked of a service about documents of one kind; it decides nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from milepost_devstack.calling import NotDone, Service
from milepost_devstack.shelving.kinds import Kind


@dataclass(frozen=True)
class Shelf:
    """The documents of one kind at the service that keeps them; every question may raise NotDone."""

    kind: Kind
    service: Service

    def listed(self) -> dict[str, Any]:
        """Return every document with its versions."""
        return self.service.ask("GET", self.kind.path)

    def text(self, named: str) -> str:
        """Return a version as its author wrote it."""
        return self.service.text("GET", f"{self._version(named)}?format=yaml")

    def document(self, named: str) -> dict[str, Any]:
        """Return a version as plain data."""
        return self.kind.document(self.service.ask("GET", f"{self._version(named)}?format=json"))

    def push(self, file: Path, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Keep a file as a version; `params` is what the service may be told beside it."""
        try:
            body = file.read_bytes()
        except OSError as error:
            raise NotDone(f"{file} cannot be read ({error.strerror or error}).") from error
        headers = {"content-type": "application/json" if file.suffix == ".json" else "application/yaml"}
        return self.service.ask("POST", self.kind.path, file, content=body, params=params or {}, headers=headers)

    def diff(self, before: str, after: str) -> dict[str, Any]:
        """Return what the second version says otherwise."""
        name, first = split(before)
        other, second = (name, int(after)) if after.isascii() and after.isdigit() else split(after)
        if first is None or second is None or other != name:
            word = self.kind.name
            raise NotDone(f"say two versions of one {word}: milepost {word} diff ID@1 ID@2.")
        return self.service.ask("GET", f"{self.place(name)}/diff", params={"from": first, "to": second})

    def act(self, place: str, verb: str, **told: Any) -> dict[str, Any]:
        """Have something done with what is at a place; `told` goes along as JSON."""
        return self.service.ask("POST", f"{place}:{verb}", json=told or None)

    def place(self, name: str, version: int | None = None) -> str:
        """Return where a document is, or a version of it."""
        place = f"{self.kind.path}/{quote(name, safe='')}"
        return place if version is None else f"{place}/versions/{version}"

    def _version(self, named: str) -> str:
        name, version = split(named)
        if version is None:
            version = self.kind.newest(self.service.ask("GET", self.place(name)))
        return self.place(name, version)


def split(named: str) -> tuple[str, int | None]:
    """Return id and version of ID or ID@N. Raises NotDone for a version that is no number."""
    name, at, version = named.partition("@")
    if at and not (version.isascii() and version.isdigit()):
        raise NotDone(f"{named} names no version: write ID@N.")
    return name, int(version) if at else None
