"""Somebody between us and a CRM who answers with pages of its own when told to, and lets everything else pass."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from support.serving import body_of, serving

PAGE = b"<html><h1>Please sign in</h1></html>"


@dataclass
class OnTheWay:
    """The next requests get a page of such a status each; None lets one pass.

    With `after` the page stands in place of the answer, and what was asked is done all the same.
    """

    behind: Any
    pages: list[int | None] = field(default_factory=list)
    after: bool = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        status = self.pages.pop(0) if self.pages else None
        if status is None:
            await self.behind(scope, receive, send)
            return
        await (self.behind(scope, receive, _nowhere) if self.after else body_of(receive))
        headers = [(b"content-type", b"text/html"), (b"content-length", str(len(PAGE)).encode())]
        headers += [(b"location", b"https://proxy.example/sign-in")] if 300 <= status < 400 else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE})


async def _nowhere(_message: Any) -> None:
    """Let an answer be lost."""


@contextlib.asynccontextmanager
async def on_the_way(behind: Any) -> AsyncIterator[OnTheWay]:
    """Stand in front of a CRM of the tests until the end of the block."""
    between, before = OnTheWay(behind), behind.url
    async with serving(between) as url:
        behind.url = url
        try:
            yield between
        finally:
            behind.url = before
