"""Workers of the runner as processes of their own, started and killed by a test."""

import os
import subprocess
import sys
from pathlib import Path


class Workers:
    """Workers of the runner as production has them, but for the failpoints that they are given."""

    def __init__(self, told: dict[str, str], folder: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")}
        self._environ = kept | {f"MILEPOST_{name}": value for name, value in told.items()}
        self._folder = folder
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, failpoints: str = "") -> "subprocess.Popen[bytes]":
        with (self._folder / f"worker-{len(self.running)}.log").open("wb") as log:
            argv = [sys.executable, "-m", "playbook_runner.worker"]
            environ = self._environ | {"MILEPOST_FAILPOINTS": failpoints}
            self.running.append(subprocess.Popen(argv, env=environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL))
        return self.running[-1]

    def end(self) -> None:
        """Kill those that are left."""
        for worker in self.running:
            worker.kill()
            worker.wait(timeout=10)
