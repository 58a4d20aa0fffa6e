"""Claims about lines outside: what was not written is told from what was; answers are bounded; nothing is followed."""

import asyncio
import contextlib
import resource
import time
from collections.abc import AsyncIterator

import pytest
from support.receiver import Receiver, receiver

from milepost_runtime.guard import Inside, Target, UrlRefused, inside
from milepost_runtime.lines import BODY_BYTES, HEAD_BYTES, AnswerLost, Lines, NotConnected, NotWritten, post

ALLOWED = inside("127.0.0.0/8, ::1/128")
OK = b"HTTP/1.1 200 ok\r\ncontent-length: 2\r\n\r\nok"


@pytest.fixture(params=["plain", "quick"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both loops on which a process may run: their transports are of different classes."""
    return "asyncio", {"use_uvloop": request.param == "quick"}


def at(server: Receiver) -> Target:
    return Target("http", "127.0.0.1", server.port, "/hook?x=1")


async def test_an_answer_comes_back_with_status_headers_and_body() -> None:
    async with receiver(answers=[b"HTTP/1.1 201 made\r\nX-Id: 7\r\ncontent-length: 4\r\n\r\nbody"]) as server:
        lines, target = Lines(ALLOWED), at(server)
        line = await lines.open(target)
        answer = await line.ask(post(target, {"A": "b"}, b"text"), 2)

        assert (answer.status, answer.headers["x-id"], answer.body, answer.whole) == (201, "7", b"body", True)
        assert (server.taken[0].path, server.taken[0].body) == ("/hook?x=1", b"text")
        assert server.taken[0].headers["host"] == f"127.0.0.1:{server.port}"


async def test_a_line_is_used_again_while_it_is_fresh_and_alive() -> None:
    async with receiver() as server:
        lines, target = Lines(ALLOWED), at(server)
        for _ in range(5):
            line = await lines.open(target)
            await line.ask(post(target, {}, b""), 2)
            lines.give_back(target, line)
        assert server.connections == 1

        line.close()
        await asyncio.sleep(0.01)
        assert await lines.open(target) is not line
        with pytest.raises(NotWritten):
            await line.ask(post(target, {}, b""), 2)
        assert len(server.taken) == 5


async def test_a_name_is_reached_by_whichever_of_its_addresses_answers() -> None:
    async def two(_target: Target, _allowed: Inside) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    async with receiver(answers=[OK]) as server:
        target = Target("http", "two.example.com", server.port, "/")
        answer = await (await Lines(ALLOWED, two).open(target)).ask(post(target, {}, b""), 2)
    assert answer.status == 200
    with pytest.raises(NotConnected, match="ConnectionRefusedError"):
        await Lines(ALLOWED, two).open(target)


@pytest.mark.parametrize("answer", ["cut", "silence", "drip", "garbage"])
async def test_without_a_status_nobody_knows(answer: str) -> None:
    async with receiver(answers=[answer]) as server:
        line = await Lines(ALLOWED).open(at(server))
        with pytest.raises(AnswerLost):
            await line.ask(post(at(server), {}, b"x"), 0.5)
        assert not line.usable


async def test_a_line_on_which_nobody_waits_any_more_is_never_used_again() -> None:
    async with receiver(answers=["silence"]) as server:
        lines, target = Lines(ALLOWED), at(server)
        line = await lines.open(target)
        asking = asyncio.create_task(line.ask(post(target, {}, b"first"), 5))
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

        lines.give_back(target, line)
        assert not line.usable
        assert await lines.open(target) is not line


async def test_an_endless_body_is_read_to_its_limit_and_the_status_counts() -> None:
    async with receiver(answers=["flood"]) as server:
        line = await Lines(ALLOWED).open(at(server))
        answer = await line.ask(post(at(server), {}, b"x"), 5)
        assert (answer.status, len(answer.body), answer.whole, line.usable) == (200, BODY_BYTES, False, False)


async def test_a_body_without_a_length_ends_with_its_line() -> None:
    async with receiver(answers=[b"HTTP/1.1 200 so\r\n\r\nall of it"]) as server:
        server.answers.append("cut")
        line = await Lines(ALLOWED).open(at(server))
        asking = asyncio.create_task(line.ask(post(at(server), {}, b"x"), 0.5))
        answer = await asking
        assert (answer.status, answer.body) == (200, b"all of it")


@contextlib.asynccontextmanager
async def endless(start: bytes, again: bytes) -> AsyncIterator[tuple[Target, list[int]]]:
    """Answer with `start` and then with `again` until the line is gone; tell how many bytes went out."""
    sent = [0]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(start)
            while not writer.is_closing():
                writer.write(again)
                sent[0] += len(again)
                await writer.drain()
                await asyncio.sleep(0 if again else 0.01)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Target("http", "127.0.0.1", server.sockets[0].getsockname()[1], "/"), sent


CHUNKED = b"HTTP/1.1 200 ok\r\ntransfer-encoding: chunked\r\n\r\n"
BEHIND = {
    "trailers": (CHUNKED + b"2\r\nok\r\n0\r\n", b"".join(b"x%d: %s\r\n" % (one, b"v" * 1000) for one in range(60))),
    "a trailer": (CHUNKED + b"2\r\nok\r\n0\r\nx: ", b"v" * 65536),
    "a frame": (CHUNKED + b"2\r\nok\r\n1;", b"v" * 65536),
    "frames": (CHUNKED + b"2\r\nok\r\n", b"1;" + b"v" * 20_000 + b"\r\n!\r\n"),
}


@pytest.mark.parametrize("kind", list(BEHIND))
async def test_what_never_ends_behind_a_body_ends_the_line_and_is_kept_nowhere(kind: str) -> None:
    async with endless(*BEHIND[kind]) as (target, sent):
        line = await Lines(ALLOWED).open(target)
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
        answer = await line.ask(post(target, {}, b"x"), 10)

        assert (answer.status, answer.whole, line.usable) == (200, False, False)
        assert answer.body.rstrip(b"!") == b"ok"
        assert answer.headers == {"transfer-encoding": "chunked"}
        # What was under way in the buffers of the machine is sent, but neither read nor waited for.
        assert time.monotonic() - began < 5
        assert sent[0] < 32 * 1024 * 1024
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


@pytest.mark.parametrize(
    "again",
    [b"HTTP/1.1 103 early\r\nlink: x\r\n\r\n" * 100, b"HTTP/1.1 200 ok\r\nx: " + b"v" * 65536, b"HTTP/1.1 200 ok\r\n"],
)
async def test_a_head_that_never_ends_is_no_answer(again: bytes) -> None:
    async with endless(b"HTTP/1.1 103 early\r\n\r\n", again) as (target, _):
        line = await Lines(ALLOWED).open(target)
        with pytest.raises(AnswerLost):
            await line.ask(post(target, {}, b"x"), 10)
        assert not line.usable


@pytest.mark.parametrize(("more", "read"), [(0, True), (1, False)])
async def test_a_head_is_read_to_its_limit_in_however_few_pieces_it_comes(more: int, read: bool) -> None:
    start, end = b"HTTP/1.1 103 early\r\n\r\nHTTP/1.1 200 ok\r\nx: ", b"\r\ncontent-length: 2\r\n\r\n"
    head = start + b"v" * (HEAD_BYTES - len(start) - len(end) + more) + end
    async with receiver(answers=[head + b"ok"]) as server:
        asking = (await Lines(ALLOWED).open(at(server))).ask(post(at(server), {}, b"x"), 5)
        if read:
            assert (await asking).body == b"ok"
        else:
            with pytest.raises(AnswerLost):
                await asking


async def test_trailers_are_passed_over_and_the_line_is_used_again() -> None:
    told = CHUNKED + b"2\r\nok\r\n0\r\nRetry-After: 9\r\nX-Sum: 7\r\n\r\n"
    async with receiver(answers=[told, OK]) as server:
        line = await Lines(ALLOWED).open(at(server))
        answer = await line.ask(post(at(server), {}, b"x"), 5)
        assert (answer.body, answer.whole, answer.headers) == (b"ok", True, {"transfer-encoding": "chunked"})
        assert (await line.ask(post(at(server), {}, b"x"), 5)).whole
        assert server.connections == 1


async def test_a_body_may_come_in_the_smallest_chunks() -> None:
    async with receiver(answers=[CHUNKED + b"1\r\nx\r\n" * (BODY_BYTES - 1) + b"0\r\n\r\n"]) as server:
        answer = await (await Lines(ALLOWED).open(at(server))).ask(post(at(server), {}, b"x"), 5)
        assert (len(answer.body), answer.whole) == (BODY_BYTES - 1, True)


async def test_a_body_that_was_not_waited_for_is_not_whole() -> None:
    async with endless(b"HTTP/1.1 200 so\r\n\r\nthe beginning", b"") as (target, _):
        answer = await (await Lines(ALLOWED).open(target)).ask(post(target, {}, b"x"), 0.2)
        assert (answer.body, answer.whole) == (b"the beginning", False)


@pytest.mark.parametrize("pause_s", [0.0, 0.05])
@pytest.mark.parametrize("behind", [b"HTTP/1.1 500 no\r\ncontent-length: 3\r\n\r\nbad", b"no answer at all"])
async def test_what_follows_an_answer_is_not_read_and_its_line_not_used_again(behind: bytes, pause_s: float) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK if pause_s else OK + behind)
        await asyncio.sleep(pause_s)
        writer.write(behind)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        target = Target("http", "127.0.0.1", server.sockets[0].getsockname()[1], "/")
        line = await Lines(ALLOWED).open(target)
        answer = await line.ask(post(target, {}, b""), 5)
        assert (answer.status, answer.body, answer.whole) == (200, b"ok", True)
        await asyncio.sleep(2 * pause_s)
        assert not line.usable


async def test_what_only_announces_an_answer_is_none() -> None:
    told = b"HTTP/1.1 103 early\r\nlink: x\r\n\r\nHTTP/1.1 204 done\r\n\r\n"
    async with receiver(answers=[told]) as server:
        line = await Lines(ALLOWED).open(at(server))
        assert (await line.ask(post(at(server), {}, b"x"), 1)).status == 204


async def test_nobody_at_home_is_told_before_anything_is_at_stake() -> None:
    with pytest.raises(NotConnected):
        await Lines(ALLOWED).open(Target("http", "127.0.0.1", 9, "/"))


async def test_a_receiver_without_a_good_certificate_gets_nothing() -> None:
    async with receiver() as server:
        with pytest.raises(NotConnected):
            await Lines(ALLOWED).open(Target("https", "127.0.0.1", server.port, "/"))
        assert server.taken == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_name_that_leads_inside_is_refused_when_it_is_called(host: str) -> None:
    async with receiver() as server:
        with pytest.raises(UrlRefused):
            await Lines(Inside()).open(Target("https", host, server.port, "/"))
        assert server.connections == 0


async def test_a_wish_to_be_left_alone_is_read_in_both_forms() -> None:
    async with receiver() as server:
        server.answers = [b"HTTP/1.1 429 so\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n"]
        line = await Lines(ALLOWED).open(at(server))
        assert (await line.ask(post(at(server), {}, b""), 1)).retry_after_s(time.time()) == 120.0
        server.answers = [
            b"HTTP/1.1 503 so\r\nretry-after: Fri, 31 Dec 2100 23:59:59 GMT\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 503 so\r\nretry-after: soon\r\ncontent-length: 0\r\n\r\n",
        ]
        assert (await line.ask(post(at(server), {}, b""), 1)).retry_after_s(4_133_980_799 - 60) == 60.0
        assert (await line.ask(post(at(server), {}, b""), 1)).retry_after_s(time.time()) is None


def test_a_header_cannot_bring_another_with_it() -> None:
    with pytest.raises(ValueError, match="line end"):
        post(Target("https", "a.example.com", 443, "/"), {"X-Request-Id": "a\r\nEvil: b"}, b"")
