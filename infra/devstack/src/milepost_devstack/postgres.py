"""Run a PostgreSQL of our own: make the cluster once, start it on a free port, stop it in order.

Never used in production (a URL points elsewhere there) and never listens beyond 127.0.0.1.
"""

import asyncio
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import asyncpg

from milepost_devstack import clusters, ports, spawning
from milepost_devstack.accounts import Account, NoAccount, unprivileged
from milepost_devstack.binaries import Postgres, ProgramMissing, find_postgres, within_reach
from milepost_devstack.initialising import USER, Making, StoreFailed
from milepost_devstack.state import StateFolder

DATABASE = "milepost"
PREFERRED_PORT = 55_432
_START_ATTEMPTS = 5
_READY_S = 90.0

_STEADY = {
    "max_connections": "120",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "synchronous_commit": "on",
}
# A test cluster is thrown away: nothing needs to survive a crash of the machine.
_FAST = {
    "max_connections": "300",
    "shared_buffers": "64MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "milepost.disposable": "on",
}
_ALWAYS = {
    "listen_addresses": ports.HOST,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "max_logical_replication_workers": "0",
}


# Our child finds out within this time that somebody else has its port.
_TAKEN_KNOWN_S = 5.0


class EmbeddedPostgres:
    """A PostgreSQL in `home`; `fast` trades durability for speed and throws the data away at stop (tests).

    It listens on `port` or the next free one above it; a fast one on any.
    Start it from the main thread: the server ends with the thread that started it.
    """

    def __init__(
        self,
        home: Path,
        *,
        fast: bool = False,
        port: int = PREFERRED_PORT,
        environ: Mapping[str, str] | None = None,
        watcher: spawning.Watcher | None = None,
    ) -> None:
        self.state = StateFolder(home.absolute())
        self.fast = fast
        self.port = 0
        self._preferred = 0 if fast else port
        self.child: spawning.Child | None = None
        self.programs: Postgres | None = None
        self._environ = environ
        self._watcher = watcher
        self._base: Path | None = None

    def url(self, dbname: str = DATABASE) -> str:
        """`postgresql://` URL of a database here, password included; good for asyncpg and psql."""
        password = quote(self.state.secrets().postgres_password, safe="")
        return f"postgresql://{USER}:{password}@{ports.HOST}:{self.port}/{quote(dbname, safe='')}"

    async def start(self) -> None:
        """Return when the server answers and the database `milepost` exists. Raises StoreFailed."""
        self.state.open()
        try:
            account = unprivileged(clusters.known(self.state.home))
            self.programs = within_reach(find_postgres(self._environ), account)
            self._base = clusters.place(self.state.home, account, lasting=not self.fast)
        except (ProgramMissing, NoAccount, clusters.ClusterLost) as error:
            raise StoreFailed(str(error)) from error
        password = self.state.secrets().postgres_password
        log = self.state.logs / "postgres.log"
        await Making(self.programs, account, log, self._watcher, lasting=not self.fast).make(self._base, password)
        await clusters.wait_for_former(self._base / "data")
        await self._start_server(self.programs, account)
        await self._ensure_database()

    async def stop(self) -> int:
        """Fast shutdown (open transactions roll back); returns the exit status. A `fast` cluster is removed."""
        status = 0
        if self.child is not None:
            status = await self.child.stop()
            self.child = None
        if self.fast and self._base is not None:
            await asyncio.to_thread(clusters.remove, self.state.home, self._base)
        return status

    async def _start_server(self, programs: Postgres, account: Account | None) -> None:
        assert self._base is not None
        self.port = self._preferred
        for _ in range(_START_ATTEMPTS):
            self.port = ports.next_free(self.port)
            settings = {**_ALWAYS, **(_FAST if self.fast else _STEADY), "port": str(self.port)}
            argv = [str(programs.program("postgres")), "-D", str(self._base / "data")]
            for name, value in settings.items():
                argv += ["-c", f"{name}={value}"]
            self.child = spawning.start(
                spawning.Command(
                    name="postgres",
                    argv=argv,
                    env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
                    log=self.state.logs / "postgres.log",
                    account=account,
                    stop_signal=signal.SIGINT,
                    # Immediate: our death must not wait for a checkpoint; the log of writes makes up for it.
                    death_signal=signal.SIGQUIT,
                    grace_s=30.0,
                ),
                self._watcher,
            )
            if await self._answers(self.child):
                return
            self.port = 0 if self.fast else self.port + 1  # somebody was quicker: try the next one
        raise StoreFailed("PostgreSQL found every port it tried taken.")

    async def _answers(self, child: spawning.Child) -> bool:
        """True when our server answers, False when its port was taken in between. Raises StoreFailed."""
        clock = asyncio.get_running_loop().time
        until, why = clock() + _READY_S, f"was not ready after {_READY_S:.0f} s"
        while clock() < until:
            if child.ended() is not None:
                last = child.tail()
                if any("could not create any TCP/IP sockets" in line for line in last):
                    return False
                raise StoreFailed("PostgreSQL ended while starting:\n" + "\n".join(last))
            try:
                await (await asyncpg.connect(self.url("postgres"), timeout=10)).close()
                return True
            except asyncpg.InvalidPasswordError:
                # Somebody else's server, who was quicker (our child is about to find that out), or ours after all.
                until, why = (
                    min(until, clock() + _TAKEN_KNOWN_S),
                    "does not know the password in secrets.json: restore it",
                )
            except (OSError, asyncpg.CannotConnectNowError, TimeoutError):
                pass
            await asyncio.sleep(0.05)
        await child.stop()
        raise StoreFailed(f"PostgreSQL {why}:\n" + "\n".join(child.tail()))

    async def _ensure_database(self) -> None:
        connection = await asyncpg.connect(self.url("postgres"), timeout=10)
        try:
            if not await connection.fetchval("select 1 from pg_database where datname = $1", DATABASE):
                await connection.execute(f'create database "{DATABASE}"')
        finally:
            await connection.close()
