"""The short way between a hot route and the wire: a whole body at once, an answer in one write; it knows no route.

Where a server offers it, the scope of a request holds an `Exchange`. What it cannot do is left to the ASGI way.
"""

import weakref
from collections.abc import Sequence
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

KEY = "milepost.exchange"
_CLOSE = b"connection: close\r\n"


class Exchange:
    """One request of uvicorn's and its answer; held from afar, as the request's scope holds it and it the scope."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = weakref.ref(cycle)

    def whole_body(self) -> bytes | None:
        """Return the body if all of it is here and nobody has read of it."""
        cycle = self._cycle()
        return None if cycle is None or cycle.more_body or cycle.disconnected else bytes(cycle.body)

    def answer(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bool:
        """Send status, headers (the length among them) and body; False if the ASGI way has to be gone.

        Raises ValueError for a header with a line end in it.
        """
        cycle = self._cycle()
        if cycle is None or cycle.response_started or cycle.disconnected or cycle.flow.write_paused:
            return False
        fields = [*cycle.default_headers, *headers]
        head = b"".join([name + b": " + value + b"\r\n" for name, value in fields])
        if head.count(b"\n") != len(fields) or head.count(b"\r") != len(fields):
            raise ValueError("a header holds a line end")
        keeps = cycle.keep_alive and not any(name == b"connection" for name, _ in headers)
        if cycle.scope["method"] == "HEAD":
            body = b""
        cycle.transport.write(b"".join((STATUS_LINE[status], head, b"" if keeps else _CLOSE, b"\r\n", body)))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if not keeps:
            cycle.transport.close()
        cycle.on_response()
        return True


def offered(scope: Any) -> Exchange | None:
    """Return the short way of a request, if its server offers one."""
    found: Exchange | None = scope.get(KEY)
    return found
