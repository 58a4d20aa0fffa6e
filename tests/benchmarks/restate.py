"""How long a restatement of everybody takes, beside one hand-written SQL that only computes the same aggregates.

Run: python tests/benchmarks/restate.py [--accounts 100000] [--events 100] [--rounds 1] [--order time]

Starts PostgreSQL with durable settings and fills it by COPY: seeded histories of 120 days for the shipped default
model, about `--events` an account, in the order in which they would have come in (`--order time`) or by account.
Then, by turns, each at the same moment: the hand-written SQL (set-based, one pass over the records and one over the
open items, all aggregates of the model, results by COPY into an empty table), and the restatement (the lane's own
work: measured, judged, points kept with their progress). At the end every account must have a point. Prints times, the
ratio and the peak memory of the restating process. Loopback only; ends by itself.
"""

import argparse
import asyncio
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import asyncpg
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.restate_sql import AGGREGATES, TABLE

from milepost_devstack.schemas import SCHEMAS
from milepost_devstack.stores import EmbeddedPostgres
from milepost_runtime.database import open_pool
from milepost_runtime.lanes import drain
from milepost_runtime.migrations import upgrade_all
from milepost_runtime.queue import Hints
from scoring_api.documents.founding import read_founding
from scoring_api.past.restating import Restating, Wanted
from scoring_api.scores.lineup import KeptLineUps
from scoring_api.settings import SCHEMA

LIMIT_S = 7200.0
DAYS = 120
TODAY = date(2026, 5, 1)
START = datetime(2026, 1, 1, tzinfo=UTC)
# What happens at an account, and how often in a hundred.
MIX = {
    "session.started": 30, "feature.used": 45, "ticket.opened": 3, "ticket.resolved": 3, "task.created": 2,
    "task.completed": 2, "meeting.attended": 5, "meeting.missed": 1, "message.replied": 4, "survey.answered": 1,
    "invoice.issued": 1, "invoice.paid": 1, "milestone.completed": 2,
}  # fmt: skip
MILESTONES = ("kickoff", "sso", "data_import", "first_report", "team_trained", "rollout")
ROLES = ("admin", "analyst", "sponsor")
COLUMNS = (
    "account_id", "event_id", "type", "occurred_at", "recorded_at", "actor", "role", "item", "value", "due_at",
    "properties", "source",
)  # fmt: skip


async def main() -> None:
    arguments = _arguments()
    async with asyncio.timeout(LIMIT_S):
        with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
            server = EmbeddedPostgres(Path(folder) / "postgres")
            await server.start()
            try:
                await upgrade_all(server.url(), SCHEMAS)
                await _measure(arguments, server.url())
            finally:
                await server.stop()


async def _measure(arguments: argparse.Namespace, url: str) -> None:
    database = await asyncpg.connect(url)
    await _fill(database, arguments)
    found: dict[str, list[Lap]] = {"hand": [], "restated": []}
    for turn in range(arguments.rounds):
        for name in sorted(found, reverse=bool(turn % 2)):
            await database.execute("checkpoint")
            lap = await _by_hand(database) if name == "hand" else await _elsewhere(url)
            if lap.rows != arguments.accounts:
                raise SystemExit(f"{name}: {arguments.accounts} accounts, {lap.rows} rows")
            print(f"{name:9} {lap.seconds:8.1f} s   {lap.rows / lap.seconds:8.0f} accounts/s", flush=True)
            found[name].append(lap)
    pairs = zip(found["restated"], found["hand"], strict=True)
    ratio = statistics.median(one.seconds / other.seconds for one, other in pairs)
    peak = max(one.peak_mib for one in found["restated"])
    print(f"ratio restated : hand-written   {ratio:.2f}   peak memory of the restating process {peak:.0f} MiB")
    await database.close()


class Lap(NamedTuple):
    """One way once: how many accounts it wrote a row of, in how many seconds, with how much memory at most."""

    rows: int
    seconds: float
    peak_mib: float = 0.0


async def _elsewhere(url: str) -> Lap:
    """Restate in a process of its own: the memory that filling the tables took is not counted."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return await asyncio.get_running_loop().run_in_executor(process, _restated, url)


def _restated(url: str) -> Lap:
    since = time.perf_counter()
    rows = asyncio.run(_restate(url))
    # Of this program alone: what the system counts for the process includes whoever forked it.
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return Lap(rows, time.perf_counter() - since, peak / 1024)


async def _by_hand(database: asyncpg.Connection) -> Lap:
    """All aggregates of the model for everybody by one statement, and COPY of its rows into a table."""
    since = time.perf_counter()
    await database.execute(f"drop table if exists by_hand; {TABLE}")
    moment = datetime.combine(TODAY, datetime.min.time(), UTC)
    with tempfile.TemporaryFile() as rows:
        await database.copy_from_query(AGGREGATES, moment, output=rows, format="binary")
        rows.seek(0)
        await database.copy_to_table("by_hand", source=rows, format="binary")
    rows = int(await database.fetchval("select count(*) from by_hand"))
    return Lap(rows, time.perf_counter() - since)


async def _restate(url: str) -> int:
    """The lane's work on one restatement of one day, from the order to the end."""
    async with await open_pool(url, SCHEMA, process="benchmark", size=5, statement_timeout_s=600) as pool:
        restating = Restating(pool, Hints("redis://127.0.0.1:1/0"), KeptLineUps(read_founding("b2b-onboarding")))
        await pool.execute("truncate scoring.restated_point")
        day = TODAY - timedelta(days=1)
        order = await restating.order(Wanted(day, day), "benchmark")
        await drain(pool, restating.lane, seconds=LIMIT_S)
        row = await restating.one(order["id"])
        if row["state"] != "done":
            raise SystemExit(f"the restatement is {row['state']}: {row['reason']}")
        return int(await pool.fetchval("select count(*) from scoring.restated_point where score is not null"))


# -- histories ------------------------------------------------------------------------------------------


async def _fill(database: asyncpg.Connection, arguments: argparse.Namespace) -> None:
    chance = np.random.default_rng(4)
    accounts = [UUID(int=(7 << 76) | (2 << 62) | (number << 80) | number) for number in range(arguments.accounts)]
    since = time.perf_counter()
    await database.copy_records_to_table(
        "account", schema_name="scoring", columns=("account_id", "name", "start_at", "started_at", "started_told_at",
        "started_sequence", "first_seen_at", "start_settled_at", "attributes", "updated_at"),
        records=((one, f"a{place}", START, START, START, "0", START, START, '{"seats": 20}', START)
                 for place, one in enumerate(accounts)),
    )  # fmt: skip
    await database.copy_records_to_table(
        "attribute", schema_name="scoring",
        columns=("account_id", "name", "event_id", "value", "occurred_at", "recorded_at"),
        records=((one, "seats", "e", "20", START, START) for one in accounts),
    )  # fmt: skip
    await database.copy_records_to_table(
        "rescoring", schema_name="scoring", columns=("account_id",), records=((one,) for one in accounts)
    )
    await _fill_records(database, arguments, accounts, chance)
    await database.execute("vacuum analyze")
    rows = await database.fetchval("select count(*) from scoring.record")
    print(f"{len(accounts)} accounts, {rows} records, filled in {time.perf_counter() - since:.0f} s", flush=True)


async def _fill_records(
    database: asyncpg.Connection, arguments: argparse.Namespace, accounts: list[UUID], chance: np.random.Generator
) -> None:
    """COPY histories in slices: of time over all accounts, or of accounts over all time."""
    slices = DAYS if arguments.order == "time" else 100
    total, number = arguments.accounts * arguments.events, 0
    for at in range(slices):
        size = total * (at + 1) // slices - total * at // slices
        if arguments.order == "time":
            who = chance.integers(0, len(accounts), size)
            seconds = np.sort(at * 86400 + chance.integers(0, 86400, size))
        else:
            who = np.sort(chance.integers(len(accounts) * at // slices, len(accounts) * (at + 1) // slices, size))
            seconds = chance.integers(0, DAYS * 86400, size)
        kinds = chance.choice(len(MIX), size, p=np.array(list(MIX.values())) / 100)
        lines = _lines(accounts, (who, seconds, kinds), number, chance.integers(0, 1 << 30, size))
        number += size
        body = BytesIO("".join(lines).encode())
        await database.copy_to_table("record", schema_name="scoring", columns=COLUMNS, source=body)


def _lines(
    accounts: list[UUID], rows: tuple[np.ndarray, np.ndarray, np.ndarray], first: int, dice: np.ndarray
) -> Iterator[str]:
    """Rows of COPY in text form; an item's number is one of a few, so that some are closed and others stay open."""
    names = list(MIX)
    for place, (who, second, kind, die) in enumerate(zip(*(one.tolist() for one in (*rows, dice)), strict=True)):
        name, at = names[kind], (START + timedelta(seconds=second)).isoformat()
        subject, item, value, due, properties = name.partition(".")[0], "\\N", "\\N", "\\N", "{}"
        if name == "feature.used":
            item = f"feature{die % 12}"
        elif subject in ("ticket", "task", "invoice"):
            item = f"{subject}{die % 6}"
            value = str(die % 90) if name == "ticket.resolved" else "\\N"
            properties = '{"severity": "high"}' if subject == "ticket" and die % 3 == 0 else "{}"
            due = at if name == "task.created" else "\\N"
        elif subject == "milestone":
            item = MILESTONES[die % 6]
        elif name == "survey.answered":
            value = str(die % 11)
        role = ROLES[die % 3] if subject in ("session", "feature", "meeting", "message") else "\\N"
        actor = f"u{die % 25}" if role != "\\N" else "\\N"
        cells = (accounts[who], f"e{first + place}", name, at, at, actor, role, item, value, due, properties, "app")
        yield "\t".join(map(str, cells)) + "\n"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Restating everybody, beside one hand-written SQL.")
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=100, help="an account, on average")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--order", choices=("time", "account"), default="time")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
