"""Decide where a cluster's files live, so that the account that runs PostgreSQL can reach them.

Never deletes a cluster except in `remove`, and never changes the mode of a folder it did not make.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from milepost_devstack.accounts import Account

_POINTER = "postgres.path"
_BELONGS_TO = "state-folder"
_PREFIX = "milepost-cluster-"
_NOTE = "data/postmaster.pid"
_FORMER_S = 20.0


class ClusterLost(Exception):
    """The place of the cluster is gone or cannot be made; the message names the remedy."""


def known(home: Path) -> Path | None:
    """Where this state folder's cluster lies already, None when there is none yet."""
    pointer = home / _POINTER
    if pointer.exists():
        return Path(pointer.read_text().strip())
    inside = home / "postgres"
    return inside if inside.exists() else None


def place(home: Path, account: Account | None, *, lasting: bool) -> Path:
    """The folder for the cluster, made when needed and owned by `account`.

    It lies in `home`; when `account` cannot pass there (a check-out below a closed folder), it lies in
    /var/lib/milepost or /var/tmp and `home` keeps a pointer to it. Raises ClusterLost.
    """
    found = known(home)
    if found is not None and not found.exists():
        raise ClusterLost(f"the database of {home} was in {found}, which is gone: restore it, or 'milepost reset'.")
    if found is not None and (account is None or account.reaches(found)):
        return found
    if found is not None:
        raise ClusterLost(
            f"user id {account.uid if account else 0} can no longer enter {found}: open its folders for it (chmod o+x)."
        )
    inside = home / "postgres"
    inside.mkdir(mode=0o700)
    if account is None:
        return inside
    os.chown(inside, account.uid, account.gid)
    if account.reaches(inside):
        return inside
    inside.rmdir()
    outside = _outside(home, account, lasting)
    (home / _POINTER).write_text(f"{outside}\n")
    return outside


def _outside(home: Path, account: Account, lasting: bool) -> Path:
    passing = Path(tempfile.gettempdir()).resolve()
    parents = ["/var/lib/milepost", "/var/tmp"]  # noqa: S108
    if not lasting or home.resolve().is_relative_to(passing):
        parents = [str(passing), "/var/tmp"]  # noqa: S108
        _sweep(passing)
    for parent in parents:
        with contextlib.suppress(OSError):
            if parent == "/var/lib/milepost":
                Path(parent).mkdir(mode=0o755, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            os.chown(folder, account.uid, account.gid)
            if account.reaches(folder):
                (folder / _BELONGS_TO).write_text(f"{home}\n")
                return folder
            folder.rmdir()
    raise ClusterLost(
        f"user id {account.uid} can enter none of {', '.join(parents)}: set MILEPOST_HOME to a folder that others "
        "may enter, run as an ordinary user, or set MILEPOST_DATABASE_URL."
    )


def _sweep(passing: Path) -> None:
    """Delete clusters in the folder for passing things whose state folder there is gone; never one elsewhere."""
    for folder in passing.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, ValueError):
            home = Path((folder / _BELONGS_TO).read_text().strip())
            if home.resolve().is_relative_to(passing) and not home.exists() and not (folder / _NOTE).exists():
                shutil.rmtree(folder, ignore_errors=True)


def remove(home: Path, base: Path) -> None:
    """Delete the cluster and the pointer to it. The server must have stopped."""
    shutil.rmtree(base, ignore_errors=True)
    (home / _POINTER).unlink(missing_ok=True)


async def wait_for_former(data: Path) -> None:
    """Wait until a server left over on `data` is gone, and clear its note when a stranger has its process id.

    After a sudden death of our supervisor the old server may still be ending. Raises ClusterLost after 20 s.
    """
    note = data / "postmaster.pid"
    clock = asyncio.get_running_loop().time
    until = clock() + _FORMER_S
    while clock() < until:
        try:
            pid = int(note.read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return
        if not _serves(pid, data):
            # In a container a restart hands out the same small ids again; PostgreSQL would refuse to start.
            note.unlink(missing_ok=True)
            return
        await asyncio.sleep(0.1)
    raise ClusterLost(f"process {pid} still serves {data}: end it (kill -INT {pid}) and start again.")


def _serves(pid: int, data: Path) -> bool:
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        raw = subprocess.run(  # noqa: S603
            ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False, timeout=10
        ).stdout
    except OSError:
        return True
    return os.fsencode(str(data)) in raw
