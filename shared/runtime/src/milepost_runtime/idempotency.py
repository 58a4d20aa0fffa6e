"""Lets a caller repeat a POST that makes something without making it twice; it decides nothing about the thing made.

A caller names its request in the header `Idempotency-Key`. The first one is carried out and its answer is kept for a
day, sealed, as it may show a secret once; a repetition gets that answer. What is deleted meanwhile goes out of the
answers as well: a repetition is told that it is gone. Semantics as in the IETF draft "The Idempotency-Key HTTP Header
Field".

The memory commits apart from the work. So what may have been carried out and left no answer (a process that died, a
connection that broke) is never carried out again under its name: a repetition is told to look first.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import asyncpg
import structlog
from asyncpg import Record
from fastapi import Request, Response
from fastapi.routing import APIRoute

from milepost_runtime.database import STORE_TROUBLE, Connection, Pool
from milepost_runtime.problems import NOT_STORABLE, Problem
from milepost_runtime.secrets import Vault

log = structlog.get_logger()
HEADER = "idempotency-key"
KEPT_S = 86_400.0
# A process that died while it carried out a request can no longer end it.
RUNNING_S = 60.0
# Stand in place of an answer; no sealed one is so short.
GONE = b""
UNKNOWN = b"?"
# The store undoes the transaction that it refuses; not so when what broke is the connection, or the store itself.
_LOST = (asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError)
_SUBJECT = "idempotency_subject"
_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True)
class Idempotency:
    """The requests that callers have named, in the service's own schema."""

    pool: Pool
    vault: Vault

    async def carry_out(self, request: Request, caller: str, key: str, handle: _Handler) -> Response:
        """Carry out a named request, or answer as its first time was answered.

        Raises Problem 422 for a key that names another request, 409 while the first one is under way, and 409 for good
        if nobody knows what became of it. What was refused, or answered with 5xx on purpose, made nothing: it may come
        again.
        """
        named = hashlib.sha256(f"{caller}\n{key}".encode()).digest()
        told = [request.method, str(request.url), hashlib.sha256(await request.body()).hexdigest()]
        content = hashlib.sha256("\n".join(told).encode()).digest()
        known = await self._begin(named, content)
        if known is not None:
            return self._again(known, content)
        try:
            response = await handle(request)
        except BaseException as error:
            if _made_nothing(request, error):
                await self._forget(named)
            else:
                await self._doubt(named)
            raise
        if response.status_code >= 500:
            await self._forget(named)
        else:
            await self._keep(named, response, getattr(request.state, _SUBJECT, None))
        return response

    async def _begin(self, named: bytes, content: bytes) -> Record | None:
        """Note that the request is under way; return the row of the one that came before."""
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "delete from idempotency where key = $1 and created_at < clock_timestamp() - make_interval(secs => $2)",
                named,
                KEPT_S,
            )
            status = await connection.execute(
                "insert into idempotency (key, content) values ($1, $2) on conflict do nothing", named, content
            )
            if status == "INSERT 0 1":
                return None
            return await connection.fetchrow(
                "select content, answer, created_at < clock_timestamp() - make_interval(secs => $2) as overdue"
                " from idempotency where key = $1",
                named,
                RUNNING_S,
            )

    def _again(self, known: Record, content: bytes) -> Response:
        if known["content"] != content:
            raise Problem(422, "idempotency_key_reused", "This Idempotency-Key names another request already.")
        if known["answer"] == GONE:
            raise Problem(410, "gone", "This request was carried out, and what it made has been deleted since.")
        if known["answer"] == UNKNOWN or (known["answer"] is None and known["overdue"]):
            detail = "The first request of this key may have been carried out: look, before you repeat it with another."
            raise Problem(409, "idempotency_outcome_unknown", detail)
        if known["answer"] is None:
            wait = {"Retry-After": "1"}
            raise Problem(409, "idempotency_in_progress", "The first request of this key is under way.", headers=wait)
        answer = json.loads(self.vault.open(known["answer"]))
        return Response(
            answer["body"].encode("latin-1"),
            answer["status"],
            headers={"idempotent-replayed": "true"},
            media_type=answer["media"],
        )

    async def _keep(self, named: bytes, response: Response, subject: str | None) -> None:
        """Keep an answer. What was made is told even if that fails; only a repetition is not told it then."""
        answer = {
            "status": response.status_code,
            "media": response.headers.get("content-type"),
            "body": bytes(response.body).decode("latin-1"),
        }
        sealed = self.vault.seal(json.dumps(answer).encode())
        try:
            await self.pool.execute(
                "update idempotency set answer = $2, subject = $3 where key = $1", named, sealed, subject
            )
        except STORE_TROUBLE as error:
            log.warning("answer_not_kept", error=repr(error)[:200])
            await self._doubt(named)

    async def _doubt(self, named: bytes) -> None:
        """Keep that nobody knows what became of a request; should even that fail, its age says so in a minute."""
        with contextlib.suppress(*STORE_TROUBLE):
            await self.pool.execute("update idempotency set answer = $2 where key = $1", named, UNKNOWN)

    async def _forget(self, named: bytes) -> None:
        await self.pool.execute("delete from idempotency where key = $1", named)


def _made_nothing(request: Request, error: BaseException) -> bool:
    """Tell whether a request surely made nothing: a rule of ours refused it, or the store did and undid it."""
    if isinstance(error, (asyncpg.PostgresError, *NOT_STORABLE)):
        return not isinstance(error, _LOST)
    foreseen: tuple[type[Exception], ...] = request.app.state.foreseen
    return isinstance(error, foreseen)


def shows(request: Request, subject: str) -> None:
    """Say what the answer to a request shows, as `note:<id>`, so that `let_go` finds it when that is deleted."""
    setattr(request.state, _SUBJECT, subject)


async def let_go(connection: Connection, subject: str) -> None:
    """Keep no answer that shows something which is being deleted; that its requests were carried out stays known."""
    await connection.execute("update idempotency set answer = $2, subject = null where subject = $1", subject, GONE)


async def forget_old(connection: Connection) -> None:
    """Forget requests whose answers are no longer kept."""
    await connection.execute(
        "delete from idempotency where created_at < clock_timestamp() - make_interval(secs => $1)", KEPT_S
    )


class NamedRequests(APIRoute):
    """Routes that may be named by their callers; for a router: `APIRouter(route_class=NamedRequests)`.

    The application's state holds `keys` and `idempotency`. A request without the header, or of nobody that we know, is
    handled as any other.
    """

    def get_route_handler(self) -> _Handler:
        """Return the handler with the memory before it; raises ValueError for a route that reads its body itself."""
        # What is named is read as a whole, and the gate bounds only bodies that it reads.
        if "requestBody" in (self.openapi_extra or {}):
            raise ValueError(f"{self.path} reads its body itself and cannot be named")
        handle = super().get_route_handler()

        async def named(request: Request) -> Response:
            keys = request.headers.getlist(HEADER)
            if request.method != "POST" or not keys:
                return await handle(request)
            principal = await request.app.state.keys.authenticate(request.headers.get("authorization"))
            if len(keys) > 1 or not _KEY.match(keys[0]):
                raise Problem(400, "bad_idempotency_key", "Send 1 to 255 visible ASCII characters, in one header.")
            idempotency: Idempotency = request.app.state.idempotency
            return await idempotency.carry_out(request, principal.id, keys[0], handle)

        return named
