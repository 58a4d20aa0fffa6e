"""The whole house in a folder of its own, started as a user starts it and ended as a user ends it."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

START_S = 120.0


@dataclass(frozen=True)
class House:
    """A running house: its addresses, and a client that carries the administrator's key."""

    home: Path
    endpoints: Mapping[str, Any]
    process: subprocess.Popen[bytes]
    client: httpx.AsyncClient

    def url(self, service: str, path: str = "") -> str:
        """Return an address of `scoring_api`, `ingest_webhooks` or `playbook_runner`."""
        return str(self.endpoints[service]) + path

    async def get(self, service: str, path: str, **more: Any) -> httpx.Response:
        """Ask with the administrator's key."""
        return await self.client.get(self.url(service, path), **more)

    async def post(self, service: str, path: str, **more: Any) -> httpx.Response:
        """Post with the administrator's key."""
        return await self.client.post(self.url(service, path), **more)

    async def mails(self) -> list[dict[str, Any]]:
        """Return what lies in the development mailbox."""
        answer = await self.client.get(str(self.endpoints["mailbox"]))
        return list(answer.json())

    def log(self, name: str) -> str:
        """Return what a process has logged so far."""
        return (self.home / "logs" / f"{name}.log").read_text(errors="replace")


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a house in `home`, without settings of the machine's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")}
    return kept | {"MILEPOST_HOME": str(home), "MILEPOST_DEMO": "off", "NO_COLOR": "1"} | more


def start(home: Path, **more: str) -> subprocess.Popen[bytes]:
    """Run `milepost up` in the background; its terminal output goes to `house.log` beside the state folder."""
    with (home.parent / "house.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "milepost_devstack.cli", "up"],
            env=environment(home, **more),
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )


@contextlib.asynccontextmanager
async def running(home: Path, **more: str) -> AsyncIterator[House]:
    """Start a house, hand it over when it is ready, end it in order."""
    process = start(home, **more)
    try:
        endpoints = await ready(home, process)
        headers = {"Authorization": f"Bearer {endpoints['admin_key']}"}
        async with httpx.AsyncClient(headers=headers, timeout=20, trust_env=False) as client:
            yield House(home, endpoints, process, client)
    finally:
        end(process)


async def ready(home: Path, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Wait for `endpoints.json`; fail with the terminal's last lines when the house ends instead."""
    until = time.monotonic() + START_S
    path = home / "endpoints.json"
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        if path.exists():
            found: dict[str, Any] = json.loads(path.read_text())
            if found["pids"]["supervisor"] == process.pid:  # else left behind by a run that was killed
                return found
        await asyncio.sleep(0.1)
    raise AssertionError("the house did not start:\n" + (home.parent / "house.log").read_text()[-4000:])


def end(process: subprocess.Popen[bytes], *, patience_s: float = 60) -> int:
    """Press Ctrl-C, as a user would, and wait; returns the exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        return process.wait(timeout=patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(timeout=10)


async def until(check: Callable[[], Awaitable[Any]], what: str, *, patience_s: float = 30) -> Any:
    """Ask until the answer is true; fail saying what was waited for."""
    deadline = time.monotonic() + patience_s
    while True:
        found = await check()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {patience_s} s for {what}"
        await asyncio.sleep(0.05)
