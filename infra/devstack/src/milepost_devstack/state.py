"""The state folder of one house: its secrets, its lock, its list of endpoints.

Never starts a process and never talks to a server.
"""

import contextlib
import fcntl
import json
import os
import secrets
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from milepost_devstack.environment import given

DEFAULT_HOME = ".milepost"


class StateRefused(Exception):
    """The state folder cannot be used; the message names the remedy."""


class AlreadyRunning(StateRefused):
    """Another supervisor holds the state folder."""


@dataclass(frozen=True)
class Secrets:
    """What is generated once for a state folder and never shown in a log."""

    postgres_password: str
    valkey_password: str
    secret_key: str
    admin_key: str
    service_key: str


def home_from(environ: Mapping[str, str]) -> Path:
    """MILEPOST_HOME as an absolute path, else `.milepost` in the current folder."""
    return Path(environ.get("MILEPOST_HOME") or DEFAULT_HOME).expanduser().absolute()


def database_url(state: "StateFolder", environ: Mapping[str, str]) -> str:
    """The database to work on: MILEPOST_DATABASE_URL, else the running house's. Raises StateRefused without either."""
    if url := given(environ, "DATABASE_URL"):
        return url
    endpoints = state.endpoints()
    if endpoints is None:
        raise StateRefused(
            f"no house is up in {state.home}: start it with 'milepost up', or set MILEPOST_DATABASE_URL."
        )
    return str(endpoints["database_url"])


@dataclass(frozen=True)
class StateFolder:
    """One state folder; every method names what it touches."""

    home: Path

    @property
    def logs(self) -> Path:
        """Folder of one log file per child."""
        return self.home / "logs"

    @property
    def mailbox(self) -> Path:
        """Folder of received mails, one `.eml` each."""
        return self.home / "mailbox"

    @property
    def endpoints_file(self) -> Path:
        """Exists exactly while everything is ready."""
        return self.home / "endpoints.json"

    def open(self) -> "StateFolder":
        """Make the folder where needed. Raises StateRefused when it is not ours to write."""
        try:
            # Root lends the cluster below to another account, which must be able to pass; what is private
            # in here has a mode of its own.
            self.home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
            self.logs.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StateRefused(
                f"cannot use the state folder {self.home} ({error.strerror}): set MILEPOST_HOME."
            ) from error
        owner = self.home.stat().st_uid
        if owner != os.geteuid():
            raise StateRefused(
                f"the state folder {self.home} belongs to user id {owner}: run as that user, or set MILEPOST_HOME."
            )
        return self

    def is_fresh(self) -> bool:
        """True when no house has ever been started here."""
        return not (self.home / "secrets.json").exists()

    def secrets(self) -> Secrets:
        """Read the secrets, generating them the first time (mode 600). Raises StateRefused when unreadable."""
        path = self.home / "secrets.json"
        if not path.exists():
            write_private(path, asdict(_generate()), replace=False)
        try:
            return Secrets(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise StateRefused(f"{path} is not readable as secrets: restore it, or 'milepost reset'.") from error

    @contextlib.contextmanager
    def locked(self) -> Any:
        """Hold the folder; raises AlreadyRunning at once when another supervisor does."""
        with (self.home / "lock").open("a+") as file:
            if not _lock(file):
                file.seek(0)
                raise AlreadyRunning(
                    f"already running for {self.home} (supervisor {file.read().strip() or 'unknown'}): "
                    "use it, stop it with Ctrl-C or 'milepost down', or set another MILEPOST_HOME."
                )
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def holder(self) -> int | None:
        """Process id of the supervisor that holds the folder now, None when nobody does."""
        try:
            with (self.home / "lock").open("r") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    return int(file.read().strip() or 0) or None
        except (OSError, ValueError):
            return None
        return None

    def endpoints(self) -> dict[str, Any] | None:
        """What the running house wrote; None while none is ready, also when a killed one left its file behind."""
        if self.holder() is None:
            return None
        try:
            found: dict[str, Any] = json.loads(self.endpoints_file.read_text())
        except (OSError, ValueError):
            return None
        return found


def _lock(file: IO[str]) -> bool:
    # Somebody who only asks who holds the folder holds it for a moment too.
    for _ in range(10):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


def _generate() -> Secrets:
    return Secrets(
        postgres_password=secrets.token_urlsafe(24),
        valkey_password=secrets.token_urlsafe(24),
        secret_key=secrets.token_urlsafe(48),
        admin_key=new_key(),
        service_key=new_key(),
    )


def new_key() -> str:
    """A key in the form `mp_<id>_<secret>`."""
    return f"mp_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"


def write_private(path: Path, document: Mapping[str, Any], *, replace: bool = True) -> None:
    """Write JSON that only the owner reads; it appears whole or not at all.

    Without `replace` a file that exists already wins, also against a writer at the same moment.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 600
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(document, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
        else:
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
