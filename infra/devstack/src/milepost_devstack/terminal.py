"""What the supervisor says: one line per process; never a log line of a child unless the child has fallen."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

_PAINT = {"ok": "\x1b[32m", "warn": "\x1b[33m", "fail": "\x1b[31m", "dim": "\x1b[2m", "bold": "\x1b[1m"}
_PLAIN = "\x1b[0m"


def paints(stream: TextIO, environ: Mapping[str, str] | None = None) -> bool:
    """True when colour is welcome: a terminal, and NO_COLOR unset or empty."""
    env = os.environ if environ is None else environ
    return stream.isatty() and not env.get("NO_COLOR") and env.get("TERM") != "dumb"


class Report:
    """Status on standard error, the result on standard output; `as_json` says the result in one JSON line only."""

    def __init__(self, *, as_json: bool = False, status: TextIO | None = None, result: TextIO | None = None) -> None:
        self.as_json = as_json
        self._status = status or sys.stderr
        self._result = result or sys.stdout
        self._colour = paints(self._status)

    def title(self, text: str) -> None:
        """The first line."""
        if not self.as_json:
            self._say(self._painted("bold", text))

    def line(self, name: str, state: str, detail: str, seconds: float | None = None) -> None:
        """One process, one line."""
        if not self.as_json:
            took = "" if seconds is None else self._painted("dim", f"{seconds:6.1f} s")
            self._say(f"  {name:<24} {self._painted('ok', f'{state:<8}')} {detail:<34} {took}".rstrip())

    def warn(self, text: str) -> None:
        """Something the owner should look at."""
        self._say(f"{self._painted('warn', 'note')}  {text}")

    def fail(self, text: str, lines: Sequence[str] = ()) -> None:
        """Why it ended, with the last lines of the one that fell."""
        self._say(f"{self._painted('fail', 'stopped')}  {text}")
        for line in lines:
            self._say(f"    {line}")

    def ready(self, endpoints: Mapping[str, Any], text: str) -> None:
        """The result: where everything is."""
        print(json.dumps(endpoints) if self.as_json else text, file=self._result, flush=True)

    def _painted(self, paint: str, text: str) -> str:
        return f"{_PAINT[paint]}{text}{_PLAIN}" if self._colour else text

    def _say(self, text: str) -> None:
        print(text, file=self._status, flush=True)
