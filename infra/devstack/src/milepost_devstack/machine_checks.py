"""The doctor's look at the machine and the settings, without a running house; it changes nothing."""

import os
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from milepost_devstack import clusters, ports
from milepost_devstack.accounts import NoAccount, unprivileged
from milepost_devstack.binaries import ProgramMissing, find_postgres, find_valkey
from milepost_devstack.environment import PREFIX, EnvironmentUnreadable, given, port
from milepost_devstack.findings import Finding
from milepost_devstack.house import House, listening_on, preferred_ports
from milepost_devstack.state import StateFolder

OLDEST_PYTHON = (3, 11)
_LITTLE_DISK, _TOO_LITTLE_DISK = 2_000_000_000, 300_000_000


def examine(house: House, state: StateFolder, environ: Mapping[str, str], *, running: bool) -> list[Finding]:
    """Findings about Python, programs, state folder, disk, ports, settings and secrets."""
    return [
        _python(),
        *_programs(environ),
        _state_folder(state),
        *_disks(state),
        *_ports(house, environ, running),
        *_settings(house, environ),
        _secret(environ),
    ]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Finding("python", "fail", version, "install Python 3.11 or newer")
    return Finding("python", "ok", f"{version} in {sys.prefix}")


def _programs(environ: Mapping[str, str]) -> Iterator[Finding]:
    for check, setting, find in (
        ("postgres program", "DATABASE_URL", find_postgres),
        ("valkey program", "REDIS_URL", find_valkey),
    ):
        if environ.get(PREFIX + setting) or environ.get(f"{PREFIX}{setting}_FILE"):
            yield Finding(check, "ok", f"not needed: {PREFIX}{setting} is set")
            continue
        try:
            found = find(environ)
            if check == "postgres program":
                unprivileged()
        except (ProgramMissing, NoAccount) as error:
            yield Finding(check, "fail", str(error), f"set {PREFIX}{setting} to a server of your own")
        else:
            yield Finding(
                check, "ok", str(found if isinstance(found, Path) else f"PostgreSQL {found.major} in {found.bin}")
            )


def _state_folder(state: StateFolder) -> Finding:
    if not state.home.exists():
        parent = next(folder for folder in state.home.parents if folder.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            return Finding("state folder", "ok", f"{state.home} will be made")
        return Finding("state folder", "fail", f"{parent} is not writable", "set MILEPOST_HOME")
    if state.home.stat().st_uid != os.geteuid() or not os.access(state.home, os.W_OK | os.X_OK):
        return Finding(
            "state folder", "fail", f"{state.home} belongs to somebody else", "run as its owner or set MILEPOST_HOME"
        )
    secrets = state.home / "secrets.json"
    if secrets.exists() and stat.S_IMODE(secrets.stat().st_mode) & 0o077:
        return Finding("state folder", "fail", f"others can read {secrets}", f"chmod 600 {secrets}")
    return Finding("state folder", "ok", str(state.home))


def _disks(state: StateFolder) -> Iterator[Finding]:
    places = {state.home, clusters.known(state.home) or state.home}
    for place in sorted(places):
        there = next((folder for folder in (place, *place.parents) if folder.exists()), Path("/"))
        free = shutil.disk_usage(there).free
        text = f"{free / 1e9:.1f} GB free below {there}"
        if free < _TOO_LITTLE_DISK:
            yield Finding("disk", "fail", text, "make room: PostgreSQL stops when the disk is full")
        elif free < _LITTLE_DISK:
            yield Finding("disk", "warn", text, "make room soon")
        else:
            yield Finding("disk", "ok", text)


def _ports(house: House, environ: Mapping[str, str], running: bool) -> Iterator[Finding]:
    try:
        host = given(environ, "HOST") or ports.HOST
        wanted = {name: port(environ, name, preferred) for name, preferred in preferred_ports(house).items()}
    except EnvironmentUnreadable as error:
        yield Finding("ports", "fail", str(error), "correct the setting")
        return
    if running:
        yield Finding("ports", "ok", "the house is up and has its ports")
        return
    taken = [
        f"{PREFIX}{name} ({number})"
        for name, number in wanted.items()
        if not ports.is_free(number, listening_on(name, host))
    ]
    if taken:
        yield Finding(
            "ports", "warn", f"taken: {', '.join(taken)}", "the next free port above will be used, or set another"
        )
    else:
        yield Finding("ports", "ok", f"{', '.join(map(str, wanted.values()))} are free")


def _settings(house: House, environ: Mapping[str, str]) -> Iterator[Finding]:
    from milepost_devstack.checking import problems_of  # noqa: PLC0415
    from milepost_devstack.known_settings import unknown  # noqa: PLC0415

    strange, problems = list(unknown(environ)), problems_of(house, environ)
    for sentence in strange:
        yield Finding("settings", "warn", sentence, "correct or unset it; .env.example lists every name")
    for sentence in problems:
        yield Finding("settings", "fail", sentence, "correct or unset it; .env.example says what it may be")
    if not strange and not problems:
        count = sum(1 for name in environ if name.startswith(PREFIX))
        yield Finding("settings", "ok", f"{count} MILEPOST_ names set, every one known and usable")


def _secret(environ: Mapping[str, str]) -> Finding:
    from milepost_runtime.settings import DEVELOPMENT_SECRET  # noqa: PLC0415

    environment = environ.get(f"{PREFIX}ENVIRONMENT") or "development"
    try:
        secret = given(environ, "SECRET_KEY")
    except EnvironmentUnreadable as error:
        return Finding("secret key", "fail", str(error), "make the file readable")
    make = "set MILEPOST_SECRET_KEY to 32 or more random characters, for example of 'openssl rand -base64 48'"
    if secret is None:
        return Finding("secret key", "ok", "generated for the state folder")
    if secret == DEVELOPMENT_SECRET:
        return Finding("secret key", "fail" if environment == "production" else "warn", "the published default", make)
    if len(secret) < 32:
        return Finding("secret key", "fail", f"{len(secret)} characters", make)
    return Finding("secret key", "ok", f"your own, {len(secret)} characters")
