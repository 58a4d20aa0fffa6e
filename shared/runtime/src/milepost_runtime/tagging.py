"""Entity tags from content: whoever has an answer already is told so in no bytes; it knows no route.

It never keeps an answer, and leaves alone what streams, and what is no JSON and carries no tag of its own.
"""

import hashlib
from typing import Any

from milepost_runtime.hot import Application, Headers, Receive, Scope, Send, header

REVALIDATE = (b"cache-control", b"private, no-cache")
VARY = (b"vary", b"Authorization, Accept")
_WITH_304 = frozenset({b"etag", b"cache-control", b"vary", b"last-modified", b"link", b"x-request-id"})


class ContentTags:
    """Gives each good JSON answer to GET and HEAD a strong tag of its bytes, and answers 304 to who names it.

    A tag that an answer brings along is kept, and counts as well.
    """

    def __init__(self, behind: Application) -> None:
        self._behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._behind(scope, receive, send)
            return
        start: Any = None

        async def tagged(message: Any) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _taggable(message):
                start = message
                return
            if start is None:
                await send(message)
                return
            held, start = start, None
            if not message.get("more_body", False):
                held, message = _answer(scope["headers"], held, message)
            await send(held)
            await send(message)

        await self._behind(scope, receive, tagged)


def holds(condition: str, etag: str) -> bool:
    """Tell whether an If-None-Match (a list, `W/` forms, or `*`) names this entity tag (weak comparison, RFC 9110)."""
    if condition == etag:
        return True
    if condition.strip() == "*":
        return True
    return any(part.strip().removeprefix("W/") == etag for part in condition.split(","))


def conditions(headers: Headers) -> str:
    """Return all If-None-Match lines as the one list that they are (RFC 9110, 5.3); empty without any."""
    return ", ".join([value.decode("latin-1") for name, value in headers if name == b"if-none-match"])


def moving_tag(content: bytes) -> str:
    """Return a weak tag for an answer whose bytes move with the clock: of what it says apart from that (RFC 9110)."""
    return f'W/"{_digest(content)}"'


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _taggable(message: Any) -> bool:
    headers = message["headers"]
    kind = header(headers, b"content-type") or b""
    tagged = header(headers, b"etag") is not None
    return message["status"] == 200 and (tagged or kind.startswith(b"application/json"))


def _answer(asked: Headers, start: Any, end: Any) -> tuple[Any, Any]:
    """Return both messages with a tag, or as 304 without a body."""
    own = header(start["headers"], b"etag")
    etag = own or f'"{_digest(end.get("body", b""))}"'.encode()
    given = ((b"etag", etag), REVALIDATE, VARY)
    headers = [*start["headers"], *(one for one in given if header(start["headers"], one[0]) is None)]
    if holds(conditions(asked), etag.decode("latin-1").removeprefix("W/")):
        kept = [(name, value) for name, value in headers if name in _WITH_304]
        return {**start, "status": 304, "headers": kept}, {**end, "body": b""}
    return {**start, "headers": headers}, end
