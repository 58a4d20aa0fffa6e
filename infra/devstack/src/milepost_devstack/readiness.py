"""Ask a process over HTTP whether it is ready, and whether it is one of ours; never retries for ever."""

import asyncio
import json
from urllib.parse import urlsplit

_LIMIT = 65_536
_EVERY_S = 0.1


async def run_id_of(url: str, timeout_s: float = 5.0) -> str | None:
    """The `run_id` that a ready process answers with; None when it is not there, not ready or not ours at all."""
    try:
        async with asyncio.timeout(timeout_s):
            status, body = await get(url)
        document = json.loads(body) if status == 200 else None
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
        return None
    return str(document.get("run_id", "")) if isinstance(document, dict) else None


async def until_ready(url: str, run_id: str, timeout_s: float) -> bool:
    """True as soon as `url` answers with `run_id`, False after `timeout_s` seconds.

    An old process of another run on the same port answers with another id and is not taken for ours.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + timeout_s
    while clock() < until:
        if await run_id_of(url) == run_id:
            return True
        await asyncio.sleep(_EVERY_S)
    return False


async def get(url: str) -> tuple[int, bytes]:
    """Status and body of a plain GET, at most 64 kB."""
    # HTTP/1.0 by hand: the supervisor stays small and starts fast without a client library.
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        writer.write(f"GET {parts.path or '/'} HTTP/1.0\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        answer = await reader.read(_LIMIT)
        while chunk := await reader.read(_LIMIT - len(answer)) if len(answer) < _LIMIT else b"":
            answer += chunk
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    return (int(words[1]) if len(words) > 1 else 0), body
