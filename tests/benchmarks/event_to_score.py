"""How long from "event accepted" to "score visible", through the whole house, beside the time to accept it.

Run: python tests/benchmarks/event_to_score.py [--rate 200] [--seconds 20] [--accounts 2000]

Starts a house of its own, makes accounts that have a score, then sends signed HubSpot events at a fixed rate (open
loop) and asks each account's health document until its content has changed. The ceiling beside it is the time that the
front door itself takes to answer in the same run: nothing can be visible before it is accepted.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.house import cpu
from support import house as houses
from support.house import House
from support.hubspot import PORTAL, Connection, change, drifting_company, send, signed

POLL_S = 0.01
GIVE_UP_S = 15.0
# So little CPU in three seconds is what an idle house takes.
QUIET = 0.3


async def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
        async with houses.running(Path(folder) / "state", MILEPOST_LOG_LEVEL="WARNING") as house:
            made = (await house.post("ingest_webhooks", "/connections", json={"source": "hubspot", "name": "b"})).json()
            crm = Connection(made["webhook_url"], made["secret"])
            await _settle(house, crm, arguments.accounts)
            found = await _measure(house, crm, arguments)
    _report(found, arguments)


async def _settle(house: House, crm: Connection, accounts: int) -> None:
    """Make accounts that have a score before the clock runs."""
    for number in range(1, accounts + 1):
        await send(house.client, crm, drifting_company(number, tickets=1))

    async def scored() -> bool:
        answer = await house.get("scoring_api", _path(accounts))
        return answer.status_code == 200 and answer.json()["score"] is not None

    await houses.until(scored, "the last account's score", patience_s=240)
    await _quiet(house)


async def _quiet(house: House) -> None:
    """Wait until everything that follows from making the accounts, outreach among it, is done."""
    busy = 1.0
    while busy > QUIET:
        before = _cpu(house)
        await asyncio.sleep(3)
        busy = sum(_cpu(house).values()) - sum(before.values())


async def _measure(house: House, crm: Connection, arguments: argparse.Namespace) -> "Measured":
    found = Measured()
    asking, sending = Line(_port(house.url("scoring_api"))), Line(_port(crm.webhook_url))
    key = f"Authorization: {house.client.headers['authorization']}"
    before = _cpu(house)
    started, tasks = time.perf_counter(), []
    for index in range(arguments.rate * arguments.seconds):
        due = started + index / arguments.rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        asked = f"GET {_path(index % arguments.accounts + 1)} HTTP/1.1\r\nHost: 127.0.0.1\r\n{key}\r\n"
        tasks.append(asyncio.create_task(_one(crm, (asking, sending), asked, index, arguments, found)))
    await asyncio.gather(*tasks)
    found.cpu = {name: seconds - before.get(name, 0.0) for name, seconds in _cpu(house).items()}
    asking.close()
    sending.close()
    return found


@dataclass
class Measured:
    """Seconds until each event was accepted, and from then until its document was there; CPU seconds by process."""

    accepted: list[float] = field(default_factory=list)
    visible: list[float] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)


async def _one(
    crm: Connection, lines: "tuple[Line, Line]", asked: str, index: int, arguments: argparse.Namespace, found: Measured
) -> None:
    """Open one more ticket: it is sure to move the support dimension's evidence, and with it the document."""
    asking, sending = lines
    before = (await asking.ask(f"{asked}\r\n".encode()))[1]
    body = _ticket(index, index % arguments.accounts + 1)
    headers = signed(crm, body) | {"Host": f"127.0.0.1:{sending.port}", "Content-Length": str(len(body))}
    path = crm.webhook_url.partition(f":{sending.port}")[2]
    head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    sent = time.perf_counter()
    if (status := (await sending.ask(head.encode() + b"\r\n" + body))[0]) != 200:
        raise SystemExit(f"not accepted: {status}")
    taken = time.perf_counter()
    found.accepted.append(taken - sent)
    again = f"{asked}If-None-Match: {before}\r\n\r\n".encode()
    while (await asking.ask(again))[0] != 200:
        if time.perf_counter() - taken > GIVE_UP_S:
            found.visible.append(float("inf"))
            return
        # Whoever waits long asks less often: a backlog shall not be held up by those who look at it.
        await asyncio.sleep(max(POLL_S, (time.perf_counter() - taken) / 10))
    found.visible.append(time.perf_counter() - taken)


def _ticket(index: int, company: int) -> bytes:
    now, ticket = datetime.now(UTC), 10_000_000 + index
    link = change(
        "ticket.associationChange",
        ticket,
        now,
        associationType="TICKET_TO_COMPANY",
        fromObjectId=ticket,
        toObjectId=company,
        associationRemoved=False,
    )
    return json.dumps([change("ticket.creation", ticket, now), link]).encode()


class Line:
    """Kept-alive connections to one port, as many as are needed at once; one question on each at a time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, request: bytes) -> tuple[int, str]:
        """Return status and entity tag of an answer."""
        line = self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = line
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        fields = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in head.split("\r\n"))}
        status = int(head[9:12])
        if status not in (204, 304):
            await reader.readexactly(int(fields.get("content-length", "0")))
        self._free.append(line)
        return status, fields.get("etag", "")

    def close(self) -> None:
        """Hang up."""
        for _, writer in self._free:
            writer.close()


def _port(url: str) -> int:
    found = urlsplit(url).port
    assert found is not None
    return found


def _cpu(house: House) -> dict[str, float]:
    """CPU seconds so far, by process of the house; PostgreSQL with its children."""
    return {name: cpu(pid) for name, pid in house.endpoints["pids"].items() if name != "supervisor"}


def _path(number: int) -> str:
    return f"/accounts/{quote(f'hubspot:{PORTAL}:{number}', safe='')}/health"


def _report(found: Measured, arguments: argparse.Namespace) -> None:
    lost = sum(value == float("inf") for value in found.visible)
    door, score = _quantiles(found.accepted), _quantiles(found.visible)
    print(f"{len(found.visible)} events at {arguments.rate}/s over {arguments.accounts} accounts, {lost} never visible")
    print(f"front door answers   p50 {door[0] * 1000:7.1f} ms   p99 {door[1] * 1000:7.1f} ms   (the ceiling)")
    print(f"accepted to visible  p50 {score[0] * 1000:7.1f} ms   p99 {score[1] * 1000:7.1f} ms")
    print(f"ratio of the medians {score[0] / door[0]:.1f} x the ceiling (asked every {POLL_S * 1000:.0f} ms)")
    shares = {name: seconds * 1000 / len(found.visible) for name, seconds in found.cpu.items()}
    print("cpu ms an event      " + "   ".join(f"{name} {share:.2f}" for name, share in sorted(shares.items())))


def _quantiles(values: list[float]) -> tuple[float, float]:
    return statistics.median(values), statistics.quantiles(values, n=100)[98]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time from an accepted event to a visible score.")
    parser.add_argument("--rate", type=int, default=200, help="events a second")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--accounts", type=int, default=2000)
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
