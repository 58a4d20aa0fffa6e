"""What is asked of the playbook API about connections; it decides nothing and keeps no secret."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from milepost_devstack.calling import NotDone, Service

# A set-up makes about ten calls to a CRM, one after the other.
PATIENCE_S = 180.0


@dataclass(frozen=True)
class Connections:
    """The connections of a playbook API; every question may raise NotDone."""

    service: Service

    def listed(self) -> dict[str, Any]:
        """Return every connection."""
        return self.service.ask("GET", "/outlets")

    def connect(self, file: Path) -> dict[str, Any]:
        """Make the connection that a JSON file says; the file holds secrets, so they are on no command line."""
        try:
            body = json.loads(file.read_bytes())
        except OSError as error:
            raise NotDone(f"{file} cannot be read ({error.strerror or error}).") from error
        except (ValueError, RecursionError):
            raise NotDone(f"{file} is no JSON, or nested too deeply.") from None
        return self.service.ask("POST", "/outlets", json=body)

    def set_up(self, name: str) -> dict[str, Any]:
        """Make what a CRM needs, and let it be told of every account."""
        return self.service.ask("POST", f"/outlets/{self._id_of(name)}/setup")

    def told(self, name: str) -> dict[str, Any]:
        """Return which accounts a CRM did not take."""
        return self.service.ask("GET", f"/outlets/{self._id_of(name)}/told")

    def _id_of(self, name: str) -> str:
        known = {str(one["name"]): str(one["id"]) for one in self.listed()["data"]}
        if name not in known:
            names = ", ".join(sorted(known)) or "none yet: make one with 'milepost crm connect FILE'"
            raise NotDone(f"there is no connection {name}; known: {names}.")
        return known[name]
