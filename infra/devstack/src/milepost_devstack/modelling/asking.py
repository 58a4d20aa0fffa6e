"""What can be done with score models alone: put in charge and out again; it decides nothing."""

from collections.abc import Sequence
from typing import Any

from milepost_devstack.calling import NotDone
from milepost_devstack.shelving.asking import Shelf, split


def activate(models: Shelf, named: str, reason: str, retire: Sequence[str]) -> dict[str, Any]:
    """Put a version in charge. Raises NotDone."""
    name, version = split(named)
    if version is None:
        raise NotDone(f"say which version of {name}: {name}@N.")
    return models.act(models.place(name, version), "activate", reason=reason, retire=list(retire))


def retire(models: Shelf, name: str, reason: str) -> dict[str, Any]:
    """Put a model out of charge. Raises NotDone."""
    return models.act(models.place(name), "retire", reason=reason)
