"""API keys: who is asking and what they may; a secret is shown once and kept only as a hash."""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog
from fastapi import Request, Security
from fastapi.security import HTTPBearer

from milepost_runtime.database import Connection, Pool, Schema
from milepost_runtime.problems import Problem

log = structlog.get_logger()
SCOPES = ("ingest", "read", "write", "models", "playbooks", "admin")
REMEMBER_S = 2.0
REMEMBER_AT_MOST = 4096
_KEY = re.compile(r"mp_([0-9a-z]{12})_([A-Za-z0-9_-]{43})\Z")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="milepost"'}


@dataclass(frozen=True)
class NewKey:
    """A key as its owner sees it once, and as the stores keep it."""

    id: str
    text: str
    secret_hash: bytes


def new_key() -> NewKey:
    """Return a key `mp_<id>_<secret>` with 256 bits of randomness."""
    key_id = secrets.token_hex(6)
    secret = secrets.token_urlsafe(32)
    return NewKey(key_id, f"mp_{key_id}_{secret}", digest(secret))


def digest(secret: str) -> bytes:
    """Return the SHA-256 under which a secret is kept; 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True)
class Principal:
    """Somebody who showed a valid key."""

    id: str
    name: str
    scopes: frozenset[str]

    def require(self, scope: str) -> None:
        """Raise 403 unless the key has this scope; `admin` has all of them."""
        if scope not in self.scopes and "admin" not in self.scopes:
            raise Problem(403, "forbidden", f"This key lacks the scope '{scope}'.")


@dataclass
class KeyRing:
    """Looks keys up in the service's own schema and remembers the answer for two seconds."""

    pool: Pool
    schema: Schema
    _seen: dict[str, tuple[float, Principal]] = field(default_factory=dict)

    async def authenticate(self, header: str | None) -> Principal:
        """Return who shows this `Authorization` header; raises 401 for none, malformed, unknown, expired or revoked."""
        if not header:
            raise Problem(401, "unauthenticated", "Send an API key: Authorization: Bearer mp_…", headers=_CHALLENGE)
        known = self._seen.get(header)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        principal = await self._look_up(header)
        if len(self._seen) >= REMEMBER_AT_MOST:
            self._seen.clear()
        self._seen[header] = (time.monotonic() + REMEMBER_S, principal)
        return principal

    async def _look_up(self, header: str) -> Principal:
        kind, _, text = header.partition(" ")
        match = _KEY.match(text.strip()) if kind.lower() == "bearer" else None
        row = None
        if match is not None:
            row = await self.pool.fetchrow(
                "update api_key set last_used_at = clock_timestamp() where id = $1 and revoked_at is null"
                " and (expires_at is null or expires_at > clock_timestamp()) returning id, name, scopes, secret_hash",
                match[1],
            )
        if match is None or row is None or not hmac.compare_digest(row["secret_hash"], digest(match[2])):
            log.warning("key_refused", key_id=match[1] if match else None)
            raise Problem(401, "unauthenticated", "This API key is not valid.", headers=_CHALLENGE)
        return Principal(row["id"], row["name"], frozenset(row["scopes"]))


async def insert_key(
    connection: Connection, schema: str, key: NewKey, *, name: str, scopes: Iterable[str], days: int | None
) -> None:
    """Make a key known to one service; every service of the house gets the same row."""
    await connection.execute(
        f'insert into "{schema}".api_key (id, name, secret_hash, scopes, expires_at) values'  # noqa: S608 - a constant of ours
        " ($1, $2, $3, $4, clock_timestamp() + make_interval(days => $5::int)) on conflict (id) do nothing",
        key.id,
        name,
        key.secret_hash,
        list(scopes),
        days,
    )


_documented_bearer = Security(HTTPBearer(auto_error=False, description="An API key: `mp_<id>_<secret>`"))


@dataclass(frozen=True)
class ScopeCheck:
    """Lets a request pass whose key has this scope; known by its class to whoever asks before the framework does."""

    scope: str

    async def __call__(self, request: Request, _documented: Any = _documented_bearer) -> Principal:
        """Return who asks; raises Problem 401, 403."""
        ring: KeyRing = request.app.state.keys
        principal = await ring.authenticate(request.headers.get("authorization"))
        principal.require(self.scope)
        return principal


def require_scope(scope: str) -> Any:
    """Return the FastAPI dependency that lets a request pass with this scope and hands over the Principal."""
    # Named as a scope too, so that the published document says what a key has to be allowed.
    return Security(ScopeCheck(scope), scopes=[scope])
