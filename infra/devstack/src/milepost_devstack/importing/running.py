"""Runs one import from the file to the report; it knows neither the format of the file nor the words of the service."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

from milepost_devstack.importing import reporting
from milepost_devstack.importing.columns import Wishes
from milepost_devstack.importing.files import JsonLines, NotReadable, Opened, Rows, fingerprint
from milepost_devstack.importing.parquet import Parquet
from milepost_devstack.importing.sending import Service, send_all
from milepost_devstack.importing.tables import Csv

_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_JSON_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class Order:
    """What the owner wants brought in, and how."""

    path: Path
    name: str
    sender: str
    dry_run: bool
    wanted: Wishes
    encoding: str
    delimiter: str
    rejects: Path | None
    as_json: bool


@dataclass(frozen=True)
class Report:
    """How it ended: the import, its first refused lines (each with its place in the file), and whether it is old.

    `broken_off` says where the file was found to break off; what stands whole before that is settled.
    """

    row: Mapping[str, Any]
    first: list[Mapping[str, Any]]
    before: bool
    broken_off: str


def run(order: Order, url: str, key: str) -> Report:
    """Bring a file in and return the report. Raises NotReadable, ColumnsUnclear and NotSent."""
    rows = _rows(order)
    next(rows.lines(0), None)  # what is wrong with the columns is said before anything is sent
    with reporting.progress("reading", quiet=order.as_json) as watch:
        mark = fingerprint(order.path, _said(order), lambda part: watch(0, part))
    wanted = {"name": order.name or order.path.name, "fingerprint": mark, "dry_run": order.dry_run}
    wanted |= {"total_lines": total} if (total := rows.total()) is not None else {}
    wanted |= {"sender": order.sender} if order.sender else {}
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT, trust_env=False) as client:
        service = Service(client)
        began = False

        with reporting.progress("bringing in", quiet=order.as_json) as watch:

            def watched(lines: int, part: float) -> None:
                nonlocal began
                began = True
                watch(lines, part)

            row = send_all(service, rows, wanted, watched)
        rejects = _placed(service, rows, row)
        first = list(islice(rejects, reporting.SHOWN))
        if order.rejects is not None:
            reporting.write_rejects(order.rejects, _placed(service, rows, row))
    return Report(row, first, not began, rows.broken_off())


def _rows(order: Order) -> Rows:
    suffix = Path(order.path.stem).suffix if order.path.suffix == ".gz" else order.path.suffix
    if suffix in {".csv", ".tsv"}:
        delimiter = order.delimiter or ("\t" if suffix == ".tsv" else "")
        return Csv(Opened(order.path), order.wanted, order.encoding, delimiter)
    if suffix in _JSON_LINES:
        return JsonLines(Opened(order.path))
    if suffix == ".parquet" and order.path.suffix != ".gz":
        return Parquet(order.path, order.wanted)
    raise NotReadable(f"{order.path}: name it .csv, .tsv, .jsonl, .ndjson (each may end in .gz) or .parquet.")


def _said(order: Order) -> Iterator[str]:
    """What changes the lines of the same file."""
    wanted = order.wanted
    yield from (f"{name}={target}" for name, target in sorted(wanted.renamed.items()))
    yield from (f"{name}:={value}" for name, value in sorted(wanted.fixed.items()))
    yield from (wanted.account_prefix, wanted.others, order.encoding, order.delimiter)


def _placed(service: Service, rows: Rows, row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield refused lines with their places in the file, a thousand at a time."""
    if not row["rejected"] + row["conflicts"]:
        return
    rejects = service.rejects(row["id"])
    while some := list(islice(rejects, 1_000)):
        places = rows.places([one["line"] for one in some])
        for one in some:
            yield {
                "line": one["line"],
                "place": places.get(one["line"], f"line {one['line']}"),
                "errors": one["errors"],
            }
