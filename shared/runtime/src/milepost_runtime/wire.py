"""What a connection may cost before anybody knows who calls: limits on heads, framing and time; no route's word.

One timer a connection looks at most as often as a deadline can pass, so that a request costs no timer of its own.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from milepost_runtime.exchange import KEY, Exchange
from milepost_runtime.ids import new_correlation_id
from milepost_runtime.problems import Problem

HEAD_S = 10.0
BODY_S = 15.0
SILENCE_S = 5.0
# Who sends a stream may be reading it from somewhere slow.
STREAM_SILENCE_S = 30.0
IDLE_S = 30.0
HEAD_BYTES = 32 * 1024
HEAD_FIELDS = 100
# What chunked framing may cost beyond the body: a little at first, and a line for every chunk.
FRAMING_BYTES = 4_096
CHUNK_LINE_BYTES = 16

BAD_FRAMING = Problem(400, "bad_framing", "This is no well-formed HTTP/1.1 request.")
HEAD_TOO_LARGE = Problem(431, "header_too_large", f"Send at most {HEAD_BYTES} bytes and {HEAD_FIELDS} fields of head.")
TOO_SLOW = Problem(408, "request_timeout", "The request did not arrive in time.")
NO_UPGRADE = Problem(400, "upgrade_unsupported", "This server speaks HTTP/1.1 and changes to nothing else.")
HOST_UNKNOWN = Problem(421, "host_unknown", "This server does not answer for the host that the request names.")


@dataclass(frozen=True)
class Manners:
    """`hosts`: whom we answer for (lower case, without port; empty: anybody). `streams`: beginnings and ends of paths.

    A body sent to such a path may last as long as it does not fall silent, and is given more time for that.
    """

    hosts: Collection[str] = ()
    streams: Collection[tuple[bytes, bytes]] = ()


class _Refusal(Exception):
    """Ends the reading of a request; the parser passes it on as an error of its own."""


class GuardedHttp(HttpToolsProtocol):
    """uvicorn's protocol with an end to patience; `manners` are the class's, as every server has one."""

    manners = Manners()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._refused: Problem | None = None
        self._head_since: float | None = None
        self._body_since: float | None = None
        self._heard = 0.0
        self._idle_since = 0.0
        self._chunked: _Framing | None = None
        self._head = 0
        self._arrived = 0
        self._look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to be patient: a connection that never speaks ends as early as a head that never ends."""
        super().connection_made(transport)
        self._idle_since = self.loop.time() - IDLE_S + HEAD_S
        self._look = self.loop.call_later(HEAD_S, self._look_at_the_clock)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head or the framing has grown beyond its limit."""
        self._arrived = len(data)
        super().data_received(data)
        if self._head_since is not None:
            self._head += len(data)
            if self._head > HEAD_BYTES:
                self._refuse(HEAD_TOO_LARGE)
        elif self._chunked is not None:
            self._chunked.raw += len(data)
            if self._chunked.too_much():
                self._refuse(BAD_FRAMING)

    def on_message_begin(self) -> None:
        """A head begins."""
        self._head_since = self.loop.time()
        self._head = 0
        self._chunked = None
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Check what every request owes, then let it in."""
        # Adding fields up costs more than reading them, so that only long arrivals are looked at so closely.
        if self._head + self._arrived > HEAD_BYTES and _size(self.headers) + len(self.url) > HEAD_BYTES:
            self._stop(HEAD_TOO_LARGE)
        if len(self.headers) > HEAD_FIELDS:
            self._stop(HEAD_TOO_LARGE)
        names = [name for name, _ in self.headers]
        if names.count(b"host") != 1 or self.manners.hosts:
            self._check_host()
        if b"upgrade" in names and self._should_upgrade():
            self._stop(NO_UPGRADE)
        self._chunked = None
        if b"transfer-encoding" in names:
            self._chunked = _Framing(raw=-_size(self.headers) - len(self.url))
        self._head_since = None
        self._body_since = self._heard = self.loop.time()
        super().on_headers_complete()
        self.scope[KEY] = Exchange(self.cycle)  # type: ignore[literal-required]

    def on_chunk_header(self) -> None:
        """A chunk begins."""
        if self._chunked is not None:
            self._chunked.chunks += 1

    def on_body(self, body: bytes) -> None:
        """A part of the body is here."""
        self._heard = self.loop.time()
        if self._chunked is not None:
            self._chunked.body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is whole."""
        self._body_since = self._chunked = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Answered: the next request of a pipeline begins, else the connection rests, under the clock that runs anyway.

        What uvicorn does here, but for the timer that it would start and stop with every request.
        """
        self._idle_since = self.loop.time()
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong as everywhere else, and close."""
        self._answer(self._refused or BAD_FRAMING)

    def _check_host(self) -> None:
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            self._stop(BAD_FRAMING)
        known = self.manners.hosts
        if known and (not hosts or _without_port(hosts[0]) not in known):
            self._stop(HOST_UNKNOWN)

    def _stop(self, problem: Problem) -> None:
        self._refused = problem
        raise _Refusal

    def _refuse(self, problem: Problem) -> None:
        if not self.transport.is_closing():
            self._answer(problem)

    def _answer(self, problem: Problem) -> None:
        if self._may_answer():
            status, headers, body = problem.raw(new_correlation_id())
            lines = [name + b": " + value + b"\r\n" for name, value in [*headers, (b"connection", b"close")]]
            self.transport.write(b"".join([STATUS_LINE[status], *lines, b"\r\n", body]))
        self.transport.close()

    def _may_answer(self) -> bool:
        """Between two requests and before an answer has begun; never behind an answer whose body still comes."""
        if self.cycle is None or (self.cycle.response_complete and self._body_since is None):
            return True
        return not self.cycle.response_started

    def _look_at_the_clock(self) -> None:
        if self.transport.is_closing():
            return
        left = self._patience()
        if left > 0:
            self._look = self.loop.call_later(max(left, 0.1), self._look_at_the_clock)
        elif self._body_since is not None:
            self._refuse(TOO_SLOW)
        else:
            self.transport.close()

    def _patience(self) -> float:
        """Return for how many seconds more this connection may go on as it is."""
        now = self.loop.time()
        if self._head_since is not None:
            return self._head_since + HEAD_S - now
        if self._body_since is not None and not self.flow.read_paused:
            if self._streams():
                return self._heard + STREAM_SILENCE_S - now
            return min(self._heard + SILENCE_S, self._body_since + BODY_S) - now
        if self.cycle is None or self.cycle.response_complete:
            return self._idle_since + IDLE_S - now
        # While we do not listen nobody is silent.
        self._heard = now
        return SILENCE_S

    def _streams(self) -> bool:
        path = self.scope["raw_path"]
        return any(path.startswith(beginning) and path.endswith(end) for beginning, end in self.manners.streams)


@dataclass
class _Framing:
    """What a chunked body came in."""

    raw: int = 0
    body: int = 0
    chunks: int = 0

    def too_much(self) -> bool:
        return self.raw - self.body > FRAMING_BYTES + CHUNK_LINE_BYTES * self.chunks


def _size(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) for name, value in headers)


def _without_port(host: bytes) -> str:
    text = host.decode("latin-1").lower()
    return text if text.endswith("]") else text.rpartition(":")[0] or text


def guarded(manners: Manners) -> type[GuardedHttp]:
    """Return the protocol of a server with these manners."""
    return type("Guarded", (GuardedHttp,), {"manners": manners})
