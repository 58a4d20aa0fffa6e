"""Show the processes' logs as they grow; never reads a log from its beginning."""

import time
from pathlib import Path

from milepost_devstack.state import StateFolder, StateRefused

_EVERY_S = 0.3


def log_files(state: StateFolder, name: str) -> list[Path]:
    """The log of one process, or all. Raises StateRefused naming the processes there are."""
    files = sorted(path for path in state.logs.glob("*.log") if not path.stem.endswith(".1"))
    chosen = [path for path in files if name in ("", path.stem)]
    if not chosen:
        known = ", ".join(path.stem for path in files) or "none yet"
        raise StateRefused(f"no log of {name or 'any process'} in {state.logs}: there is {known}.")
    return chosen


def follow_logs(files: list[Path]) -> None:
    """Print every new line until Ctrl-C; a log that was rolled is followed from its new beginning."""
    at = {path: path.stat().st_size for path in files}
    try:
        while True:
            for path in files:
                at[path] = print_new(path, at[path])
            time.sleep(_EVERY_S)
    except KeyboardInterrupt:
        return


def print_new(path: Path, start: int) -> int:
    """Print the whole lines of a log behind byte `start`; returns where to go on."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(start if start <= size else 0)
            block = file.read()
            whole = block[: block.rfind(b"\n") + 1]
            for line in whole.decode("utf-8", "replace").splitlines():
                print(f"{path.stem:<24} {line}", flush=True)
            return (start if start <= size else 0) + len(whole)
    except OSError:
        return 0
