"""How long from "event accepted" to "score visible", through the whole house, beside the time to accept it.

Run: python tests/benchmarks/event_to_score.py [--rate 20] [--seconds 30] [--accounts 200]

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
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import house as houses
from support.house import House
from support.hubspot import PORTAL, Connection, change, drifting_company, send

POLL_S = 0.01
GIVE_UP_S = 15.0


async def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
        async with houses.running(Path(folder) / "state", MILEPOST_LOG_LEVEL="WARNING") as house:
            made = (await house.post("ingest_webhooks", "/connections", json={"source": "hubspot", "name": "b"})).json()
            crm = Connection(made["webhook_url"], made["secret"])
            await _settle(house, crm, arguments.accounts)
            accepted, visible = await _measure(house, crm, arguments)
    _report(accepted, visible, arguments)


async def _settle(house: House, crm: Connection, accounts: int) -> None:
    """Make accounts that have a score before the clock runs."""
    for number in range(1, accounts + 1):
        await send(house.client, crm, drifting_company(number, tickets=1))

    async def scored() -> bool:
        answer = await house.get("scoring_api", _path(accounts))
        return answer.status_code == 200 and answer.json()["score"] is not None

    await houses.until(scored, "the last account's score", patience_s=120)
    await asyncio.sleep(3)


async def _measure(house: House, crm: Connection, arguments: argparse.Namespace) -> tuple[list[float], list[float]]:
    accepted: list[float] = []
    visible: list[float] = []
    started, tasks = time.perf_counter(), []
    for index in range(arguments.rate * arguments.seconds):
        due = started + index / arguments.rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        number = index % arguments.accounts + 1
        tasks.append(asyncio.create_task(_one(house, crm, number, index, accepted, visible)))
    await asyncio.gather(*tasks)
    return accepted, visible


async def _one(
    house: House, crm: Connection, number: int, index: int, accepted: list[float], visible: list[float]
) -> None:
    """Open one more ticket: it is sure to move the support dimension's evidence, and with it the document."""
    before = (await house.get("scoring_api", _path(number))).headers["etag"]
    now, ticket = datetime.now(UTC), 10_000_000 + index
    link = change(
        "ticket.associationChange",
        ticket,
        now,
        associationType="TICKET_TO_COMPANY",
        fromObjectId=ticket,
        toObjectId=number,
        associationRemoved=False,
    )
    body = json.dumps([change("ticket.creation", ticket, now), link]).encode()
    sent = time.perf_counter()
    (await send(house.client, crm, body)).raise_for_status()
    taken = time.perf_counter()
    accepted.append(taken - sent)
    while True:
        answer = await house.get("scoring_api", _path(number), headers={"If-None-Match": before})
        if answer.status_code == 200:
            visible.append(time.perf_counter() - taken)
            return
        if time.perf_counter() - taken > GIVE_UP_S:
            visible.append(float("inf"))
            return
        await asyncio.sleep(POLL_S)


def _path(number: int) -> str:
    return f"/accounts/{quote(f'hubspot:{PORTAL}:{number}', safe='')}/health"


def _report(accepted: list[float], visible: list[float], arguments: argparse.Namespace) -> None:
    lost = sum(value == float("inf") for value in visible)
    door, score = _quantiles(accepted), _quantiles(visible)
    print(f"{len(visible)} events at {arguments.rate}/s over {arguments.accounts} accounts, {lost} never visible")
    print(f"front door answers   p50 {door[0] * 1000:7.1f} ms   p99 {door[1] * 1000:7.1f} ms   (the ceiling)")
    print(f"accepted to visible  p50 {score[0] * 1000:7.1f} ms   p99 {score[1] * 1000:7.1f} ms")
    print(f"ratio of the medians {score[0] / door[0]:.1f} x the ceiling (asked every {POLL_S * 1000:.0f} ms)")


def _quantiles(values: list[float]) -> tuple[float, float]:
    return statistics.median(values), statistics.quantiles(values, n=100)[98]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time from an accepted event to a visible score.")
    parser.add_argument("--rate", type=int, default=20, help="events a second")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--accounts", type=int, default=200)
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
