"""Sends the lines of a file to the service and goes on after every break; it keeps no more than a block of them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import httpx

from milepost_devstack.importing.files import Rows
from milepost_devstack.refusal import Refusal

# One request carries at most so much: short enough for any proxy in between, long enough to cost nothing.
PART_LINES = 100_000
PART_BYTES = 32 * 2**20
BLOCK = 64 * 1024
PATIENCE_S = 120.0
_AGAIN = frozenset({408, 409, 425, 429, 502, 503, 504})

Watch = Callable[[int, float], None]


class NotSent(Refusal):
    """The service does not take the file; the message says why."""


class Broken(Exception):
    """The stream broke; what the service has settled stays settled."""


@dataclass(frozen=True)
class Service:
    """The service's own words over HTTP."""

    client: httpx.Client

    def begin(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Make the import or find it again. Raises Broken and NotSent, as everything here."""
        return self._ask("POST", "/imports", json=wanted)

    def look(self, import_id: str) -> dict[str, Any]:
        """Return how the import stands."""
        return self._ask("GET", f"/imports/{import_id}")

    def send(self, import_id: str, first: int, blocks: Iterator[bytes]) -> dict[str, Any]:
        """Send lines, the first of which has `first` in front of it."""
        headers = {"content-type": "application/x-ndjson"}
        path = f"/imports/{import_id}/lines?from={first}"
        return self._ask("POST", path, content=blocks, headers=headers)

    def finish(self, import_id: str) -> dict[str, Any]:
        """Say that all lines are there."""
        return self._ask("POST", f"/imports/{import_id}:finish")

    def cancel(self, import_id: str) -> dict[str, Any]:
        """Say that no more lines come for now; the same file goes on with it."""
        return self._ask("POST", f"/imports/{import_id}:cancel")

    def rejects(self, import_id: str) -> Iterator[dict[str, Any]]:
        """Yield the refused lines that the service has kept."""
        query = {"limit": "200"}
        while query:
            page = self._ask("GET", f"/imports/{import_id}/rejects", params=query)
            yield from page["data"]
            query = {"limit": "200", "cursor": page["next_cursor"]} if page["next_cursor"] else {}

    def _ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        try:
            answer = self.client.request(method, path, **more)
        except httpx.HTTPError as error:
            raise Broken(f"{type(error).__name__}: {error}") from error
        if answer.status_code in _AGAIN or answer.status_code >= 500:
            raise Broken(f"{answer.status_code}: {_detail(answer)}")
        if not answer.is_success:
            raise NotSent(f"the service refuses: {answer.status_code}, {_detail(answer)}")
        document: dict[str, Any] = answer.json()
        return document


def _detail(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return " ".join([str(problem.get("detail")), *(str(one.get("detail")) for one in problem.get("errors", ()))])
    except (ValueError, AttributeError):
        return answer.text[:200]


def send_all(service: Service, rows: Rows, wanted: dict[str, Any], watch: Watch) -> dict[str, Any]:
    """Bring a file in, from where it stands; return the import: finished, or cancelled if the file breaks off.

    After a break the service is asked how far it has come. Raises NotSent when nothing gets on for two minutes.
    """
    row = _patiently(lambda: service.begin(wanted))
    import_id = str(row["id"])
    position, until = row["position"], time.monotonic() + PATIENCE_S
    pause = 0.5
    while row["state"] == "open":
        try:
            _send_from(service, rows, row, watch)
            return service.cancel(import_id) if rows.broken_off() else service.finish(import_id)
        except Broken as error:
            if time.monotonic() > until:
                raise NotSent(f"nothing gets on any more ({error}); the same command goes on from there.") from error
            time.sleep(pause)
            row = _patiently(lambda: service.look(import_id))
            pause = min(10.0, pause * 2)
            if row["position"] > position:
                position, until, pause = row["position"], time.monotonic() + PATIENCE_S, 0.5
    return row


def _patiently(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    until = time.monotonic() + PATIENCE_S
    pause = 0.5
    while True:
        try:
            return ask()
        except Broken as error:
            if time.monotonic() > until:
                raise NotSent(f"the service does not answer ({error}).") from error
            time.sleep(pause)
            pause = min(10.0, pause * 2)


def _send_from(service: Service, rows: Rows, row: dict[str, Any], watch: Watch) -> None:
    """Send everything after the position, one part a request."""
    lines = rows.lines(row["position"])
    # Passing over what is settled may take long, and a stream that has begun must not fall silent.
    lines = chain(list(islice(lines, 1)), lines)
    at = row["position"]
    ended = False
    while not ended:
        part = _Part(lines, rows, at, watch)
        settled = service.send(row["id"], at, part.blocks())
        at, ended = part.at, part.ended
        if settled["position"] != at:
            raise Broken(f"{settled['position']} lines are settled, {at} were sent")


@dataclass
class _Part:
    """The lines of one request, in blocks; `at` counts the lines up to here."""

    lines: Iterator[bytes]
    rows: Rows
    at: int
    watch: Watch
    ended: bool = False

    def blocks(self) -> Iterator[bytes]:
        block, size, sent, last = [], 0, 0, self.at + PART_LINES
        for line in self.lines:
            block.append(line)
            size += len(line) + 1
            self.at += 1
            if size >= BLOCK:
                yield b"\n".join(block) + b"\n"
                sent += size
                block, size = [], 0
                self.watch(self.at, self.rows.read())
            if self.at >= last or sent >= PART_BYTES:
                break
        else:
            self.ended = True
        if block:
            yield b"\n".join(block) + b"\n"
        self.watch(self.at, self.rows.read())
