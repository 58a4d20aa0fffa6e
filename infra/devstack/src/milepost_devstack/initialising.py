"""Make the files of a new cluster, once and whole; never starts a server and never touches a cluster that is there."""

import asyncio
import os
import secrets
import shutil
from pathlib import Path

from milepost_devstack import spawning
from milepost_devstack.accounts import Account, name_for_the_nameless
from milepost_devstack.binaries import Postgres

USER = "milepost"
_DRAFT, _PASSWORD = "data.draft", "password"
_PATIENCE_S = 300.0


class StoreFailed(Exception):
    """A store did not start; the message holds its last lines and a remedy."""


class Making:
    """How a cluster is made: with which programs, under which account (None: our own), logging where.

    A cluster that does not last is not flushed to the disk.
    """

    def __init__(
        self, programs: Postgres, account: Account | None, log: Path, watcher: spawning.Watcher | None, *, lasting: bool
    ) -> None:
        self.programs = programs
        self.account = account
        self.lasting = lasting
        self._log = log
        self._watcher = watcher

    async def make(self, base: Path, password: str) -> None:
        """Make `base`/data unless it is there, for the superuser `milepost`. Raises StoreFailed.

        The cluster is made beside its final place and moved there: one that was interrupted is never taken for whole,
        and what is left of it is swept at the next start. Call it from the main thread: initdb ends with that thread.
        """
        data = base / "data"
        if data.exists():
            _require_major(data, self.programs)
            return
        await asyncio.to_thread(_sweep, base)
        # A name of this run's own: an initdb of a killed run may still be ending in its draft.
        run = secrets.token_hex(4)
        draft, password_file = base / f"{_DRAFT}.{run}", base / f"{_PASSWORD}.{run}"
        _hand_over(password_file, password, self.account)
        try:
            await self._initdb(base, draft, password_file)
            draft.rename(data)
        finally:
            await asyncio.to_thread(_sweep, base)

    async def _initdb(self, base: Path, draft: Path, password_file: Path) -> None:
        options = _options(self.programs, draft, password_file)
        child = spawning.start(
            spawning.Command(
                name="initdb",
                argv=[str(self.programs.program("initdb")), *options, *([] if self.lasting else ["--no-sync"])],
                env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
                log=self._log,
                account=self.account,
                prepare=None if self.account else name_for_the_nameless(),
            ),
            self._watcher,
        )
        try:
            status = await child.wait(_PATIENCE_S)
        finally:
            if child.ended() is None:
                await child.stop()
        if status != 0:
            said = "\n".join(child.tail())
            raise StoreFailed(f"initdb failed in {base}:\n{said}{_remedy(said)}")


def _sweep(base: Path) -> None:
    """Remove what unfinished makings left; nothing else of a cluster has such names."""
    for left in base.glob(f"{_DRAFT}*"):
        shutil.rmtree(left, ignore_errors=True)
    for left in base.glob(f"{_PASSWORD}*"):
        left.unlink(missing_ok=True)


def _remedy(message: str) -> str:
    if "could not look up effective user ID" not in message:
        return ""
    return "\nGive this user id a name (an entry in /etc/passwd), run as root, or set MILEPOST_DATABASE_URL."


def _options(programs: Postgres, data: Path, password_file: Path) -> list[str]:
    options = ["-D", str(data), "-U", USER, "-E", "UTF8", "--auth=scram-sha-256", f"--pwfile={password_file}"]
    # Sort order must be the same on every machine; only 17 and newer bring their own.
    if programs.major >= 17:
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return [*options, "--locale=C", "--no-instructions"]


def _hand_over(path: Path, text: str, account: Account | None) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _require_major(data: Path, programs: Postgres) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    if made_by != str(programs.major):
        raise StoreFailed(
            f"the cluster in {data} was made by PostgreSQL {made_by}, these programs are {programs.major}: dump it "
            "with the old version and restore, or start from nothing with 'milepost reset'."
        )
