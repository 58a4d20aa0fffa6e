"""The words of `milepost verify-answers` and `milepost evaluate` on the command line; the work is done elsewhere."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def verify_answers(
    file: Annotated[Path, typer.Argument(help="Worked examples of scores: JSON in the format score-known-answers/1.")],
    as_json: AsJson = False,
) -> None:
    """Check worked examples of scores along the real path: events, feed, records, signals, law.

    Runs in a database of its own, beside a running house or without one. Exit status 1 when a value differs by more
    than the file's tolerance, or when anything that an example says is not understood.
    """
    from milepost_devstack.examining import programs, showing  # noqa: PLC0415

    with programs.bar("verifying", quiet=as_json) as watch:
        outcome = asyncio.run(programs.run("scoring_api.verifying", [str(file.absolute())], watch))
    print(json.dumps(outcome.report)) if as_json else showing.show_verdicts(outcome.report)
    sys.stdout.flush()
    raise typer.Exit(outcome.status)
