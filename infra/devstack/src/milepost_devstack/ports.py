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
    """True when a server could listen on `port` of `host` now: a name, or an address of either family."""
    return _bound(port, host) is not None


def any_free(host: str = HOST) -> int:
    """Some free port of the kernel's choice. Raises NoFreePort when `host` is no address of this machine."""
    port = _bound(0, host)
    if port is None:
        raise NoFreePort(f"nobody can listen on {host}: set MILEPOST_HOST to an address of this machine.")
    return port


def _bound(port: int, host: str) -> int | None:
    """Listen for a moment and return the port, None when that cannot be done."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # As servers do it: a port in TIME_WAIT after our own last run counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
            probe.listen(1)
            found: int = probe.getsockname()[1]
            return found
    except (OSError, OverflowError):
        return None


def next_free(preferred: int, but: Iterable[int] = (), host: str = HOST) -> int:
    """`preferred`, or the next port above it that is free and not in `but`; 0 asks for any. Raises NoFreePort."""
    if preferred == 0:
        return any_free(host)
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
