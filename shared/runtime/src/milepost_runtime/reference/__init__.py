"""`/docs`: a service's reference made from its own OpenAPI document; it holds no script and asks no other host."""

import functools
import hashlib
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Response

from milepost_runtime.reference.contract import read_contract

PATH = "/docs"
ASSETS = {"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
# An asset is asked for with its content's digest behind the question mark, so it may be kept.
ASSET_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "public, max-age=31536000, immutable"}


def add_reference(app: FastAPI, home: str = "") -> None:
    """Serve the page and its assets, open to everybody as the document itself is; `home` leads to other screens.

    The page is made at the first request and kept. The doors are plain functions: the framework runs them beside
    the event loop, which goes on serving meanwhile.
    """

    @functools.cache
    def page() -> bytes:
        # Here and not above: no process pays for the template engine until somebody reads.
        from milepost_runtime.reference.rendering import render  # noqa: PLC0415

        here = PATH.rpartition("/")[2]  # relative, so that the page also works behind a prefix
        style, icon = (f"{here}/{name}?{_digest(name)}" for name in ASSETS)
        return render(read_contract(app.openapi()), style, icon, home).encode()

    def show_reference() -> Response:
        return Response(page(), media_type="text/html; charset=utf-8", headers=PAGE_HEADERS)

    app.add_api_route(PATH, show_reference, methods=["GET", "HEAD"], include_in_schema=False)
    for name in ASSETS:
        app.add_api_route(f"{PATH}/{name}", _sending(name), methods=["GET", "HEAD"], include_in_schema=False)


def _sending(name: str) -> Any:
    def send_asset() -> Response:
        return Response(_asset(name), media_type=ASSETS[name], headers=ASSET_HEADERS)

    return send_asset


@functools.cache
def _asset(name: str) -> bytes:
    return files(__name__).joinpath("static", name).read_bytes()


def _digest(name: str) -> str:
    return hashlib.sha256(_asset(name)).hexdigest()[:16]
