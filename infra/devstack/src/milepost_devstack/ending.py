"""Take a running house down from outside, and throw a state folder away; never touches a folder that is in use."""

import os
import shutil
import signal
import time

from milepost_devstack import clusters
from milepost_devstack.state import StateFolder, StateRefused

_OURS = frozenset(
    {
        "secrets.json",
        "endpoints.json",
        "lock",
        "logs",
        "mailbox",
        "valkey",
        "postgres",
        "postgres.path",
        "demo.pending",
        "demo.json",
    }
)


def take_down(state: StateFolder, timeout_s: float) -> str:
    """Ask the supervisor to end and wait until the folder is free; returns what happened. Raises StateRefused."""
    pid = state.holder()
    if pid is None:
        return f"nothing is running for {state.home}"
    try:
        os.kill(pid, signal.SIGTERM)
    except PermissionError as error:
        raise StateRefused(f"the supervisor {pid} belongs to another user: stop it as that user.") from error
    except ProcessLookupError:
        pass
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if state.holder() is None:
            return "stopped"
        time.sleep(0.1)
    raise StateRefused(f"the supervisor {pid} has not ended after {timeout_s:.0f} s: see {state.logs}.")


def forget(state: StateFolder) -> str:
    """Delete what a house left in its state folder, its cluster included. Raises AlreadyRunning while it runs."""
    if not state.home.exists():
        return f"{state.home} does not exist"
    with state.locked():
        base = clusters.known(state.home)
        if base is not None:
            clusters.remove(state.home, base)
        # Only what we know to be ours: MILEPOST_HOME may have been set to a folder with other things in it.
        for name in _OURS:
            path = state.home / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    left = sorted(path.name for path in state.home.iterdir())
    if left:
        return f"{state.home} is reset; not ours and left there: {', '.join(left)}"
    state.home.rmdir()
    return f"{state.home} is gone"
