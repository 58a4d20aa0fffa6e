"""Reads Parquet row group by row group with DuckDB, when it is installed; it never fetches an extension."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from json import loads
from math import isfinite
from pathlib import Path
from typing import Any

from milepost_devstack.importing.columns import Wishes, plan
from milepost_devstack.importing.files import NotReadable

_SETTINGS = {
    "threads": 1,
    "memory_limit": "512MB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
_FETCH = 1_000
_NESTED = ("STRUCT", "MAP")
_AS_TEXT = ("UUID", "TIME", "INTERVAL", "ENUM", "BIT")
_AS_NUMBER = ("DECIMAL", "HUGEINT", "UHUGEINT")


@dataclass
class Parquet:
    """A Parquet file; times without a zone are taken as UTC."""

    path: Path
    wanted: Wishes
    done: int = 0
    rows: int | None = None

    def lines(self, skip: int) -> Iterator[bytes]:
        """Yield each row after the first `skip` as a line; raises NotReadable and ColumnsUnclear."""
        duckdb = _duckdb()
        try:
            with duckdb.connect(config=_SETTINGS) as connection:
                columns = connection.execute("describe select * from read_parquet(?)", [str(self.path)]).fetchall()
                ready = plan([name for name, *_ in columns], self.wanted)
                picked = ", ".join(_pick(name, kind) for name, kind, *_ in columns)
                nested = [index for index, (_, kind, *_) in enumerate(columns) if _is_nested(kind)]
                cursor = connection.execute(
                    f"select {picked} from read_parquet(?) offset {int(skip)}",  # noqa: S608 - names are quoted
                    [str(self.path)],
                )
                self.done = skip
                while rows := cursor.fetchmany(_FETCH):
                    for row in rows:
                        self.done += 1
                        yield ready.line(_plain(row, nested))
        except duckdb.Error as error:
            raise NotReadable(f"cannot read {self.path} as Parquet ({str(error).splitlines()[0]}).") from None

    def read(self) -> float:
        """Return which part of the rows has been read."""
        total = self.total()
        return min(1.0, self.done / total) if total else 1.0

    def places(self, numbers: Sequence[int]) -> Mapping[int, str]:
        """Return the numbers of the rows."""
        return {number: f"row {number}" for number in numbers}

    def broken_off(self) -> str:
        """Return nothing: the end of a Parquet file says where everything is, so it is whole or none."""
        return ""

    def total(self) -> int | None:
        """Return the number of rows, which the file itself tells; raises NotReadable."""
        if self.rows is None:
            duckdb = _duckdb()
            try:
                with duckdb.connect(config=_SETTINGS) as connection:
                    query = "select sum(num_rows)::bigint from parquet_file_metadata(?)"
                    (self.rows,) = connection.execute(query, [str(self.path)]).fetchone()
            except duckdb.Error as error:
                raise NotReadable(f"cannot read {self.path} as Parquet ({str(error).splitlines()[0]}).") from None
        return self.rows


def _duckdb() -> Any:
    try:
        import duckdb  # noqa: PLC0415 - an extra that few need
    except ImportError:
        raise NotReadable(
            "reading Parquet needs DuckDB: pip install 'milepost-devstack[parquet]', or convert the file to CSV."
        ) from None
    return duckdb


def _pick(name: str, kind: str) -> str:
    """Return the expression of a column in which it crosses over as a plain JSON value."""
    quoted = '"' + name.replace('"', '""') + '"'
    if _is_nested(kind):
        return f"to_json({quoted})::varchar"
    if kind.startswith("TIMESTAMP"):
        moment = quoted if kind.startswith("TIMESTAMP WITH") else f"{quoted}::timestamp"
        return f"strftime(make_timestamp(epoch_us({moment})), '%Y-%m-%dT%H:%M:%S.%fZ')"
    if kind == "DATE":
        return f"strftime({quoted}, '%Y-%m-%dT00:00:00Z')"
    if kind.startswith(_AS_NUMBER):
        return f"{quoted}::double"
    if kind.startswith(_AS_TEXT):
        return f"{quoted}::varchar"
    return f"base64({quoted})" if kind == "BLOB" else quoted


def _is_nested(kind: str) -> bool:
    return kind.startswith(_NESTED) or kind.endswith("]") or kind == "JSON"


def _plain(row: Sequence[Any], nested: Sequence[int]) -> Sequence[Any]:
    cells = list(row)
    for index in nested:
        if cells[index] is not None:
            cells[index] = loads(cells[index])
    return [None if isinstance(cell, float) and not isfinite(cell) else cell for cell in cells]
