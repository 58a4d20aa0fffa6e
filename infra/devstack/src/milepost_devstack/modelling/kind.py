"""Score models as a kind of documents; it asks nobody and prints nothing."""

from collections.abc import Mapping
from typing import Any

from milepost_devstack.shelving.kinds import Kind


def _row(one: Mapping[str, Any]) -> list[str]:
    """Tell of a model: who judges, whom it takes."""
    takes = ", ".join(f"{key}: {'/'.join(map(str, values))}" for key, values in one["applies_to"].items())
    versions = ", ".join(map(str, one["versions"]))
    return [one["id"], str(one["in_charge"] or "–"), versions, takes or "all others", str(one["precedence"])]


def _newest(known: Mapping[str, Any]) -> int:
    version: int = known["in_charge"] or known["versions"][-1]
    return version


def _schema() -> Mapping[str, Any]:
    from milepost_core.model.schema import document_schema  # noqa: PLC0415

    return document_schema()


MODELS = Kind(
    name="model",
    full_name="score model",
    path="/models",
    service="scoring_api",
    api="the scoring API",
    address="Address of scoring; without: MILEPOST_SCORING_URL, or the house's.",
    in_use="in charge",
    listed_with="which judge",
    columns=("model", "in charge", "versions", "takes", "precedence"),
    row=_row,
    newest=_newest,
    document=lambda answer: answer,
    schema=_schema,
    says="message",
    then=" --reason '…'",
)
