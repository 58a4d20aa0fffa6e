"""Start one child process that cannot outlive us, and end it politely.

Never restarts a child and never reads what it prints, except its last lines from the log file.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from milepost_devstack.accounts import Account

LOG_LIMIT = 5_000_000
_PR_SET_PDEATHSIG = 1
_POLL_S = 0.05

# Loaded before any fork: an import in the child fails once it has changed its user id.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Watcher(Protocol):
    """Ends our children after our sudden death where the kernel does not."""

    def add(self, pid: int, death_signal: int) -> None:
        """From now on `pid` ends with us."""

    def forget(self, pid: int) -> None:
        """`pid` has ended by itself."""


@dataclass(frozen=True)
class Command:
    """What to start: `death_signal` is what the child gets when we are killed, `stop_signal` a polite end.

    `prepare` runs in the child before the program: system calls only, as after any fork beside other threads.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    cwd: Path = Path("/")
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    grace_s: float = 10.0
    prepare: Callable[[], None] | None = None


@dataclass
class Child:
    """A started command. `ended()` is the exit status, None while it runs."""

    command: Command
    process: subprocess.Popen[bytes]
    watcher: Watcher | None = None
    stopping: bool = field(default=False)

    @property
    def pid(self) -> int:
        """The process id, also the id of the child's own session."""
        return self.process.pid

    def ended(self) -> int | None:
        """Exit status (negative: the signal that ended it), or None. Reaps the process."""
        status = self.process.poll()
        if status is not None and self.watcher is not None:
            self.watcher.forget(self.pid)
            self.watcher = None
        return status

    async def wait(self, timeout_s: float) -> int | None:
        """The exit status once it ended, None after `timeout_s` seconds."""
        clock = asyncio.get_running_loop().time
        until = clock() + timeout_s
        while (status := self.ended()) is None and clock() < until:  # noqa: ASYNC110 - no event tells a process
            await asyncio.sleep(_POLL_S)
        return status

    async def stop(self) -> int:
        """End it: the polite signal, after `grace_s` SIGKILL to its whole session. Returns the exit status."""
        self.stopping = True
        self.send(self.command.stop_signal)
        status = await self.wait(self.command.grace_s)
        if status is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            status = await self.wait(5.0)
        return -signal.SIGKILL if status is None else status

    def send(self, number: signal.Signals) -> None:
        """Send a signal unless the child has ended already."""
        if self.ended() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    def tail(self, lines: int = 20) -> list[str]:
        """The last lines of its log."""
        return tail(self.command.log, lines)


def start(command: Command, watcher: Watcher | None = None) -> Child:
    """Start `command` in a session of its own, output appended to its log.

    On Linux the kernel ends the child when the *thread* that calls this ends: call it from the main thread.
    Raises OSError when the program cannot be started.
    """
    command.log.parent.mkdir(parents=True, exist_ok=True)
    _roll(command.log)
    who: dict[str, object] = {}
    if command.account is not None:
        who = {"user": command.account.uid, "group": command.account.gid, "extra_groups": []}
    with command.log.open("ab") as log, warnings.catch_warnings():
        # The hook below only makes two system calls, which is safe after a fork beside other threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        process: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]  # noqa: S603
            list(command.argv),
            env=dict(command.env),
            cwd=command.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_before_the_program(command),  # noqa: PLW1509 - see above
            **who,
        )
    if watcher is not None:
        watcher.add(process.pid, command.death_signal)
    return Child(command, process, watcher)


def _before_the_program(command: Command) -> Callable[[], None] | None:
    return ending_with_us(command.death_signal, command.prepare)


def ending_with_us(death_signal: int, prepare: Callable[[], None] | None = None) -> Callable[[], None] | None:
    """Return what a child runs before its program, so that the kernel ends it when the thread that forks it ends.

    Without such a kernel that is `prepare` alone.
    """
    if _LIBC is None:
        return prepare
    libc, parent, wish = _LIBC, os.getpid(), int(death_signal)

    def ask_kernel() -> None:
        if prepare is not None:
            prepare()
        # After every change of user id: such a change would clear the wish again.
        libc.prctl(_PR_SET_PDEATHSIG, wish)
        if os.getppid() != parent:  # we died between fork and wish
            os._exit(1)

    return ask_kernel


def tail(log: Path, lines: int = 20) -> list[str]:
    """The last `lines` lines of a log file; none when it does not exist."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 400 * lines))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return text.splitlines()[-lines:]


def _roll(log: Path) -> None:
    with contextlib.suppress(OSError):
        if log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_suffix(".1.log"))
