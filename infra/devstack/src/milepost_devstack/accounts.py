"""Choose the unprivileged account PostgreSQL runs under when we are root, and learn what it can reach.

Never creates an account and never opens a folder that somebody closed.
"""

import ctypes
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_CANDIDATES = ("postgres", "nobody")
_CLONE_NEWUSER = 0x10000000
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class NoAccount(Exception):
    """Root has no unprivileged account to lend to PostgreSQL."""


@dataclass(frozen=True)
class Account:
    """A numeric user and group that a child process takes on."""

    uid: int
    gid: int

    def reaches(self, folder: Path) -> bool:
        """True when a process of this account can enter `folder`; asked of the kernel, not of mode bits."""
        return self._runs(["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)])

    def executes(self, program: Path) -> bool:
        """True when a process of this account can start `program` with its libraries."""
        return self._runs([str(program), "--version"])

    def _runs(self, argv: list[str]) -> bool:
        try:
            done = subprocess.run(  # noqa: S603 - fixed programs, a path as argument
                argv,
                cwd="/",
                user=self.uid,
                group=self.gid,
                extra_groups=[],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=30,
                check=False,
            )
        except OSError:
            return False
        return done.returncode == 0


def unprivileged(owned: Path | None = None) -> Account | None:
    """The account for PostgreSQL: None for an ordinary user (it runs as oneself).

    `owned` is a cluster that may exist already; its owner goes on owning it. Raises NoAccount.
    """
    if os.geteuid() != 0:
        return None
    if owned is not None and owned.exists():
        status = owned.stat()
        if status.st_uid != 0:
            return Account(status.st_uid, status.st_gid)
    named = _named_account()
    if named is not None:
        return named
    raise NoAccount(
        "PostgreSQL refuses to run as root and this machine has neither an account 'postgres' nor 'nobody': "
        "add one (useradd --system postgres), run as an ordinary user, or set MILEPOST_DATABASE_URL."
    )


def name_for_the_nameless() -> Callable[[], None] | None:
    """What a child that insists on a user name has to call first, when our user id has none; else None.

    Containers often run under a bare number. `initdb` refuses that, so it runs in a user namespace in which our number
    is that of an account with a name; what it writes still belongs to us. Where the kernel does not allow it, the
    child goes on without a name.
    """
    uid, gid = os.geteuid(), os.getegid()
    libc, named = _LIBC, _named_account()
    if libc is None or named is None or uid == 0 or _has_name(uid):
        return None

    def move_in() -> None:
        if libc.unshare(_CLONE_NEWUSER) != 0:
            return
        for file, line in (
            ("setgroups", "deny"),
            ("gid_map", f"{named.gid} {gid} 1"),
            ("uid_map", f"{named.uid} {uid} 1"),
        ):
            descriptor = os.open(f"/proc/self/{file}", os.O_WRONLY)
            os.write(descriptor, line.encode())
            os.close(descriptor)

    return move_in


def _named_account() -> Account | None:
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    return None


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
