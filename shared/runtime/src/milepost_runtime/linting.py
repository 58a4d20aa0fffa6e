"""Looks through documents in files, for a service's `python -m <service>.linting FILE...`; it keeps none, asks nobody.

Findings go to standard output as JSON, one line a file. Exit status 1 when one of them breaks its law, 2 when one
cannot be read.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from milepost_runtime.lawful_documents import LARGEST_DOCUMENT, DocumentInvalid, ReadDocument
from milepost_runtime.placed_documents import Mistake


class Reader(Protocol):
    """How a service reads documents of its kind; raises DocumentInvalid."""

    def __call__(self, body: bytes, name: str, *, version: int | None) -> ReadDocument[Any]:
        """Return the document of a file; `version` is the number of one that names none."""
        ...


def lint_file(path: str, read_bytes: Reader) -> dict[str, Any]:
    """Return what is wrong with a file, and what it may not mean as it says it. Raises OSError."""
    with Path(path).open("rb") as file:
        body = file.read(LARGEST_DOCUMENT + 1)
    try:
        read = read_bytes(body, path, version=1)
    except DocumentInvalid as error:
        return {"file": path, "valid": False, "mistakes": _plain(error.mistakes), "warnings": []}
    about = {"id": read.parsed.id, "version": read.parsed.version if read.numbered else None}
    return {"file": path, "valid": True, **about, "mistakes": [], "warnings": _plain(read.warnings())}


def lint_files(paths: Sequence[str], read_bytes: Reader) -> int:
    """Print the findings of each file; return the exit status."""
    status = 0
    for path in paths:
        try:
            found = lint_file(path, read_bytes)
        except OSError as error:
            print(json.dumps({"file": path, "unreadable": error.strerror or str(error)}))
            status = 2
            continue
        print(json.dumps(found))
        status = max(status, 0 if found["valid"] else 1)
    return status


def _plain(found: Iterable[Mistake]) -> list[dict[str, Any]]:
    return [asdict(one) | {"said": one.said} for one in found]
