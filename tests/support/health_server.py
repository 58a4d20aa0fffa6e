"""A small HTTP server of our own that answers for the scoring API at its border: stored health documents, and facts."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import uvicorn
from pydantic import ValidationError

from milepost_contracts.audiences import FactView, Match, Matches, Question, as_condition, facts_of
from milepost_contracts.health import HealthDocument
from milepost_core.playbooks.conditions import Fact, answer, sentence, subjects_of

PROBLEM = b"application/problem+json"


@dataclass
class HealthServer:
    """What is known of accounts; `status` other than 200 answers everybody so; `asked` keeps path and headers.

    `survivors` live on for accounts that are gone; who is in `unscored` is known, and has no document so far.
    `documents`, `attributes` and `silences` (days since, by event type) are by account, `models` (documents, all in
    charge) by id. Questions that the contract forbids are refused, and those about subjects in `refused`. Who asks
    about accounts in `trickling` gets the answer byte by byte, ten a second, for as long as they listen.
    """

    key: str = "mp_000000000000_test"
    port: int = 0
    documents: dict[UUID, HealthDocument] = field(default_factory=dict)
    attributes: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    silences: dict[UUID, dict[str, float]] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: int = 200
    body: bytes | None = None
    delay_s: float = 0.0
    survivors: dict[UUID, UUID] = field(default_factory=dict)
    unscored: set[UUID] = field(default_factory=set)
    trickling: set[UUID] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    asked_together: int = 0

    def forget(self) -> None:
        """Answer normally again, and know nobody."""
        self.documents.clear()
        self.attributes.clear()
        self.silences.clear()
        self.models.clear()
        self.asked.clear()
        self.survivors.clear()
        self.unscored.clear()
        self.trickling.clear()
        self.refused.clear()
        self.status, self.body, self.delay_s = 200, None, 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append((scope["path"], headers))
        await asyncio.sleep(self.delay_s)
        content = await _body_of(receive) if scope["method"] == "POST" else b""
        status, media, body = self._answer(scope["path"], headers, content)
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", media)]})
        about = scope["path"] + content.decode()
        if any(str(account) in about for account in self.trickling):
            await self._trickle(receive, send)
        await send({"type": "http.response.body", "body": body})

    async def _trickle(self, receive: Any, send: Any) -> None:
        gone = asyncio.create_task(self._gone(receive))
        while not gone.done():
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.sleep(0.1)

    async def _gone(self, receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    def _answer(self, path: str, headers: dict[str, str], content: bytes) -> tuple[int, bytes, bytes]:
        if headers.get("authorization") != f"Bearer {self.key}":
            return 401, PROBLEM, b"{}"
        if self.status != 200:
            return self.status, PROBLEM, b"{}"
        if self.body is not None:
            return 200, b"application/json", self.body
        if content:
            if path == "/audiences/match" and self._forbids(content):
                return 422, PROBLEM, b"{}"
            return 200, b"application/json", self._of_many(path, content)
        return self._of_models(path) if path.startswith("/models") else self._of_one(path)

    def _of_one(self, path: str) -> tuple[int, bytes, bytes]:
        document = self.documents.get(UUID(path.split("/")[2]))
        if document is None:
            kind = {"type": "https://milepost.dev/problems/account_unknown", "status": 404}
            return 404, PROBLEM, json.dumps(kind).encode()
        return 200, b"application/json", document.model_dump_json().encode()

    def _of_models(self, path: str) -> tuple[int, bytes, bytes]:
        """Answer the list of models (all in charge, version 1), or one of them as a document; none: 503."""
        listed = [{"id": name, "in_charge": 1} for name in self.models]
        if not listed:
            return 503, PROBLEM, b"{}"
        found = {"data": listed} if path == "/models" else self.models[path.split("/")[2]]
        return 200, b"application/json", json.dumps(found).encode()

    def _forbids(self, content: bytes) -> bool:
        try:
            question = Question.model_validate_json(content)
        except ValidationError:
            return True
        return bool(self.refused & {*question.subjects, *subjects_of(as_condition(question.condition))})

    def _of_many(self, path: str, content: bytes) -> bytes:
        if path == "/audiences/match":
            return self._match(Question.model_validate_json(content)).model_dump_json().encode()
        assert path == "/accounts/health:batch"
        asked = {text: self.survivors.get(UUID(text), UUID(text)) for text in json.loads(content)["ids"]}
        self.asked_together += len(asked)
        led = dict.fromkeys(asked.values())
        shown = [self.documents[one].model_dump(mode="json") for one in led if one in self.documents]
        absent = {text: one for text, one in asked.items() if one not in self.documents}
        waiting = [text for text, one in absent.items() if one in self.unscored]
        unknown = [text for text in absent if text not in waiting]
        return json.dumps({"data": shown, "unknown": unknown, "not_scored": waiting}).encode()

    def _match(self, question: Question) -> Matches:
        condition = as_condition(question.condition)
        rest = sorted(one for one in self.documents if question.after is None or one > question.after)
        asked = rest if question.accounts is None else [one for one in question.accounts if one in self.documents]
        found = [(one, self._facts(one)) for one in asked]
        holding = [(one, facts, answer(condition, facts).holds) for one, facts in found]
        kept = [row for row in holding if row[2] or question.answers == "all"]
        page = kept[: question.limit] if question.accounts is None else kept
        return Matches(
            sentence=sentence(condition),
            at=datetime.now(UTC),
            data=tuple(_told(*row, question.subjects) for row in page),
            unknown=tuple(one for one in question.accounts or () if one not in self.documents),
            after=page[-1][0] if len(page) < len(kept) else None,
        )

    def _facts(self, account: UUID) -> dict[str, Fact]:
        since = {f"days_since.{kind}": Fact(days) for kind, days in self.silences.get(account, {}).items()}
        return facts_of(self.documents[account], self.attributes.get(account)) | since


def _told(account: UUID, facts: dict[str, Fact], holds: bool | None, subjects: tuple[str, ...]) -> Match:
    nothing = Fact(None, "nothing has been said about it")
    shown = {one: facts.get(one, Fact(False) if one.startswith("gate.") else nothing) for one in subjects}
    views = {one: FactView(value=fact.value, why=fact.why) for one, fact in shown.items()}
    return Match(account=account, holds=holds, facts=views)


async def _body_of(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


class _QuietServer(uvicorn.Server):
    """Leaves the signals to the tests."""

    def capture_signals(self) -> Any:
        return contextlib.nullcontext()


@contextlib.asynccontextmanager
async def health_server() -> AsyncIterator[HealthServer]:
    """Serve on a free port of this machine until the end of the block."""
    app = HealthServer()
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off")
    server = _QuietServer(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the server offers a flag, not an event
        await asyncio.sleep(0.01)
    app.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield app
    finally:
        server.should_exit = True
        await serving
