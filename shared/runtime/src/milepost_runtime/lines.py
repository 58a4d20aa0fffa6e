"""Lines to receivers outside: opened before anything is at stake, good for one request at a time; it repeats nothing.

The moment that matters is the write: before it nothing can have been done, after it only an answer says what was. An
ordinary HTTP client hides that moment. Redirects are answers like any other, bodies are read up to a limit, and
nothing is unpacked.
"""

import asyncio
import contextlib
import ssl
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import cast

import httptools

from milepost_runtime.guard import Inside, NameUnknown, Target, resolve

CONNECT_S = 3.0
# A server closes a silent line after five seconds at the earliest: what is reused is younger.
IDLE_S = 3.0
MOST_IDLE = 256
# What is no body: so much of it goes before the status, and so much of it is passed over behind that (frames of chunks,
# trailers), to which every byte of the body adds what the smallest chunk needs around itself.
HEAD_BYTES = 32 * 1024
FRAME_BYTES = 16
BODY_BYTES = 64 * 1024


class NotConnected(Exception):
    """No line could be opened: certainly nothing was done."""


class NotWritten(Exception):
    """The line was gone before a byte could be written: certainly nothing was done."""


class AnswerLost(Exception):
    """The request was written, and no answer came whose status could be read: done or not, nobody knows."""


class _Unasked(Exception):
    """Another answer begins behind the one that was asked for."""


@dataclass(frozen=True)
class Answer:
    """What a receiver said. `headers` have lower-case names; `whole` is False when the body was cut at the limit."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool

    def retry_after_s(self, now: float) -> float | None:
        """Return the seconds that the receiver asks to wait, or None; `now` is a Unix time."""
        wish = self.headers.get("retry-after", "").strip()
        if wish.isascii() and wish.isdigit() and len(wish) < 10:
            return float(wish)
        with contextlib.suppress(ValueError, OverflowError):
            return max(0.0, parsedate_to_datetime(wish).timestamp() - now)
        return None


class Line(asyncio.Protocol):
    """One connection to one receiver; of an answer it keeps a head, a body up to its limit, and nothing behind it."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._begin(BODY_BYTES)

    def _begin(self, most: int) -> None:
        self._most = most
        self._parser = httptools.HttpResponseParser(self)
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._aside = 0
        self._ended = self._cut = self._stays = False

    @property
    def usable(self) -> bool:
        """Whether a request may be written."""
        return self._transport is not None and not self._transport.is_closing() and self._waiter is None

    async def ask(self, request: bytes, limit_s: float | None, most: int = BODY_BYTES) -> Answer:
        """Write a request and return the answer to it, within `limit_s` seconds. Raises NotWritten, AnswerLost.

        There is no waiting between the call and the write. `most` bytes of the answer's body are read.
        """
        if not self.usable or self._transport is None:
            raise NotWritten("the receiver hung up before the request could be written")
        self._begin(most)
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        over = None if limit_s is None else loop.call_later(limit_s, self._give_up)
        self._transport.write(request)
        try:
            await self._waiter
        except asyncio.CancelledError:
            # Nobody waits for the answer any more, and the next request must not get it.
            self.close()
            raise
        finally:
            self._waiter = None
            if over is not None:
                over.cancel()
        if not self._status:
            self.close()
            raise AnswerLost("no answer came whose status could be read")
        if not self._stays:
            self.close()
        return Answer(self._status, self._headers, bytes(self._body), self._ended)

    def _give_up(self) -> None:
        self.close()
        self._wake()

    def close(self) -> None:
        """Hang up; what has not been read never will be."""
        self._cut = True
        if self._transport is not None:
            self._transport.abort()

    # ---- what the event loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; that of the quick loop is one by what it does, not by its class."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """Let who waits see how far the answer came; without a length, the end of the line ends a body."""
        bounded = self._cut or "content-length" in self._headers or "transfer-encoding" in self._headers
        self._ended = self._ended or (self._status > 0 and _error is None and not bounded)
        self._wake()

    def data_received(self, data: bytes) -> None:
        """Read on; an unasked, unreadable or endless answer ends the line."""
        rest = memoryview(data)
        if self._waiter is None or self._ended:
            self.close()
        while rest and not self._cut:
            # No more than may be no body: what the parser holds of a head or a trailer is never longer than twice that.
            piece, rest = rest[: HEAD_BYTES - self._aside], rest[HEAD_BYTES - self._aside :]
            self._aside += len(piece)
            try:
                self._parser.feed_data(piece)
                self._cut = self._cut or self._aside >= HEAD_BYTES
            except (httptools.HttpParserError, httptools.HttpParserUpgrade):
                self._cut = True
        if self._cut:
            self.close()

    # ---- what the parser says

    def on_message_begin(self) -> None:
        """Stop at what nobody asked for: nothing of it is read, and the line is not used again."""
        if self._ended:
            raise _Unasked

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep one header; behind the body there are none any more."""
        if not self._status:
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Keep the status; what only announces an answer (1xx) is none."""
        if self._parser.get_status_code() < 200:
            self._headers = {}
        else:
            self._status, self._aside = self._parser.get_status_code(), 0

    def on_body(self, body: bytes) -> None:
        """Keep the body up to its limit."""
        self._aside = max(0, self._aside - len(body) * FRAME_BYTES)
        self._body += body[: self._most - len(self._body)]
        if len(self._body) == self._most:
            self.close()

    def on_message_complete(self) -> None:
        """Give the answer to who waits."""
        if self._status:
            self._ended, self._stays = True, self._parser.should_keep_alive()
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


@dataclass(frozen=True)
class Lines:
    """Lines of one process to all receivers; those that are idle are reused for a moment, then closed."""

    allowed: Inside
    resolve: Callable[[Target, Inside], Awaitable[Sequence[str]]] = field(default=resolve, repr=False)
    _idle: dict[tuple[str, str, int], deque[tuple[float, Line]]] = field(default_factory=dict, repr=False)
    _trust: list[ssl.SSLContext] = field(default_factory=list, repr=False)

    async def open(self, target: Target) -> Line:
        """Return a line on which a request may be written. Raises UrlRefused, NotConnected."""
        idle = self._idle.get(_place(target))
        while idle:
            since, line = idle.pop()
            if line.usable and time.monotonic() - since < IDLE_S:
                return line
            line.close()
        return await self._connect(target)

    def give_back(self, target: Target, line: Line) -> None:
        """Keep a line for the next one who asks for the same receiver."""
        if not line.usable:
            return
        place = _place(target)
        idle = self._idle.get(place)
        if idle is None:
            idle = self._idle[place] = deque()
            asyncio.get_running_loop().call_later(IDLE_S, self._sweep, place)
        idle.append((time.monotonic(), line))
        if len(idle) > MOST_IDLE:
            idle.popleft()[1].close()

    def close(self) -> None:
        """Hang up all that is idle."""
        for idle in self._idle.values():
            while idle:
                idle.popleft()[1].close()

    def _sweep(self, place: tuple[str, str, int]) -> None:
        """Close what was idle for so long; look again when the next one is due, or drop a place that nobody calls."""
        idle, now = self._idle[place], time.monotonic()
        while idle and now - idle[0][0] >= IDLE_S:
            idle.popleft()[1].close()
        if idle:
            asyncio.get_running_loop().call_later(IDLE_S - (now - idle[0][0]), self._sweep, place)
        else:
            del self._idle[place]

    async def _connect(self, target: Target) -> Line:
        try:
            addresses = await self.resolve(target, self.allowed)
        except NameUnknown as error:
            raise NotConnected(str(error)) from None
        until, last = asyncio.get_running_loop().time() + CONNECT_S, NotConnected("")
        for left in range(len(addresses), 0, -1):
            now = asyncio.get_running_loop().time()
            try:
                # An address that says nothing leaves time for those behind it.
                return await self._connect_to(target, addresses[-left], now + (until - now) / left)
            except NotConnected as error:
                last = error
        raise last

    async def _connect_to(self, target: Target, address: str, until: float) -> Line:
        try:
            async with asyncio.timeout_at(until):
                _, line = await asyncio.get_running_loop().create_connection(
                    Line,
                    address,
                    target.port,
                    ssl=self._tls() if target.scheme == "https" else None,
                    server_hostname=target.host if target.scheme == "https" else None,
                )
        except ssl.SSLError as error:
            raise NotConnected(
                f"the receiver's certificate or TLS is not good: {error.reason or 'no reason'}"
            ) from None
        except TimeoutError:
            raise NotConnected("the receiver did not take the connection in time") from None
        except OSError as error:
            raise NotConnected(f"the connection to the receiver failed ({type(error).__name__})") from None
        return line

    def _tls(self) -> ssl.SSLContext:
        if not self._trust:
            self._trust.append(ssl.create_default_context())
        return self._trust[0]


def _place(target: Target) -> tuple[str, str, int]:
    return target.scheme, target.host, target.port


def post(target: Target, headers: dict[str, str], body: bytes) -> bytes:
    """Return the bytes of a POST; headers hold no line ends (ValueError)."""
    return request("POST", target, headers, body)


def request(method: str, target: Target, headers: dict[str, str], body: bytes) -> bytes:
    """Return the bytes of a request; headers hold no line ends (ValueError)."""
    fields = {"Host": target.authority, "User-Agent": "milepost", "Accept-Encoding": "identity"} | headers
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    if head.count("\n") != len(fields) or head.count("\r") != len(fields):
        raise ValueError("a header holds a line end")
    start = f"{method} {target.path} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n"
    return start.encode("latin-1") + body
