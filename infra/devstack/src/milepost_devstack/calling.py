"""Questions to a service of ours over HTTP with a key, its refusals in words for people; it decides nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from milepost_devstack.refusal import Refusal


class NotDone(Refusal):
    """A service refuses, or does not answer; the message says why, with a line for each mistake of what was sent."""


@dataclass(frozen=True)
class Service:
    """A service at an address, asked with a key; `name` is what people call it, `process` whose log tells more.

    Every question may raise NotDone.
    """

    url: str
    key: str = field(repr=False)
    name: str
    process: str
    patience_s: float = 60.0

    def ask(self, method: str, path: str, file: Path | None = None, **more: Any) -> dict[str, Any]:
        """Return the JSON of an answer; see `text`."""
        found: dict[str, Any] = json.loads(self.text(method, path, file, **more))
        return found

    def text(self, method: str, path: str, file: Path | None = None, **more: Any) -> str:
        """Return an answer as it is; `file` is where what is sent came from, `more` what httpx takes beside it."""
        import httpx  # noqa: PLC0415 - most commands ask nobody, and begin sooner without it

        headers = {"authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        place = f"{self.url.rstrip('/')}{path}"
        try:
            answer = httpx.request(method, place, headers=headers, timeout=self.patience_s, trust_env=False, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotDone(f"{self.name} does not answer ({error}): see 'milepost logs {self.process}'.") from error
        if not answer.is_success:
            raise NotDone(_refused(answer.status_code, answer.text, file))
        return answer.text


def _refused(status: int, text: str, file: Path | None) -> str:
    """Say what a problem says: mistakes that have a line as compilers do, then the others."""
    try:
        problem: Mapping[str, Any] = json.loads(text)
        errors: Sequence[Mapping[str, Any]] = problem.get("errors", ())
        detail = str(problem.get("detail"))
    except (ValueError, AttributeError):
        return f"{status}: {text[:200]}"
    where = f"{file}:" if file else ""
    placed = [f"{where}{one['line']}:{one['column']}: {one['detail']}" for one in errors if "line" in one]
    others = [f"  {one.get('pointer', '')} {one.get('detail')}".rstrip() for one in errors if "line" not in one]
    return "\n".join([detail, *placed, *others])
