"""Runs a program of a service by name in a database of its own, and follows what it says; it judges nothing.

A program says one JSON object a line: `progress` (done, of all, and what), then `report`, or `refusal`.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from milepost_devstack.consoles import plain_console
from milepost_devstack.examining.scratch import scratch_database
from milepost_devstack.house import PYTHON
from milepost_devstack.refusal import Refusal
from milepost_devstack.spawning import ending_with_us

Watch = Callable[[float, float, str], None]
# The longest line that a program may say: a report of a million examples.
_LONGEST = 1 << 30
_GRACE_S = 10.0


class ProgramFailed(Refusal):
    """The program ended without a report; what it said of that is on standard error."""


@dataclass(frozen=True)
class Outcome:
    """How a program ended: its report and its exit status."""

    report: dict[str, Any]
    status: int


@contextlib.contextmanager
def bar(words: str, *, quiet: bool) -> Iterator[Watch]:
    """Show a bar on standard error; yields what to tell it: how much of how much, and what is being done."""
    shown = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=plain_console(stderr=True),
        disable=quiet or not sys.stderr.isatty(),
        transient=True,
    )
    with shown:
        task = shown.add_task(words, total=None)

        def watch(done: float, of: float, what: str) -> None:
            shown.update(task, completed=done, total=of, description=what or words)

        yield watch


async def run(module: str, arguments: Sequence[str], watch: Watch) -> Outcome:
    """Run `python -m module` in a scratch database. Raises ProgramFailed and as `scratch_database`."""
    async with scratch_database() as url:
        # The owner's settings speak of a house; none of them may reach a program that fills its database at will.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")}
        environ |= {"MILEPOST_DATABASE_URL": url, "MILEPOST_ENVIRONMENT": "test"}
        process = await asyncio.create_subprocess_exec(
            *PYTHON, module, *arguments, env=environ, stdout=asyncio.subprocess.PIPE, limit=_LONGEST,
            preexec_fn=ending_with_us(signal.SIGKILL),
        )  # fmt: skip
        try:
            report = await _follow(process, watch)
            status = await process.wait()
        finally:
            await _end(process)
    if report is None:
        raise ProgramFailed(f"{module} ended with status {status} and without a report.")
    return Outcome(report, status)


async def _follow(process: asyncio.subprocess.Process, watch: Watch) -> dict[str, Any] | None:
    """Pass on what the program says until it falls silent; returns its report. Raises ProgramFailed for a refusal."""
    report: dict[str, Any] | None = None
    async for line in _lines(process):
        if "refusal" in line:
            raise ProgramFailed(str(line["refusal"]))
        if "progress" in line:
            done, of, *what = line["progress"]
            watch(done, of, what[0] if what else "")
        report = line.get("report", report)
    return report


async def _lines(process: asyncio.subprocess.Process) -> AsyncIterator[dict[str, Any]]:
    assert process.stdout is not None
    async for raw in process.stdout:
        with contextlib.suppress(ValueError):
            line = json.loads(raw)
            if isinstance(line, dict):
                yield line


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_GRACE_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
