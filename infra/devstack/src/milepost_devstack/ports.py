"""Pick TCP ports that nobody listens on, and agree with other houses of this user on who takes which.

Never listens on a port: against strangers, who starts a server on it may still lose a race.
"""

import contextlib
import fcntl
import os
import socket
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

HOST = "127.0.0.1"
_LAST_PORT = 65_535


class NoFreePort(Exception):
    """Every port from the preferred one upwards is taken."""


def is_free(port: int, host: str = HOST) -> bool:
    """True when a server could listen on `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do it: a port in TIME_WAIT after our own last run counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except (OSError, OverflowError):
            return False
    return True


def any_free() -> int:
    """Some free port of the kernel's choice."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def next_free(preferred: int, but: Iterable[int] = (), host: str = HOST) -> int:
    """`preferred`, or the next port above it that is free and not in `but`; 0 asks for any. Raises NoFreePort."""
    if preferred == 0:
        return any_free()
    excluded = frozenset(but)
    for port in range(preferred, min(preferred + 500, _LAST_PORT + 1)):
        if port not in excluded and is_free(port, host):
            return port
    raise NoFreePort(f"no free port from {preferred} upwards on {host}.")


class Reservations:
    """Ports promised to children that have not started to listen yet; released when we end, however we end."""

    def __init__(self) -> None:
        self._held: list[IO[str]] = []
        self._folder = Path(tempfile.gettempdir(), f"milepost-ports-{os.geteuid()}")

    def take(self, preferred: int, host: str = HOST) -> int:
        """As `next_free`, and no other house of this user gets the same one. Raises NoFreePort."""
        refused: list[int] = []
        while True:
            port = next_free(preferred, refused, host)
            if self._promise(port):
                return port
            refused.append(port)

    def release(self) -> None:
        """Let all go."""
        while self._held:
            self._held.pop().close()

    def _promise(self, port: int) -> bool:
        # Two houses that start at the same moment both find a port free; a lock file decides.
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, exist_ok=True)
        if not self._folder.is_dir() or self._folder.stat().st_uid != os.geteuid():
            return True
        file = (self._folder / str(port)).open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._held.append(file)
        return True
