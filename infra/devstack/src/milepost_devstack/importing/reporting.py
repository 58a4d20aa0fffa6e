"""Tells people how an import gets on and how it ended; programs get the same as JSON. It decides nothing."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from milepost_devstack.consoles import plain_console
from milepost_devstack.importing.sending import Watch
from milepost_devstack.refusal import Refusal

SHOWN = 10
COUNTS = ("accepted", "duplicates", "conflicts", "unmapped", "ignored", "rejected", "blank")
_WORDS = {
    "accepted": "new events",
    "duplicates": "known before",
    "conflicts": "say something else than was told under their ids before; the first word stays",
    "unmapped": "wait until somebody says which account they belong to",
    "ignored": "of people who are forgotten",
    "rejected": "refused",
    "blank": "blank lines",
}


@contextmanager
def progress(words: str, *, quiet: bool) -> Iterator[Watch]:
    """Show a bar on standard error; yields what to tell it: how many lines, and which part is done."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[lines]:,} lines  {task.fields[rate]:,.0f}/s"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=plain_console(stderr=True),
        disable=quiet or not sys.stderr.isatty(),
        transient=True,
    )
    with bar:
        task = bar.add_task(words, total=1.0, lines=0, rate=0.0)
        begun: list[int] = []

        def watch(lines: int, part: float) -> None:
            begun.append(lines) if not begun else None
            elapsed = bar.tasks[task].elapsed or 0.0
            rate = (lines - begun[0]) / elapsed if elapsed else 0.0
            bar.update(task, completed=part, lines=lines, rate=rate)

        yield watch


def show(row: Mapping[str, Any], first: Iterable[Mapping[str, Any]], *, before: bool) -> None:
    """Print what became of the lines, and the first refused ones with their reasons."""
    out = plain_console()
    if before:
        out.print("This file was brought in before; nothing was sent again.")
    verb = "would be" if row["dry_run"] else "are"
    out.print(
        f"[bold]{row['position']:,}[/bold] lines {verb} settled as [bold]{escape(row['name'])}[/bold]", soft_wrap=True
    )
    for name in COUNTS:
        if row[name] or name == "accepted":
            out.print(f"{row[name]:>12,}  {_WORDS[name]}", soft_wrap=True)
    listed = list(first)
    for reject in listed:
        for error in reject["errors"]:
            out.print(f"  {escape(_sentence(reject, error))}", soft_wrap=True)
    more = row["rejected"] + row["conflicts"] - len(listed)
    if more > 0:
        out.print(f"  … and {more:,} more: --rejects FILE writes the first 10,000.")


def _sentence(reject: Mapping[str, Any], error: Mapping[str, str]) -> str:
    field = error["pointer"].strip("/")
    return f"{reject['place']}: {f'{field}: ' if field else ''}{error['detail']}"


def write_rejects(path: Path, rejects: Iterable[Mapping[str, Any]]) -> None:
    """Write refused lines with their reasons, one JSON object a line; raises Refusal."""
    try:
        with path.open("w", encoding="utf-8") as file:
            for reject in rejects:
                file.write(json.dumps(reject, ensure_ascii=False) + "\n")
    except OSError as error:
        raise Refusal(f"cannot write {path} ({error.strerror}).") from error
