"""What is asked of the playbook API about connections; it decides nothing and keeps no secret."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from milepost_devstack.refusal import Refusal

# A set-up makes about ten calls to a CRM, one after the other.
PATIENCE_S = 180.0


class NotConnected(Refusal):
    """The playbook API refuses, or does not answer; the message says why."""


@dataclass(frozen=True)
class Connections:
    """The playbook API at an address, asked with a key; every question may raise NotConnected."""

    url: str
    key: str = field(repr=False)

    def listed(self) -> dict[str, Any]:
        """Return every connection."""
        return self._ask("GET", "/outlets")

    def connect(self, file: Path) -> dict[str, Any]:
        """Make the connection that a JSON file says; the file holds secrets, so they are on no command line."""
        try:
            body = json.loads(file.read_bytes())
        except OSError as error:
            raise NotConnected(f"{file} cannot be read ({error.strerror or error}).") from error
        except ValueError:
            raise NotConnected(f"{file} is no JSON.") from None
        return self._ask("POST", "/outlets", json=body)

    def set_up(self, name: str) -> dict[str, Any]:
        """Make what a CRM needs, and let it be told of every account."""
        return self._ask("POST", f"/outlets/{self._id_of(name)}/setup")

    def told(self, name: str) -> dict[str, Any]:
        """Return which accounts a CRM did not take."""
        return self._ask("GET", f"/outlets/{self._id_of(name)}/told")

    def _id_of(self, name: str) -> str:
        known = {str(one["name"]): str(one["id"]) for one in self.listed()["data"]}
        if name not in known:
            names = ", ".join(sorted(known)) or "none yet: make one with 'milepost crm connect FILE'"
            raise NotConnected(f"there is no connection {name}; known: {names}.")
        return known[name]

    def _ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self.key}"}
        place = f"{self.url.rstrip('/')}{path}"
        try:
            answer = httpx.request(method, place, headers=headers, timeout=PATIENCE_S, trust_env=False, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            told = f"the playbook API does not answer ({error}): see 'milepost logs playbook-runner'."
            raise NotConnected(told) from error
        if not answer.is_success:
            raise NotConnected(_refused(answer))
        found: dict[str, Any] = answer.json()
        return found


def _refused(answer: httpx.Response) -> str:
    try:
        problem: Mapping[str, Any] = answer.json()
        errors: Sequence[Mapping[str, Any]] = problem.get("errors", ())
        detail = str(problem.get("detail"))
    except (ValueError, AttributeError):
        return f"{answer.status_code}: {answer.text[:200]}"
    return "\n".join([detail, *(f"  {one.get('pointer', '')} {one.get('detail')}".rstrip() for one in errors)])
