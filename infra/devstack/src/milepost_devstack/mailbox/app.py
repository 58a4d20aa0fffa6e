"""The HTTP side of the mailbox: a JSON listing for programs and pages for people; it never alters a mail."""

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from milepost_devstack.mailbox import pages
from milepost_devstack.mailbox.letters import Letters
from milepost_devstack.mailbox.reception import ANSWERS, Reception, listen
from milepost_devstack.mailbox.settings import MailboxSettings

# Frames made by srcdoc inherit this: a mail's own styles work, its scripts and remote pictures do not.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Mailbox:
    """The routes over one folder of letters."""

    def __init__(self, settings: MailboxSettings) -> None:
        self._settings = settings
        self._letters = Letters(settings.folder)
        self._reception = Reception(self._letters, settings.mailbox_answer)

    def app(self) -> Starlette:
        """The application; its lifespan is the SMTP server's."""
        return Starlette(
            routes=[
                Route("/", self._index),
                Route("/view/{id}", self._view),
                Route("/messages", self._list, methods=["GET"]),
                Route("/messages", self._clear, methods=["DELETE"]),
                Route("/messages/{id}", self._one),
                Route("/messages/{id}/raw", self._raw),
                Route("/answer", self._set_answer, methods=["PUT"]),
                Route("/livez", self._ready),
                Route("/readyz", self._ready),
            ],
            lifespan=self._lifespan,
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        server, cut_all = await listen(self._reception, "127.0.0.1", self._settings.mailbox_smtp_port)
        try:
            yield
        finally:
            server.close()
            cut_all()

    async def _index(self, _request: Request) -> Response:
        return HTMLResponse(pages.index(self._letters.all(limit=500)), headers=_PAGE_HEADERS)

    async def _view(self, request: Request) -> Response:
        try:
            letter = self._letters.one(request.path_params["id"])
        except KeyError:
            return HTMLResponse(pages.gone(), 404, headers=_PAGE_HEADERS)
        return HTMLResponse(pages.letter(letter), headers=_PAGE_HEADERS)

    async def _list(self, _request: Request) -> Response:
        return JSONResponse([letter.document() for letter in self._letters.all()])

    async def _clear(self, _request: Request) -> Response:
        self._letters.clear()
        return Response(status_code=204)

    async def _one(self, request: Request) -> Response:
        try:
            return JSONResponse(self._letters.one(request.path_params["id"]).document())
        except KeyError:
            return _not_found()

    async def _raw(self, request: Request) -> Response:
        try:
            raw = self._letters.raw(request.path_params["id"])
        except KeyError:
            return _not_found()
        # As a download: a browser must not take a mail's content for a page of ours.
        return Response(raw, media_type="message/rfc822", headers={"Content-Disposition": "attachment"} | _PAGE_HEADERS)

    async def _set_answer(self, request: Request) -> Response:
        body = await request.body()
        answer = body[:100].decode("utf-8", "replace").strip()
        if answer not in ANSWERS:
            return _problem(422, "Unknown answer", f"Send one of: {', '.join(ANSWERS)}.")
        self._reception.answer = answer  # type: ignore[assignment]
        return Response(status_code=204)

    async def _ready(self, _request: Request) -> Response:
        return JSONResponse({"ready": True, "run_id": self._settings.run_id})


def _not_found() -> Response:
    return _problem(404, "Not found", "No mail has this id.")


def _problem(status: int, title: str, detail: str) -> Response:
    return JSONResponse(
        {"type": "about:blank", "title": title, "status": status, "detail": detail},
        status,
        media_type="application/problem+json",
    )
