"""A small process that ends the children of a supervisor which died suddenly, where the kernel does not do it.

It reads `+ pid signal`, `- pid` and `bye` from its standard input, which ends when the supervisor ends. Never
started on Linux, and never acts after `bye`.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable

_PATIENCE_S = 0.7


class Warden:
    """The supervisor's end of the pipe; every child started with it ends with us."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "milepost_devstack.warden"],
            stdin=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )

    def add(self, pid: int, death_signal: int) -> None:
        """From now on `pid` ends with us."""
        self._say(f"+ {pid} {int(death_signal)}")

    def forget(self, pid: int) -> None:
        """`pid` has ended by itself; its number may belong to somebody else soon."""
        self._say(f"- {pid}")

    def close(self) -> None:
        """All children have ended in order."""
        self._say("bye")
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._process.wait(timeout=5)

    def _say(self, line: str) -> None:
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(OSError):
                self._process.stdin.write(f"{line}\n".encode())
                self._process.stdin.flush()


def watch(lines: Iterable[str]) -> dict[int, int]:
    """Read until the pipe ends; return the children that are then orphans, with the signal for each."""
    children: dict[int, int] = {}
    for line in lines:
        match line.split():
            case ["+", pid, number]:
                children[int(pid)] = int(number)
            case ["-", pid]:
                children.pop(int(pid), None)
            case ["bye"]:
                return {}
    return children


def end(children: dict[int, int]) -> None:
    """Signal each child, and kill the sessions of those that are still there a moment later."""
    for pid, number in children.items():
        with contextlib.suppress(OSError):
            os.kill(pid, number)
    time.sleep(_PATIENCE_S)
    for pid in children:
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end(watch(sys.stdin))
