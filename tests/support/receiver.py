"""A real HTTP receiver in the test's own loop that keeps what it is sent and misbehaves when told to."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

CHANNEL = "C0123456789"
CHANNEL_NAME = "#success"


@dataclass(frozen=True)
class Taken:
    """One request as it came, and when (monotonic)."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """What came in, and how to answer next.

    `answers` are used up one per request: a whole HTTP answer as bytes, a status, or `cut` (taken, connection cut),
    `silence` (taken, no answer), `drip` (a head that never ends), `flood` (a body that never ends), `garbage`. `slow_s`
    is how long every answer takes. With `slack` it answers as Slack's Web API does, and keeps the messages: they may
    be posted to a channel's name, its history is shown to who gives the id alone. `slack_errors` are answered
    instead, and with `slack_keeps` the message is posted nevertheless; a number is a status.
    """

    port: int = 0
    taken: list[Taken] = field(default_factory=list)
    answers: list[bytes | int | str] = field(default_factory=list)
    slow_s: float = 0.0
    connections: int = 0
    slack: bool = False
    messages: list[dict[str, Any]] = field(default_factory=list)
    slack_errors: list[str | int] = field(default_factory=list)
    slack_keeps: bool = False
    may_read_history: bool = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Taken(head[0].split(" ")[1], headers, body, time.monotonic())
        self.taken.append(request)
        answer = self.answers.pop(0) if self.answers else (self._as_slack(request) if self.slack else 200)
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        return await self._answer(answer, writer)

    async def _answer(self, answer: bytes | int | str, writer: asyncio.StreamWriter) -> bool:
        match answer:
            case "cut":
                writer.transport.abort()
                return False
            case "silence":
                await asyncio.sleep(30)
            case "drip":
                for _ in range(300):
                    writer.write(b"HTTP/1.1 200 OK\r\nx: " if not _ else b"y")
                    await asyncio.sleep(0.1)
            case "flood":
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
                for _ in range(200):
                    writer.write(b"0" * 10_000)
                    await writer.drain()
            case "garbage":
                writer.write(b"220 this is no HTTP\r\n\r\n")
            case int():
                writer.write(f"HTTP/1.1 {answer} so\r\ncontent-length: 0\r\n\r\n".encode())
            case _:
                writer.write(answer if isinstance(answer, bytes) else answer.encode())
        await writer.drain()
        return answer not in ("flood", "garbage")

    def _as_slack(self, request: Taken) -> bytes | int:
        posts = request.path.endswith("/chat.postMessage")
        error = self.slack_errors.pop(0) if self.slack_errors else None
        answer = self._posted(request) if posts and (error is None or self.slack_keeps) else b""
        if error is not None:
            return error if isinstance(error, int) else as_json({"ok": False, "error": error})
        return answer if posts else self._history(request)

    def _posted(self, request: Taken) -> bytes:
        said = request.json
        if said["channel"] not in (CHANNEL, CHANNEL_NAME, CHANNEL_NAME.removeprefix("#")):
            return as_json({"ok": False, "error": "channel_not_found"})
        message = {"ts": f"{time.time():.6f}", "text": said["text"], "metadata": said["metadata"]}
        self.messages.append(message)
        return as_json({"ok": True, "channel": CHANNEL, "ts": message["ts"], "message": message})

    def _history(self, request: Taken) -> bytes:
        if not self.may_read_history:
            return as_json({"ok": False, "error": "missing_scope", "needed": "channels:history"})
        asked = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if asked["channel"] != CHANNEL:
            return as_json({"ok": False, "error": "channel_not_found"})
        found = [message for message in self.messages if float(message["ts"]) >= float(asked["oldest"])]
        return as_json({"ok": True, "messages": found, "has_more": False, "response_metadata": {"next_cursor": ""}})


def as_json(content: Any, status: int = 200) -> bytes:
    """Return a whole answer with a JSON body."""
    body = json.dumps(content).encode()
    head = f"HTTP/1.1 {status} so\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@contextlib.asynccontextmanager
async def receiver(**told: Any) -> AsyncIterator[Receiver]:
    """Serve on a free port of this machine until the end of the block."""
    server = Receiver(**told)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(server.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=1024)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
