"""What is asked of the scoring API about score models; it decides nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from milepost_devstack.refusal import Refusal


class NotModelled(Refusal):
    """The scoring API refuses, or does not answer; the message says why, a line for each mistake of a document."""


@dataclass(frozen=True)
class Models:
    """The scoring API at an address, asked with a key; every question may raise NotModelled."""

    url: str
    key: str

    def listed(self) -> dict[str, Any]:
        """Return every model with its versions."""
        return self._ask("GET", "/models")

    def text(self, named: str) -> str:
        """Return a version as its author wrote it."""
        return self._answer("GET", f"{self._place(named)}?format=yaml").text

    def document(self, named: str) -> dict[str, Any]:
        """Return a version as plain data."""
        return self._ask("GET", f"{self._place(named)}?format=json")

    def push(self, file: Path, note: str) -> dict[str, Any]:
        """Keep a file as a version."""
        try:
            body = file.read_bytes()
        except OSError as error:
            raise NotModelled(f"{file} cannot be read ({error.strerror or error}).") from error
        media = "application/json" if file.suffix == ".json" else "application/yaml"
        params = {"note": note} if note else {}
        return self._ask("POST", "/models", content=body, params=params, headers={"content-type": media}, file=file)

    def activate(self, named: str, reason: str, retire: Sequence[str]) -> dict[str, Any]:
        """Put a version in charge."""
        name, version = split(named)
        if version is None:
            raise NotModelled(f"say which version of {name}: {name}@N.")
        body = {"reason": reason, "retire": list(retire)}
        return self._ask("POST", f"/models/{quote(name, safe='')}/versions/{version}:activate", json=body)

    def retire(self, name: str, reason: str) -> dict[str, Any]:
        """Put a model out of charge."""
        return self._ask("POST", f"/models/{quote(name, safe='')}:retire", json={"reason": reason})

    def diff(self, before: str, after: str) -> dict[str, Any]:
        """Return what the second version says otherwise."""
        name, first = split(before)
        other, second = (name, int(after)) if after.isascii() and after.isdigit() else split(after)
        if first is None or second is None or other != name:
            raise NotModelled("say two versions of one model: milepost model diff ID@1 ID@2.")
        return self._ask("GET", f"/models/{quote(name, safe='')}/diff", params={"from": first, "to": second})

    def _place(self, named: str) -> str:
        name, version = split(named)
        if version is None:
            known = self._ask("GET", f"/models/{quote(name, safe='')}")
            version = known["in_charge"] or known["versions"][-1]
        return f"/models/{quote(name, safe='')}/versions/{version}"

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
            raise NotModelled(f"the scoring API does not answer ({error}): see 'milepost logs scoring-api'.") from error
        if not answer.is_success:
            raise NotModelled(_refused(answer, file))
        return answer


def split(named: str) -> tuple[str, int | None]:
    """Return id and version of ID or ID@N. Raises NotModelled for a version that is no number."""
    name, at, version = named.partition("@")
    if at and not (version.isascii() and version.isdigit()):
        raise NotModelled(f"{named} names no version: write ID@N.")
    return name, int(version) if at else None


def _refused(answer: httpx.Response, file: Path | None) -> str:
    try:
        problem: Mapping[str, Any] = answer.json()
        errors: Sequence[Mapping[str, Any]] = problem.get("errors", ())
        detail = str(problem.get("detail"))
    except (ValueError, AttributeError):
        return f"{answer.status_code}: {answer.text[:200]}"
    lines = [f"{file}:{one['line']}:{one['column']}: {one['detail']}" for one in errors if "line" in one]
    others = [f"  {one.get('detail')}" for one in errors if "line" not in one]
    return "\n".join([detail, *lines, *others])
