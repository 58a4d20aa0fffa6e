"""Reads the tables and descriptions of data sets, zipped or not; it knows none of them."""

import csv
import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


class DataUnreadable(Exception):
    """A data set cannot be read; the text says what is wrong with which file."""


def find(folder: Path, name: str) -> Path | None:
    """Return the path of a table, as it is or zipped; None if the folder has none of that name."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def rows(folder: Path, name: str) -> Iterator[dict[str, str]]:
    """Yield a table's rows by the names of its columns; a missing cell is an empty text. Raises DataUnreadable."""
    yield from (row for _, row in placed_rows(folder, name))


def placed_rows(folder: Path, name: str, needs: Sequence[str] = ()) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield rows as `rows` does, each with its file and line; `needs` are columns that have to be there."""
    path = find(folder, name)
    if path is None:
        raise DataUnreadable(f"{folder} has no {name}")
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as raw:
            table = csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""), restval="")
            if missing := [column for column in needs if column not in (table.fieldnames or ())]:
                raise DataUnreadable(f"{path.name}:1: there is no column {missing[0]}")
            for row in table:
                yield f"{path.name}:{table.line_num}", _sound(f"{path.name}:{table.line_num}", row)
    except (OSError, UnicodeDecodeError, csv.Error, EOFError) as error:
        raise DataUnreadable(f"{path} cannot be read: {error}") from error


def _sound(place: str, row: dict[str, str]) -> dict[str, str]:
    # The reader keeps cells beyond the header's under no name.
    if None in row:
        raise DataUnreadable(f"{place}: there are more cells than the header has names")
    if any("\0" in cell for cell in row.values()):
        raise DataUnreadable(f"{place}: a cell holds the character U+0000, which no text may hold")
    return row


def days_of(text: str) -> timedelta | None:
    """Return a number of days as a span; None for an empty cell. Raises DataUnreadable."""
    if not text:
        return None
    try:
        return timedelta(days=float(text))
    except (ValueError, OverflowError):
        raise DataUnreadable(f"{text[:40]!r} is no number of days") from None


def moment_of(text: str) -> datetime | None:
    """Return a day or an instant; without an offset it is UTC, None for an empty cell. Raises DataUnreadable."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise DataUnreadable(f"{text[:40]!r} is no moment") from None


def described(name: str) -> Mapping[str, Any]:
    """Return a description that is shipped beside this module."""
    return parsed(files("scoring_api.evaluating").joinpath(name).read_text(encoding="utf-8"), name)


def parsed(text: str, name: str) -> Mapping[str, Any]:
    """Return a description as plain data. Raises DataUnreadable."""
    try:
        found = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise DataUnreadable(f"{name} is not YAML: {error}") from None
    if not isinstance(found, Mapping):
        raise DataUnreadable(f"{name} is no mapping of keys")
    return found


def split_anew(settings: Mapping[str, Any], split: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description with other sides: cohorts by their names, or the dates between which nobody is looked at.

    `split` holds lists of texts under train and test. Raises DataUnreadable when they do not fit the data set.
    """
    if not split:
        return dict(settings)
    told = settings.get("split")
    own = dict(told) if isinstance(told, Mapping) else {}
    by_cohort = "attribute" in own
    names = {"train": "train", "test": "test"} if by_cohort else {"train": "train_before", "test": "test_from"}
    for side, said in split.items():
        if not by_cohort and len(said) != 1:
            raise DataUnreadable(f"--{side}: this data set is split by time: say one date")
        own[names[side]] = list(said) if by_cohort else said[0]
    return {**settings, "split": own}
