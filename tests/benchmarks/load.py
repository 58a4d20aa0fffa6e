"""A load generator that costs little per request: raw HTTP/1.1 over kept-alive connections, one request in flight each.

It knows no library of HTTP on purpose: the measured side shall be the dear one. Loopback only.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast


@dataclass
class Tally:
    """What came back: statuses by number, seconds from the first request to the last answer, each one's latency."""

    statuses: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return sum(self.statuses.values()) / self.seconds


class _Client(asyncio.Protocol):
    """One connection that works through its share of requests."""

    def __init__(self, requests: Sequence[bytes], tally: Tally, done: "asyncio.Future[None]") -> None:
        self._requests = iter(requests)
        self._tally = tally
        self._done = done
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 : (head + b"\r\n").find(b"\r\n", at)]) if at >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return
        self._buffer = self._buffer[end + 4 + length :]
        status = int(head[9:12])
        self._tally.statuses[status] = self._tally.statuses.get(status, 0) + 1
        self._tally.latencies.append(time.perf_counter() - self._sent)
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server closed the connection"))

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is not None:
            self._sent = time.perf_counter()
            self._transport.write(request)
        elif not self._done.done():
            self._done.set_result(None)
            self._transport.close()


async def fire(port: int, requests: Sequence[bytes], connections: int, *, limit_s: float = 60) -> Tally:
    """Send every request once over so many connections, and return the tally; raises TimeoutError after `limit_s`."""
    loop = asyncio.get_running_loop()
    tally, ends = Tally(), [loop.create_future() for _ in range(connections)]
    started = time.perf_counter()
    async with asyncio.timeout(limit_s):
        for index, end in enumerate(ends):
            share = requests[index::connections]
            await loop.create_connection(lambda s=share, e=end: _Client(s, tally, e), "127.0.0.1", port)  # type: ignore[misc]
        await asyncio.gather(*ends)
    tally.seconds = time.perf_counter() - started
    return tally
