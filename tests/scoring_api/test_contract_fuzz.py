"""Claims that hold whatever is sent: the published contract against the running service, by chance and by its examples.

Every operation gets data that fits the contract and data that does not: no answer is an error of ours, and each has
the status, the media type, the headers and the shape that the contract tells.
"""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import pytest
from support.scored import clock, three_customers
from support.scoring_process import running as process
from support.scoring_web import add_key, running

from milepost_runtime.database import Pool

EXAMPLES = int(os.environ.get("MILEPOST_FUZZ_EXAMPLES", "4"))
LIMIT_S = 100
# What a name leads to is the caller's to know: an id by chance fits the contract and is nobody's.
UNKNOWN_IS_FINE = "positive_data_acceptance"


@pytest.mark.slow
async def test_whatever_is_sent_is_answered_as_the_contract_says(
    database_url: str, redis_url: str, scoring_pool: Pool, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    async with running(database_url, redis_url) as web:
        await three_customers(web, scoring_pool, await clock(web.owner))
    key, log = await add_key(owner, ["read", "write", "models", "admin"]), tmp_path / "web.log"
    async with process(database_url, redis_url, log) as address:
        told = await fuzzed(address, key, tmp_path)
    assert "Unhandled" not in log.read_text()
    assert told is None, told


async def fuzzed(address: str, key: str, folder: Path) -> str | None:
    """Try every operation; return what was found, None if nothing."""
    arguments = [
        f"{address}/openapi.json", "--header", f"Authorization: Bearer {key}",
        "--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--seed", "4",
        "--checks", "all", "--exclude-checks", UNKNOWN_IS_FINE, "--request-timeout", "10", "--no-color",
        "--exclude-path-regex", "^/(metrics|livez|readyz|healthz)$", "--suppress-health-check", "all",
        "--report", "junit", "--report-junit-path", str(folder / "fuzz.xml"), "--warnings", "off",
    ]  # fmt: skip
    tried = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli", "run", *arguments,
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(tried.communicate(), LIMIT_S)
    return None if tried.returncode == 0 else output.decode()
