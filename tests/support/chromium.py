"""Drives a headless Chromium over its own protocol: media features, narrow windows, measurements, pictures."""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import websockets.asyncio.client as websocket

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--remote-debugging-port=0",
)  # fmt: skip


def executable() -> str | None:
    """Return the browser on this machine, None if there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@dataclass
class Tab:
    """One page of the browser."""

    socket: Any
    session: str
    _ids: Any = field(default_factory=lambda: itertools.count(1))
    failures: list[str] = field(default_factory=list)

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result; notes what the page complained about meanwhile."""
        number = next(self._ids)
        await self.socket.send(
            json.dumps({"id": number, "method": method, "params": parameters, "sessionId": self.session})
        )
        async with asyncio.timeout(20):
            while True:
                message = json.loads(await self.socket.recv())
                self._note(message)
                if message.get("id") == number:
                    if "error" in message:
                        raise RuntimeError(f"{method}: {message['error']['message']}")
                    result: dict[str, Any] = message["result"]
                    return result

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Log.entryAdded":
            self.failures.append(message["params"]["entry"]["text"])

    async def look(self, width: int, height: int = 900, **features: str) -> None:
        """Set the window and media features such as prefers_color_scheme="dark"."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        media = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        await self.call("Emulation.setEmulatedMedia", media="", features=media)

    async def open(self, url: str) -> None:
        """Go to an address and wait until it is drawn."""
        self.failures.clear()
        await self.call("Page.navigate", url=url)
        for _ in range(200):
            if await self.evaluate("location.href !== 'about:blank' && document.readyState === 'complete'"):
                return
            await asyncio.sleep(0.05)
        raise TimeoutError(url)

    async def evaluate(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        answer = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return answer["result"].get("value")

    async def press(self, key: str) -> None:
        """Press and release a key."""
        code = {"Tab": 9, "Enter": 13}[key]
        for kind in ("keyDown", "keyUp"):
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    async def picture(self, path: Path, top: int = 0, height: int = 0) -> None:
        """Write the page, or a part of it, as PNG."""
        size = await self.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": top, "width": size[0], "height": height or size[1] - top, "scale": 1}
        answer = await self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png", clip=clip)
        path.write_bytes(base64.b64decode(answer["data"]))


@contextlib.asynccontextmanager
async def tab(folder: Path) -> AsyncIterator[Tab]:
    """Start a browser on an empty profile in `folder`, give one tab, and end the browser."""
    binary = executable()
    assert binary is not None
    process = subprocess.Popen(  # noqa: ASYNC220 - starting does not wait
        [binary, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        address = await _address(folder / "DevToolsActivePort")
        async with websocket.connect(address, max_size=None) as socket:
            yield await _attach(socket)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def _address(file: Path) -> str:
    for _ in range(400):
        # The file is there a moment before its two lines are.
        with contextlib.suppress(FileNotFoundError, ValueError):
            port, path = file.read_text().split("\n")
            return f"ws://127.0.0.1:{port}{path}"
        await asyncio.sleep(0.05)
    raise TimeoutError("the browser did not open its port")


async def _attach(socket: Any) -> Tab:
    root = Tab(socket, "")
    targets = await _raw(socket, 1, "Target.getTargets", {})
    target = next(one["targetId"] for one in targets["targetInfos"] if one["type"] == "page")
    attached = await _raw(socket, 2, "Target.attachToTarget", {"targetId": target, "flatten": True})
    root.session = attached["sessionId"]
    root._ids = itertools.count(3)
    for domain in ("Page", "Runtime", "Log"):
        await root.call(f"{domain}.enable")
    return root


async def _raw(socket: Any, number: int, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    await socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
    while True:
        message = json.loads(await socket.recv())
        if message.get("id") == number:
            result: dict[str, Any] = message["result"]
            return result
