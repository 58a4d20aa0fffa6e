"""Ask a Redis or Valkey a few questions over its own protocol; never part of a service, never keeps a connection."""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

Answer: TypeAlias = "str | int | list[Answer] | None"


class Refused(Exception):
    """The server answered with an error."""


async def ask(url: str, *commands: Sequence[str], timeout_s: float = 5.0) -> list[Answer]:
    """The answers to `commands`, in order, after logging in as `redis://user:password@host:port/db` says.

    Raises OSError or TimeoutError when nobody answers, Refused with the server's words.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise Refused("expected redis://:password@host:port/0 or rediss://…")
    login = [unquote(word) for word in (parts.username, parts.password) if word]
    opening = [["AUTH", *login]] if login else []
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port or 6379, ssl=ssl.create_default_context() if parts.scheme == "rediss" else None
        )
        try:
            for command in [*opening, *commands]:
                writer.write(_encode(command))
            await writer.drain()
            answers = [await _decode(reader) for _ in [*opening, *commands]]
        except (asyncio.IncompleteReadError, ValueError) as error:
            raise Refused("this is not a Redis or Valkey") from error
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    return answers[len(opening) :]


def _encode(command: Sequence[str]) -> bytes:
    words = [word.encode() for word in command]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


async def _decode(reader: asyncio.StreamReader) -> Answer:
    line = (await reader.readuntil(b"\r\n"))[:-2]
    kind, rest = line[:1], line[1:].decode("utf-8", "replace")
    match kind:
        case b"+":
            return rest
        case b"-":
            raise Refused(rest)
        case b":":
            return int(rest)
        case b"$":
            return None if rest == "-1" else (await reader.readexactly(int(rest) + 2))[:-2].decode("utf-8", "replace")
        case b"*":
            return [await _decode(reader) for _ in range(int(rest))]
    raise ValueError(f"unknown answer {line[:20]!r}")
