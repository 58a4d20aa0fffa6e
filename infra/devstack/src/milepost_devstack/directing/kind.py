"""Playbooks as a kind of documents; it asks nobody and prints nothing."""

from collections.abc import Mapping
from typing import Any

from milepost_devstack.options import RUNNER_ADDRESS
from milepost_devstack.shelving.kinds import Kind


def _row(one: Mapping[str, Any]) -> list[str]:
    """Tell of a playbook: what is in force, and what else there is."""
    versions = ", ".join(map(str, one["versions"]))
    return [one["id"], str(one["version"]), one["state"], versions, one["name"]]


def _newest(known: Mapping[str, Any]) -> int:
    version: int = known["version"]
    return version


def _document(answer: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = answer["document"]
    return document


def _schema() -> Mapping[str, Any]:
    from milepost_core.playbooks.schema import document_schema  # noqa: PLC0415

    return document_schema()


PLAYBOOKS = Kind(
    name="playbook",
    full_name="playbook",
    path="/playbooks",
    service="playbook_runner",
    api="the playbook API",
    address=RUNNER_ADDRESS,
    in_use="in force",
    listed_with="which are in force",
    columns=("playbook", "version", "state", "versions", "name"),
    row=_row,
    newest=_newest,
    document=_document,
    schema=_schema,
    says="detail",
)
