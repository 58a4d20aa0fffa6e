"""Claims about what scoring publishes: stored examples of old rows and documents are still read, word for word."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from milepost_contracts.audiences import facts_of
from milepost_contracts.changes import COLUMNS, ChangeRow
from milepost_contracts.health import HealthDigest, HealthDocument

EXAMPLES = Path(__file__).parent / "examples"


def example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLES / name).read_text())
    return found


def test_a_change_of_the_first_version_is_read_and_written_back_the_same() -> None:
    stored = example("scoring.change.1.json")
    row = ChangeRow.model_validate(stored)
    assert ChangeRow.model_validate_json(row.model_dump_json()) == row
    assert (row.kind, row.to_band, row.cause) == ("band_changed", "yellow", "live")


def test_the_published_columns_are_the_fields_of_a_row() -> None:
    assert COLUMNS.split(", ") == list(ChangeRow.model_fields)


def test_a_document_of_the_first_version_is_read_and_written_back_the_same() -> None:
    stored = example("health.document.1.json")
    # What a newer writer may add has a default; all that was written before comes back as it was.
    assert HealthDocument.model_validate(stored).model_dump(mode="json", exclude_unset=True) == stored


def test_a_document_holds_everything_that_the_interface_names() -> None:
    stored = example("health.document.1.json")
    assert stored.keys() >= {
        "account", "score", "band", "effective_band", "confidence", "as_of", "computed_at", "fresh_until", "model",
        "trend", "dimensions", "drivers", "baseline", "gates", "missing", "path", "milestones", "next_steps", "links",
    }  # fmt: skip
    assert stored["account"].keys() >= {"id", "name", "segment", "stage", "owner", "references"}
    assert stored["drivers"][0].keys() >= {
        "signal", "label", "dimension", "value", "unit", "points", "points_lost", "direction", "sentence", "evidence",
    }  # fmt: skip
    assert stored["milestones"].keys() >= {"done", "due", "late", "next"}


def test_a_reader_skips_keys_that_a_newer_writer_added() -> None:
    stored = example("health.document.1.json")
    assert HealthDocument.model_validate({**stored, "mood": "sunny"}) == HealthDocument.model_validate(stored)


def test_a_digest_says_of_a_document_what_the_document_says() -> None:
    stored = example("health.document.1.json")
    body = json.dumps(stored)
    whole, digest = HealthDocument.model_validate_json(body), HealthDigest.model_validate_json(body)
    assert _said_by(digest.model_dump(), whole.model_dump())
    assert facts_of(digest) == facts_of(whole)


def test_what_a_digest_leaves_out_may_be_anything() -> None:
    stored = example("health.document.1.json")
    assert HealthDigest.model_validate({**stored, "path": "a newer word", "baseline": "-"}).account.name
    with pytest.raises(ValidationError):
        HealthDigest.model_validate({**stored, "drivers": "none"})


def _said_by(part: Any, whole: Any) -> bool:
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(name in whole and _said_by(value, whole[name]) for name, value in part.items())
    if isinstance(part, tuple) and isinstance(whole, tuple):
        return len(part) == len(whole) and all(map(_said_by, part, whole))
    return bool(part == whole)


def test_a_document_cannot_be_changed_by_its_reader() -> None:
    document = HealthDocument.model_validate(example("health.document.1.json"))
    with pytest.raises(ValidationError, match="frozen"):
        document.score = 100.0
