"""What can be done with playbooks alone: put in force, paused and rolled back; it decides nothing."""

from typing import Any

from milepost_devstack.shelving.asking import Shelf, split


def activate(playbooks: Shelf, named: str, in_flight: str) -> dict[str, Any]:
    """Put a version in force; without one, let the version in force go on that was paused. Raises NotDone."""
    name, version = split(named)
    if version is None:
        return {"playbook": playbooks.act(playbooks.place(name), "activate")}
    return playbooks.act(playbooks.place(name, version), "activate", in_flight=in_flight)


def pause(playbooks: Shelf, name: str) -> dict[str, Any]:
    """Pause the version in force. Raises NotDone."""
    return {"playbook": playbooks.act(playbooks.place(name), "pause")}


def rollback(playbooks: Shelf, name: str, in_flight: str) -> dict[str, Any]:
    """Put the version before in force again. Raises NotDone."""
    return playbooks.act(playbooks.place(name), "rollback", in_flight=in_flight)
