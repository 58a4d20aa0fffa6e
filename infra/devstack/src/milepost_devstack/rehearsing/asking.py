"""What is asked of ingest and of scoring over HTTP; it decides nothing."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from milepost_devstack.refusal import Refusal

_DENIED = {
    401: "the key is not known here: say another one by --key or MILEPOST_API_KEY.",
    403: "sending a test needs an administrator's key.",
}


class NotAnswered(Refusal):
    """A service refuses, or does not answer; the message says what to do."""


@dataclass(frozen=True)
class Posted:
    """How the door answered a delivery: status, seconds, the id that it goes by there, and why it was refused."""

    status: int
    seconds: float
    correlation_id: str
    detail: str


@dataclass(frozen=True)
class Ingest:
    """Ingest's own words; every question may raise NotAnswered."""

    client: httpx.Client

    def samples(self, source: str) -> dict[str, Any]:
        """Return the samples of a source, and the settings that they ask for."""
        return self._ask("GET", f"/sources/{quote(source, safe='')}/samples")

    def connections(self, source: str) -> list[dict[str, Any]]:
        """Return the connections of a source."""
        return [one for one in self._ask("GET", "/connections")["data"] if one["source"] == source]

    def connect(self, source: str, name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Make a connection with a secret of its own."""
        return self._ask("POST", "/connections", json={"source": source, "name": name, "settings": settings})

    def prepare(self, connection_id: str, sample: str, company: str) -> dict[str, Any]:
        """Return a sample as a request that is signed now."""
        wanted = {"company": company} if company else {}
        return self._ask("POST", f"/connections/{connection_id}/samples/{quote(sample, safe='')}", json=wanted)

    def deliveries(self, correlation_id: str, since: str) -> list[dict[str, Any]]:
        """Return the deliveries that go by an id, received since a moment."""
        params = {"correlation_id": correlation_id, "from": since, "limit": "200"}
        found: list[dict[str, Any]] = self._ask("GET", "/deliveries", params=params)["data"]
        return found

    def became(self, delivery_id: str) -> list[dict[str, Any]]:
        """Return what a delivery became, by type and account."""
        found: list[dict[str, Any]] = self._ask("GET", f"/deliveries/{delivery_id}/events")["data"]
        return found

    def _ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        try:
            answer = self.client.request(method, path, **more)
        except httpx.HTTPError as error:
            place = self.client.base_url
            raise NotAnswered(f"ingest does not answer at {place} ({said(error)}): is the house up?") from error
        if not answer.is_success:
            raise NotAnswered(_DENIED.get(answer.status_code) or f"{answer.status_code}: {detail_of(answer)}")
        document: dict[str, Any] = answer.json()
        return document


@dataclass(frozen=True)
class Scoring:
    """The scoring API of the house, which knows accounts by name."""

    url: str
    key: str

    def account(self, account_id: str, until: float) -> dict[str, Any] | None:
        """Return id, name and page of an account once it is scored, at the latest at `until`; None without it."""
        headers = {"authorization": f"Bearer {self.key}"}
        while True:
            try:
                answer = httpx.get(
                    f"{self.url}/accounts/{account_id}/health", headers=headers, timeout=5, trust_env=False
                )
            except httpx.HTTPError:
                return None
            if answer.is_success:
                known = answer.json()["account"]
                page = f"{self.url}/app/accounts/{known['id']}"
                return {"id": known["id"], "name": known["name"], "page": page}
            if answer.status_code != 404 or time.monotonic() > until:
                return None
            time.sleep(0.2)


def post(client: httpx.Client, request: Mapping[str, Any], correlation_id: str) -> Posted:
    """Send a request as it stands, as a provider would, without any key. Raises NotAnswered."""
    headers = {**request["headers"], "user-agent": "milepost-send", "x-request-id": correlation_id}
    begun = time.perf_counter()
    try:
        answer = client.request(
            request["method"], request["url"], content=request["body"].encode("utf-8"), headers=headers
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotAnswered(
            f"the webhook URL {shown(request)} does not answer ({said(error)}): providers are told that address,"
            " see MILEPOST_PUBLIC_URL_INGEST."
        ) from error
    seconds = time.perf_counter() - begun
    detail = "" if answer.is_success else detail_of(answer)
    return Posted(answer.status_code, seconds, answer.headers.get("x-request-id") or correlation_id, detail)


def shown(request: Mapping[str, Any]) -> str:
    """Return a request's address without the segment that is a secret."""
    before, found, _ = str(request["url"]).partition(f"/{request['connection_id']}")
    return before + found


def said(error: Exception) -> str:
    """Return what an error of the network says, or its kind when it says nothing."""
    return str(error) or type(error).__name__


def detail_of(answer: httpx.Response) -> str:
    """Return why a request was refused."""
    try:
        problem = answer.json()
        errors: Iterable[Mapping[str, Any]] = problem.get("errors", ())
        return " ".join([str(problem.get("detail")), *(f"({one.get('detail')})" for one in errors)])
    except (ValueError, AttributeError):
        return answer.text[:200]
