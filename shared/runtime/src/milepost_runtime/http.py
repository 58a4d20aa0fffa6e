"""The one place that makes HTTP clients, with every wait bounded and redirects off.

They are for services of the house and for receivers that a deployment names itself: nobody guards where they lead.
"""

import asyncio
from typing import Final

import httpx
import structlog

from milepost_runtime import lines
from milepost_runtime.guard import ANYWHERE, PORTS, Target
from milepost_runtime.lines import AnswerLost, Lines, NotConnected, NotWritten

# In a request's extensions: no more bytes than this of the body of its answer are read.
MOST_BYTES: Final = "most_bytes"
_MOST = 64 * 1024 * 1024
_AT_ONCE = 20
# What a line says by itself of every request.
_OF_LINES = frozenset(("accept-encoding", "connection", "content-length", "host", "transfer-encoding", "user-agent"))


def client(base_url: str = "", *, timeout_s: float = 10.0, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
    """Return a client that never follows redirects, ignores proxy settings of the machine, and names itself."""
    return httpx.AsyncClient(
        base_url=base_url, timeout=timeout_s, headers=headers, transport=_OverLines(), follow_redirects=False
    )


class _OverLines(httpx.AsyncBaseTransport):
    """Carries requests over lines that stay open, and reads each answer as a whole.

    The transport that httpx brings reads in small pieces: of a hundred health documents that took ten times as long.
    """

    def __init__(self) -> None:
        self._lines = Lines(ANYWHERE)
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer. Raises httpx.ConnectError, ReadTimeout (of the whole), ReadError."""
        try:
            async with asyncio.timeout(request.extensions.get("timeout", {}).get("read")), self._gate:
                answer = await self._asked(request, request.extensions.get(MOST_BYTES, _MOST))
        except TimeoutError:
            raise httpx.ReadTimeout("no answer in time", request=request) from None
        except NotConnected as error:
            raise httpx.ConnectError(str(error), request=request) from None
        except (NotWritten, AnswerLost) as error:
            raise httpx.ReadError(str(error), request=request) from None
        stream = httpx.ByteStream(answer.body)
        return httpx.Response(answer.status, headers=answer.headers, stream=stream, request=request)

    async def _asked(self, request: httpx.Request, most: int) -> lines.Answer:
        if request.method == "HEAD":
            raise ValueError("answers without the body that they announce are not read here")
        body = await request.aread()
        url = request.url
        target = Target(url.scheme, url.host, url.port or PORTS[url.scheme], url.raw_path.decode("ascii"))
        said = {name: value for name, value in request.headers.items() if name not in _OF_LINES}
        line = await self._lines.open(target)
        try:
            answer = await line.ask(lines.request(request.method, target, said, body), None, most)
        finally:
            self._lines.give_back(target, line)
        if not answer.whole and (len(answer.body) < most or most == _MOST):
            raise AnswerLost("the answer broke off, or is too large")
        return answer

    async def aclose(self) -> None:
        """Hang up the lines that are idle."""
        self._lines.close()


def correlation_headers() -> dict[str, str]:
    """Return the header that carries the correlation id bound to this task, if there is one."""
    bound = structlog.contextvars.get_contextvars().get("correlation_id")
    return {"X-Request-Id": str(bound)} if bound else {}
