"""Bring one house up, keep it together, take it down in order; never restarts a child."""

import asyncio
import contextlib
import os
import signal
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from milepost_devstack import checking, environment, known_settings, preparation, readiness, spawning
from milepost_devstack.children import Family
from milepost_devstack.house import Addresses, House, Process, Told, listening_on, preferred_ports, processes
from milepost_devstack.ports import HOST, Reservations
from milepost_devstack.postgres import EmbeddedPostgres
from milepost_devstack.spawning import Child, Command
from milepost_devstack.state import Secrets, StateFolder, write_private
from milepost_devstack.terminal import Report
from milepost_devstack.valkey import EmbeddedValkey
from milepost_devstack.warden import Warden
from milepost_devstack.welcome import welcome

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class NotReady(Exception):
    """A process is there but does not become ready."""

    def __init__(self, child: Child, seconds: float) -> None:
        super().__init__(f"{child.command.name} was not ready after {seconds:.0f} s; its last lines:")
        self.child = child


class Supervisor:
    """One run of a house in one state folder, with the settings of `environ`."""

    def __init__(self, house: House, state: StateFolder, environ: Mapping[str, str], report: Report) -> None:
        self.house = house
        self.state = state
        self.environ = environ
        self.report = report
        self.run_id = uuid.uuid4().hex
        self.family = Family()
        self._watcher: Warden | None = None
        self._postgres: EmbeddedPostgres | None = None
        self._valkey: EmbeddedValkey | None = None
        self._ports = Reservations()
        self._stop = asyncio.Event()
        self._began = time.monotonic()

    async def run(self) -> int:
        """Live until a signal (returns 0) or until something falls (returns 1).

        Raises SettingsError before anything is made, AlreadyRunning, StateRefused.
        """
        checking.require_usable(self.house, self.environ)
        for sentence in known_settings.unknown(self.environ):
            self.report.warn(sentence)
        with self.state.open().locked():
            self.state.endpoints_file.unlink(missing_ok=True)
            self._heed_signals()
            try:
                return await self._live()
            finally:
                await self._shut_down()

    async def _live(self) -> int:
        up = asyncio.create_task(self._come_up())
        fell = asyncio.create_task(self.family.first_end())
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait({up, fell, stop}, return_when=asyncio.FIRST_COMPLETED)
        for task in (up, fell, stop):
            task.cancel()
        outcomes = await asyncio.gather(up, fell, stop, return_exceptions=True)
        if isinstance(outcomes[1], Child):
            child = outcomes[1]
            self.report.fail(
                f"{child.command.name} ended by itself (status {child.ended()}); its last lines:", child.tail()
            )
            return 1
        if self._stop.is_set():
            return 0
        return self._explain(outcomes[0])

    def _explain(self, error: object) -> int:
        while isinstance(error, BaseExceptionGroup):  # of a task group; the first one tells the story
            error = error.exceptions[0]
        if isinstance(error, NotReady):
            self.report.fail(str(error), error.child.tail())
        elif isinstance(error, preparation.REASONS):
            self.report.fail(f"{type(error).__name__}: {error}" if not str(error) else str(error))
        elif isinstance(error, BaseException):
            raise error
        return 1

    async def _come_up(self) -> None:
        demo = preparation.demo_is_due(self.state, self.environ)
        secrets = self.state.secrets()
        self.report.title(f"Milepost · state folder {self.state.home}")
        if sys.platform != "linux":
            self._watcher = Warden()
        where = await self._stores(secrets)
        if self.house.schemas:
            began = time.monotonic()
            found = await preparation.prepare(self.house, where.database_url, secrets)
            self.report.line("schemas", "ready", found, time.monotonic() - began)
        await self._processes(where, secrets)
        endpoints = self._endpoints(where, secrets)
        example = await self._play_demo(endpoints) if demo else None
        # Whoever waits for this file finds everything there, the demo's scores too.
        write_private(self.state.endpoints_file, endpoints)
        self.report.ready(endpoints, welcome(endpoints, example, time.monotonic() - self._began))
        await asyncio.Event().wait()

    async def _play_demo(self, endpoints: Mapping[str, Any]) -> str | None:
        try:
            return await preparation.play_demo(self.state, endpoints, quiet=self.report.as_json)
        except preparation.DemoStopped as error:
            self.report.warn(f"{error}; 'milepost demo' goes on with it.")
            return None

    async def _stores(self, secrets: Secrets) -> Addresses:
        database_url = environment.given(self.environ, "DATABASE_URL")
        redis_url = environment.given(self.environ, "REDIS_URL")
        host = environment.given(self.environ, "HOST") or HOST
        ports = {
            name: self._ports.take(environment.port(self.environ, name, preferred), listening_on(name, host))
            for name, preferred in preferred_ports(self.house).items()
        }
        beside = [asyncio.to_thread(preparation.import_early)] if self.house.schemas else []
        if database_url is None:
            self._postgres = EmbeddedPostgres(self.state.home, environ=self.environ, watcher=self._watcher)
            beside.append(self._store(self._postgres))
        if redis_url is None:
            self._valkey = EmbeddedValkey(self.state.home, environ=self.environ, watcher=self._watcher)
            beside.append(self._store(self._valkey))
        async with asyncio.TaskGroup() as group:
            for work in beside:
                group.create_task(work)
        return Addresses(
            host=host,
            ports=ports,
            database_url=database_url or (self._postgres.url() if self._postgres else ""),
            redis_url=redis_url or (self._valkey.url if self._valkey else ""),
            run_id=self.run_id,
        )

    async def _store(self, store: EmbeddedPostgres | EmbeddedValkey) -> None:
        began = time.monotonic()
        await store.start()
        assert store.child is not None
        self.family.stores.append(store.child)
        self.report.line(store.child.command.name, "ready", f"{HOST}:{store.port}", time.monotonic() - began)

    async def _processes(self, where: Addresses, secrets: Secrets) -> None:
        told = Told(secret_key=secrets.secret_key, service_key=secrets.service_key, home=self.state.home)
        async with asyncio.TaskGroup() as group:
            # Told of once, on the terminal: the processes need not warn of such names again.
            for process in processes(self.house, where, known_settings.only_known(self.environ), told):
                child = spawning.start(self._command(process), self._watcher)
                self.family.services.append(child)
                group.create_task(self._until_ready(process, child))

    async def _until_ready(self, process: Process, child: Child) -> None:
        began = time.monotonic()
        if not await readiness.until_ready(process.ready_url, self.run_id, self.house.ready_s):
            raise NotReady(child, self.house.ready_s)
        self.report.line(process.name, "ready", process.shown, time.monotonic() - began)

    def _command(self, process: Process) -> Command:
        return Command(
            name=process.name,
            argv=process.argv,
            env=process.env,
            log=self.state.logs / f"{process.name}.log",
            cwd=Path.cwd(),
            grace_s=self.house.grace_s,
        )

    def _endpoints(self, where: Addresses, secrets: Secrets) -> dict[str, Any]:
        bases = {service.endpoint: where.base(f"{service.family}_PORT") for service in self.house.services}
        return {
            **bases,
            "mailbox": f"{where.base('MAILBOX_PORT')}/messages",
            "smtp": f"smtp://{HOST}:{where.ports['MAILBOX_SMTP_PORT']}",
            "admin_key": secrets.admin_key,
            "database_url": where.database_url,
            "redis_url": where.redis_url,
            "run_id": self.run_id,
            "pids": {"supervisor": os.getpid(), **self.family.pids()},
        }

    async def _shut_down(self) -> None:
        began = time.monotonic()
        self.state.endpoints_file.unlink(missing_ok=True)
        for child in await self.family.stop_services():
            self.report.warn(f"{child.command.name} did not end well (status {child.ended()}): {child.command.log}")
        await asyncio.gather(*(store.stop() for store in (self._valkey, self._postgres) if store is not None))
        if self._watcher is not None:
            with contextlib.suppress(Exception):
                self._watcher.close()
        self._ports.release()
        self.report.line("everything", "stopped", "", time.monotonic() - began)

    def _heed_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._asked_to_stop)

    def _asked_to_stop(self) -> None:
        if self._stop.is_set():
            self.family.hurry()
        self._stop.set()
