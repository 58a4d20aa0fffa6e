"""Make the files of a new cluster, once and whole; never starts a server and never touches a cluster that is there."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from milepost_devstack.accounts import Account, name_for_the_nameless
from milepost_devstack.binaries import Postgres

USER = "milepost"


class StoreFailed(Exception):
    """A store did not start; the message holds its last lines and a remedy."""


def initialise(programs: Postgres, base: Path, password: str, account: Account | None, *, lasting: bool) -> None:
    """Make `base`/data unless it is there, for the superuser `milepost` with `password`. Raises StoreFailed.

    The cluster is made beside its final place and moved there: one that was interrupted is never taken for whole.
    """
    data, draft, password_file = base / "data", base / "data.draft", base / "password"
    if data.exists():
        _require_major(data, programs)
        return
    shutil.rmtree(draft, ignore_errors=True)
    _hand_over(password_file, password, account)
    options = _options(programs, draft, password_file)
    try:
        done = _run([str(programs.program("initdb")), *options, *([] if lasting else ["--no-sync"])], account)
    finally:
        password_file.unlink(missing_ok=True)
    if done.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise StoreFailed(f"initdb failed in {base}:\n{done.stderr.strip()[-2000:]}{_remedy(done.stderr)}")
    draft.rename(data)


def _run(argv: list[str], account: Account | None) -> "subprocess.CompletedProcess[str]":
    who: dict[str, Any] = {"preexec_fn": name_for_the_nameless()}
    if account is not None:
        who = {"user": account.uid, "group": account.gid, "extra_groups": []}
    return subprocess.run(  # noqa: S603 - programs of ours or of the owner's choice
        argv,
        cwd="/",
        env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **who,
    )


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
