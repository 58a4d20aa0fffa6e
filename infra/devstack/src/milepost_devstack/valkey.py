"""Run a Valkey of our own: start it on a free port with a password, stop it in order.

Never evicts a key: the queue must refuse rather than lose.
"""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from milepost_devstack import ports, resp, spawning
from milepost_devstack.binaries import ProgramMissing, find_valkey
from milepost_devstack.initialising import StoreFailed
from milepost_devstack.state import StateFolder

PREFERRED_PORT = 56_379
_START_ATTEMPTS = 5
_READY_S = 30.0


class EmbeddedValkey:
    """A Valkey in `home`. Start it from the main thread: the server ends with the thread that started it."""

    def __init__(
        self,
        home: Path,
        *,
        fast: bool = False,
        environ: Mapping[str, str] | None = None,
        watcher: spawning.Watcher | None = None,
    ) -> None:
        self.state = StateFolder(home.absolute())
        self.fast = fast
        self.port = 0
        self.child: spawning.Child | None = None
        self._environ = environ
        self._watcher = watcher

    @property
    def url(self) -> str:
        """`redis://` URL of database 0, password included."""
        password = quote(self.state.secrets().valkey_password, safe="")
        return f"redis://:{password}@{ports.HOST}:{self.port}/0"

    async def start(self) -> None:
        """Return when the server answers PING. Raises StoreFailed."""
        self.state.open()
        try:
            program = find_valkey(self._environ)
        except ProgramMissing as error:
            raise StoreFailed(str(error)) from error
        folder = self.state.home / "valkey"
        folder.mkdir(mode=0o700, exist_ok=True)
        self.port = 0 if self.fast else PREFERRED_PORT
        for _ in range(_START_ATTEMPTS):
            self.port = ports.next_free(self.port)
            self._write_settings(folder / "valkey.conf")
            self.child = spawning.start(
                spawning.Command(
                    name="valkey",
                    argv=[str(program), "./valkey.conf"],  # relative: a path with spaces needs no quoting
                    env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
                    log=self.state.logs / "valkey.log",
                    cwd=folder,
                ),
                self._watcher,
            )
            if await self._answers(self.child):
                return
            self.port = 0 if self.fast else self.port + 1
        raise StoreFailed("Valkey found every port it tried taken.")

    async def stop(self) -> int:
        """Polite shutdown, which flushes the append-only file; returns the exit status."""
        if self.child is None:
            return 0
        status = await self.child.stop()
        self.child = None
        return status

    def _write_settings(self, path: Path) -> None:
        # In a file of mode 600: an argument would show the password to every user of the machine.
        lines = [
            f"bind {ports.HOST}",
            f"port {self.port}",
            f"requirepass {self.state.secrets().valkey_password}",
            f"appendonly {'no' if self.fast else 'yes'}",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            "daemonize no",
            "dir .",
        ]
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("\n".join(lines) + "\n")

    async def _answers(self, child: spawning.Child) -> bool:
        """True when our server answers, False when its port was taken in between. Raises StoreFailed."""
        clock = asyncio.get_running_loop().time
        until = clock() + _READY_S
        while clock() < until:
            if child.ended() is not None:
                last = child.tail()
                if any("Address already in use" in line for line in last):
                    return False
                raise StoreFailed("Valkey ended while starting:\n" + "\n".join(last))
            if await _pong(self.url):
                return True
            await asyncio.sleep(0.05)
        await child.stop()
        raise StoreFailed(f"Valkey was not ready after {_READY_S:.0f} s:\n" + "\n".join(child.tail()))


async def _pong(url: str) -> bool:
    try:
        return await resp.ask(url, ["PING"]) == ["PONG"]
    except (OSError, TimeoutError, resp.Refused):
        return False
