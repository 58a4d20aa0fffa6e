"""The process behind `milepost verify-answers`: `python -m scoring_api.verifying FILE`; it makes no database.

The database of MILEPOST_DATABASE_URL must be migrated, empty and of no further use. What it finds goes to standard
output, one JSON object a line: `progress`, then one `report`; or a `refusal`.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import asyncpg

from milepost_runtime.database import open_pool
from scoring_api.settings import SCHEMA
from scoring_api.verifying.cases import FileNotUnderstood, read_file
from scoring_api.verifying.measuring import Store
from scoring_api.verifying.running import Verdict, verify


def say(**line: Any) -> None:
    """Write one line for who started us."""
    print(json.dumps(line), flush=True)


def report_of(verdicts: list[Verdict]) -> dict[str, Any]:
    """Return the whole outcome as plain data."""
    words = [one.verdict for one in verdicts]
    counts = {word: words.count(word) for word in ("ok", "differs", "not_understood")}
    return {"cases": len(verdicts), **counts, "verdicts": [one.document() for one in verdicts]}


async def run(file: Path, database_url: str) -> dict[str, Any]:
    """Verify a file in a database; returns the report. Raises FileNotUnderstood."""
    cases = read_file(file)
    feed = await asyncpg.connect(database_url)
    pool = await open_pool(database_url, SCHEMA, process="verify-answers", size=3, statement_timeout_s=300)
    try:
        verdicts = await verify(Store(feed, pool), cases, lambda done, of: say(progress=[done, of]))
    finally:
        await pool.close()
        await feed.close()
    return report_of(verdicts)


def main() -> None:
    """Run; exit 1 on any difference and on anything not understood."""
    try:
        report = asyncio.run(run(Path(sys.argv[1]), os.environ["MILEPOST_DATABASE_URL"]))
    except FileNotUnderstood as error:
        say(refusal=str(error))
        raise SystemExit(2) from None
    say(report=report)
    raise SystemExit(0 if report["ok"] == report["cases"] else 1)


if __name__ == "__main__":
    main()
