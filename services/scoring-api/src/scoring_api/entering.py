"""Entering the pages: by a session, by a key, or freely on one's own machine in development; it never stores a key."""

import ipaddress
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from milepost_runtime.database import Pool
from milepost_runtime.keys import KeyRing, Principal
from milepost_runtime.problems import Problem
from milepost_runtime.secrets import SealBroken, Vault
from scoring_api.queries import sessions

COOKIE = "milepost_session"
SESSION_LASTS = timedelta(hours=12)
_LOOPBACK_NAMES = frozenset({"localhost", "localhost."})
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


@dataclass(frozen=True)
class Visit:
    """Who looks at a page: `session` tells whether there is one to end, `writes` whether they may say something."""

    name: str
    session: bool
    writes: bool


@dataclass(frozen=True)
class Entering:
    """The use cases of coming in and leaving."""

    pool: Pool = field(repr=False)
    keys: KeyRing = field(repr=False)
    vault: Vault = field(repr=False)
    environment: str

    async def admit(self, peer: str | None, headers: Mapping[str, str], cookie: str | None) -> Visit | None:
        """Return who may read the pages, None if nobody we know. Raises Problem for a key that may not."""
        if cookie and (visit := await self._by_session(cookie)):
            return visit
        if headers.get("authorization"):
            principal = await self.keys.authenticate(headers["authorization"])
            principal.require("read")
            return Visit(principal.name, session=False, writes=_may_write(principal.scopes))
        if self.environment == "development" and is_own_machine(peer, headers):
            return Visit("this machine", session=False, writes=True)
        return None

    async def open_session(self, key: str) -> str:
        """Return a signed session for a key that may read. Raises Problem 401 or 403."""
        principal: Principal = await self.keys.authenticate(f"Bearer {key.strip()}")
        principal.require("read")
        ends = await sessions.moment_after(self.pool, SESSION_LASTS)
        return self.vault.sign("session", json.dumps({"key": principal.id, "ends": ends.isoformat()}))

    async def _by_session(self, cookie: str) -> Visit | None:
        """A session ends at its hour, and at once when its key is revoked."""
        try:
            session = json.loads(self.vault.unsign("session", cookie))
        except SealBroken:
            return None
        row = await sessions.living_key(self.pool, session["key"], datetime.fromisoformat(session["ends"]))
        if row is None or not {"read", "admin"} & set(row["scopes"]):
            return None
        return Visit(row["name"], session=True, writes=_may_write(row["scopes"]))


def is_own_machine(peer: str | None, headers: Mapping[str, str]) -> bool:
    """Tell whether a request comes from this machine, addressed to it by a loopback name, and through no proxy.

    The name matters: a page elsewhere can make a browser call our port under a name of its own.
    """
    if any(name in headers for name in _FORWARDED):
        return False
    return _is_loopback(peer or "") and _is_loopback(_host_name(headers.get("host", "")))


def refuse_foreign_form(headers: Mapping[str, str]) -> None:
    """Raise 403 for a form that no page of our own sent.

    Browsers say on every form where it comes from, and no page can make them say otherwise: by `Sec-Fetch-Site`, or
    by `Origin` where the connection is not trusted. Who says neither is no browser, and has the API.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin", "")
    ours = site == "same-origin" if site else origin.partition("://")[2] == headers.get("host", "") != ""
    if not ours:
        raise Problem(403, "foreign_form", "This form was not sent from our own page.")


def _may_write(scopes: Collection[str]) -> bool:
    return "write" in scopes or "admin" in scopes


def safe_next(path: str) -> str:
    """Return the page to go on to: one of ours, whatever was asked for."""
    ours = path.startswith("/app/") and "\\" not in path and "//" not in path and path.isprintable()
    return path if ours and len(path) <= 500 else "/app/"


def _host_name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host


def _is_loopback(name: str) -> bool:
    if name.lower() in _LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
