"""Claims about the web process as it really runs: over a socket, behind a proxy, without a queue."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from support.lifespan import lifespan

from ingest_webhooks.app import create
from ingest_webhooks.settings import IngestSettings
from milepost_devstack.ports import next_free
from milepost_runtime.database import Pool

from .conftest import Bench, batch, change

NO_QUEUE = "redis://127.0.0.1:1/0"


@dataclass
class Running:
    port: int
    log: Path


@pytest.fixture(scope="module")
def process(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`python -m ingest_webhooks.app` with a queue that is not there."""
    port, log = next_free(18_401), tmp_path_factory.mktemp("web") / "web.log"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")} | {
        "MILEPOST_ENVIRONMENT": "test",
        "MILEPOST_DATABASE_URL": database_url,
        "MILEPOST_REDIS_URL": NO_QUEUE,
        "MILEPOST_INGEST_PORT": str(port),
        "MILEPOST_LOG_FORMAT": "json",
    }
    with log.open("wb") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", "ingest_webhooks.app"], env=environ, stdout=output, stderr=output
        )
    yield Running(port, log)
    running.terminate()
    assert running.wait(timeout=20) in (0, -15)


@pytest.fixture(scope="module")
async def over_socket(process: Running, bench: Bench) -> AsyncIterator[Bench]:
    """The bench's connection, called through that process."""
    base = f"http://127.0.0.1:{process.port}"
    async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
        for _ in range(200):
            try:
                if (await client.get("/livez")).status_code == 200:
                    break
            except httpx.TransportError:
                await asyncio.sleep(0.05)
        connection = bench.connection | {"webhook_url": f"{base}{bench.path}"}
        yield Bench(bench.app, client, bench.pool, bench.service, connection)


async def test_a_signed_batch_over_a_socket_is_stored_when_200_comes_even_without_a_queue(
    over_socket: Bench, process: Running
) -> None:
    body = batch(change("company.creation", 91, 1))
    answer = await over_socket.deliver(body, headers={"x-request-id": "over-the-wire"})
    stored = await over_socket.pool.fetchval("select count(*) from ingest.delivery where body = $1", body)

    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")
    assert stored == 1
    assert (await over_socket.deliver(body, secret="wrong")).status_code == 401


async def test_each_delivery_leaves_one_log_line_with_its_ids_and_without_its_body(
    over_socket: Bench, process: Running
) -> None:
    bodies = [
        batch(change("company.propertyChange", 92, n, propertyName="n", propertyValue="Hidden")) for n in range(30)
    ]
    await asyncio.gather(
        *(over_socket.deliver(body, headers={"x-request-id": f"line-{n}"}) for n, body in enumerate(bodies))
    )
    await over_socket.deliver(bodies[0], headers={"x-request-id": "line-again"})
    text = process.log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    kept = {line["correlation_id"]: line for line in lines if line["event"] == "delivery_kept"}

    assert {f"line-{n}" for n in range(30)} <= set(kept)
    assert (kept["line-0"]["known"], kept["line-again"]["known"]) == (False, True)
    assert {"delivery_id", "connection_id", "service", "process", "timestamp", "level"} <= set(kept["line-0"])
    assert "Hidden" not in text


async def test_a_secret_segment_is_in_no_log_line_and_no_figure(over_socket: Bench, process: Running) -> None:
    secret_path = over_socket.connection["secret_webhook_url"].partition("://")[2].partition("/")[2]
    token = secret_path.rpartition("/")[2]
    wrong = "w" * 32
    headers = {"content-type": "application/json"}
    body = batch(change("company.creation", 97, 1))
    answers = [
        await over_socket.client.post(f"/{secret_path}", content=body, headers=headers),
        await over_socket.client.post(f"{over_socket.path}/{wrong}", content=body, headers=headers),
        await over_socket.client.post(f"/{secret_path}", content=b"no json", headers=headers),
        await over_socket.client.options(f"/{secret_path}"),
        await over_socket.client.get(f"/{secret_path}"),
    ]
    said = process.log.read_text() + (await over_socket.client.get("/metrics")).text

    assert [answer.status_code for answer in answers] == [200, 404, 400, 405, 405]
    assert token not in said
    assert wrong not in said
    assert "/webhooks/{source}/{connection}/{token}" in said


async def test_two_requests_in_one_packet_are_both_answered(over_socket: Bench, process: Running) -> None:
    raw = b""
    for number in range(2):
        body = batch(change("company.creation", 93, number))
        headers = over_socket.signed(body) | {"host": f"127.0.0.1:{process.port}", "content-length": str(len(body))}
        head = f"POST {over_socket.path} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in headers.items()
        )
        raw += head.encode() + b"\r\n" + body
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    writer.write(raw)
    answers = b""
    async with asyncio.timeout(5):
        while answers.count(b"\r\n\r\n") < 2:
            answers += await reader.read(4096)
    writer.close()
    assert answers.count(b"HTTP/1.1 200") == 2


async def test_a_sender_that_hangs_up_within_the_body_leaves_nothing(over_socket: Bench, process: Running) -> None:
    body = batch(change("company.creation", 94, 1))
    headers = over_socket.signed(body) | {"host": f"127.0.0.1:{process.port}", "content-length": str(len(body))}
    head = f"POST {over_socket.path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    before = await over_socket.counts()
    _, writer = await asyncio.open_connection("127.0.0.1", process.port)
    writer.write(head.encode() + b"\r\n" + body[:-10])
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.2)

    assert await over_socket.counts() == before
    assert (await over_socket.deliver(body)).status_code == 200


async def test_a_body_in_two_packets_is_one_body(over_socket: Bench, process: Running) -> None:
    body = batch(change("company.creation", 95, 1))
    headers = over_socket.signed(body) | {"host": f"127.0.0.1:{process.port}", "content-length": str(len(body))}
    head = f"POST {over_socket.path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    for part in (head.encode() + b"\r\n", body[:20], body[20:]):
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.1)
    async with asyncio.timeout(5):
        answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200")


async def test_behind_a_proxy_the_configured_address_is_what_was_signed(
    settings: IngestSettings, bench: Bench, ingest_pool: Pool
) -> None:
    public = settings.model_copy(update={"public_url_ingest": "https://hooks.example.com/in/"})
    app = create(public)
    async with (
        lifespan(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://10.0.0.7:8001", headers=bench.client.headers
        ) as client,
    ):
        made = (await client.post("/connections", json={"source": "hubspot", "name": "p", "secret": "s" * 20})).json()
        own = Bench(app, client, ingest_pool, bench.service, made)
        body = batch(change("company.creation", 96, 1))
        answers = [(await own.deliver(body, "s" * 20)).status_code]
        own.connection = made | {"webhook_url": f"http://10.0.0.7:8001{own.path}"}
        answers.append((await own.deliver(body, "s" * 20)).status_code)

    assert made["webhook_url"] == f"https://hooks.example.com/in/webhooks/hubspot/{made['id']}"
    assert answers == [200, 401]
