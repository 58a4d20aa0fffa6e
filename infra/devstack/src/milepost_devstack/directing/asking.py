"""What is asked of the playbook API about playbooks as documents; it decides nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from milepost_devstack.modelling.asking import split
from milepost_devstack.refusal import Refusal


class NotDirected(Refusal):
    """The playbook API refuses, or does not answer; the message says why, a line for each mistake of a document."""


@dataclass(frozen=True)
class Playbooks:
    """The playbook API at an address, asked with a key; every question may raise NotDirected."""

    url: str
    key: str

    def listed(self) -> dict[str, Any]:
        """Return every playbook with its versions."""
        return self._ask("GET", "/playbooks")

    def text(self, named: str) -> str:
        """Return a version as its author wrote it."""
        return self._answer("GET", f"{self._place(named)}?format=yaml").text

    def document(self, named: str) -> dict[str, Any]:
        """Return a version as plain data."""
        found: dict[str, Any] = self._ask("GET", self._place(named))["document"]
        return found

    def push(self, file: Path) -> dict[str, Any]:
        """Keep a file as a version."""
        try:
            body = file.read_bytes()
        except OSError as error:
            raise NotDirected(f"{file} cannot be read ({error.strerror or error}).") from error
        media = "application/json" if file.suffix == ".json" else "application/yaml"
        return self._ask("POST", "/playbooks", content=body, headers={"content-type": media}, file=file)

    def activate(self, named: str, in_flight: str) -> dict[str, Any]:
        """Put a version in force; without one, let the version in force go on that was paused."""
        name, version = split(named)
        if version is None:
            return {"playbook": self._ask("POST", f"/playbooks/{quote(name, safe='')}:activate")}
        return self._ask("POST", f"{self._place(named)}:activate", json={"in_flight": in_flight})

    def pause(self, name: str) -> dict[str, Any]:
        """Pause the version in force."""
        return {"playbook": self._ask("POST", f"/playbooks/{quote(name, safe='')}:pause")}

    def rollback(self, name: str, in_flight: str) -> dict[str, Any]:
        """Put the version before in force again."""
        return self._ask("POST", f"/playbooks/{quote(name, safe='')}:rollback", json={"in_flight": in_flight})

    def diff(self, before: str, after: str) -> dict[str, Any]:
        """Return what the second version says otherwise."""
        name, first = split(before)
        other, second = (name, int(after)) if after.isascii() and after.isdigit() else split(after)
        if first is None or second is None or other != name:
            raise NotDirected("say two versions of one playbook: milepost playbook diff ID@1 ID@2.")
        return self._ask("GET", f"/playbooks/{quote(name, safe='')}/diff", params={"from": first, "to": second})

    def _place(self, named: str) -> str:
        name, version = split(named)
        if version is None:
            version = self._ask("GET", f"/playbooks/{quote(name, safe='')}")["version"]
        return f"/playbooks/{quote(name, safe='')}/versions/{version}"

    def _ask(self, method: str, path: str, file: Path | None = None, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._answer(method, path, file, **more).json()
        return found

    def _answer(self, method: str, path: str, file: Path | None = None, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        try:
            answer = httpx.request(
                method, f"{self.url.rstrip('/')}{path}", headers=headers, timeout=60, trust_env=False, **more
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotDirected(
                f"the playbook API does not answer ({error}): see 'milepost logs playbook-runner'."
            ) from error
        if not answer.is_success:
            raise NotDirected(_refused(answer, file))
        return answer


def _refused(answer: httpx.Response, file: Path | None) -> str:
    try:
        problem: Mapping[str, Any] = answer.json()
        errors: Sequence[Mapping[str, Any]] = problem.get("errors", ())
        detail = str(problem.get("detail"))
    except (ValueError, AttributeError):
        return f"{answer.status_code}: {answer.text[:200]}"
    where = f"{file}:" if file else ""
    lines = [f"{where}{one['line']}:{one['column']}: {one['detail']}" for one in errors if "line" in one]
    others = [f"  {one.get('detail')}" for one in errors if "line" not in one]
    return "\n".join([detail, *lines, *others])
