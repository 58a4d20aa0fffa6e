"""Looks through score models in files: `python -m scoring_api.linting FILE...`; it keeps none and asks no service.

Findings go to standard output as JSON, one line a file. Exit status 1 when one of them is no score model, 2 when one
cannot be read.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scoring_api.documents.checking import LARGEST_DOCUMENT, Mistake, ModelDocumentInvalid, read_bytes


def lint_file(path: str) -> dict[str, Any]:
    """Return what is wrong with a file, and what it may not mean as it says it. Raises OSError."""
    with Path(path).open("rb") as file:
        body = file.read(LARGEST_DOCUMENT + 1)
    try:
        read = read_bytes(body, path, version=1)
    except ModelDocumentInvalid as error:
        return {"file": path, "valid": False, "mistakes": _plain(error.mistakes), "warnings": []}
    about = {"id": read.parsed.id, "version": read.parsed.version if read.numbered else None}
    return {"file": path, "valid": True, **about, "mistakes": [], "warnings": _plain(read.warnings())}


def _plain(found: Iterable[Mistake]) -> list[dict[str, Any]]:
    return [asdict(one) | {"said": one.said} for one in found]


def main(paths: Sequence[str]) -> int:
    """Print the findings of each file; return the exit status."""
    status = 0
    for path in paths:
        try:
            found = lint_file(path)
        except OSError as error:
            print(json.dumps({"file": path, "unreadable": error.strerror or str(error)}))
            status = 2
            continue
        print(json.dumps(found))
        status = max(status, 0 if found["valid"] else 1)
    return status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
