"""Claims about clients of services of the house: lines are kept, every wait and every answer has an end."""

import asyncio

import httpx
import pytest
from support.receiver import receiver

from milepost_runtime.http import MOST_BYTES, client


def answer(body: bytes, length: int | None = None) -> bytes:
    head = b"HTTP/1.1 201 made\r\nX-Id: 7\r\ncontent-length: %d\r\n\r\n"
    return head % (len(body) if length is None else length) + body


async def test_a_question_and_its_answer_come_through_whole_and_the_line_is_kept() -> None:
    async with receiver(answers=[answer(b"body")] * 3) as server:
        async with client(f"http://127.0.0.1:{server.port}/base/", headers={"X-Who": "me"}) as http:
            for _ in range(3):
                found = await http.post("in", params={"a": "1"}, json={"b": [2]}, headers={"Authorization": "Bearer k"})
        assert server.connections == 1

    assert (found.status_code, found.headers["x-id"], found.content) == (201, "7", b"body")
    asked = server.taken[-1]
    assert (asked.path, asked.body) == ("/base/in?a=1", b'{"b":[2]}')
    assert [asked.headers[name] for name in ("x-who", "authorization", "content-type", "user-agent")] == [
        "me", "Bearer k", "application/json", "milepost",
    ]  # fmt: skip
    assert asked.headers["host"] == f"127.0.0.1:{server.port}"


async def test_nobody_there_and_nobody_answering_are_told_apart() -> None:
    async with receiver(answers=["silence"]) as server, client(timeout_s=0.3) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.get(f"http://127.0.0.1:{server.port}/")
    async with client() as http:
        with pytest.raises(httpx.ConnectError, match="ConnectionRefusedError"):
            await http.get(f"http://127.0.0.1:{server.port}/")


async def test_an_answer_that_breaks_off_is_none() -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(b"half", 8))
        writer.close()

    async with await asyncio.start_server(half, "127.0.0.1", 0) as server, client(timeout_s=2) as http:
        with pytest.raises(httpx.ReadError, match="broke off"):
            await http.get(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")


async def test_no_more_of_an_answer_is_read_than_was_wanted() -> None:
    async with receiver(answers=[answer(b"x" * 1000)]) as server, client(timeout_s=2) as http:
        found = await http.get(f"http://127.0.0.1:{server.port}/", extensions={MOST_BYTES: 10})
    assert found.content == b"x" * 10
