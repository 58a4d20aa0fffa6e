"""The words of `milepost crm` on the command line; the work is done elsewhere."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from milepost_devstack import environment
from milepost_devstack.state import StateFolder, home_from

crm_app = typer.Typer(help="CRMs: connect, set up, see what they did not take.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Url = Annotated[str, typer.Option(help="Address of the playbook API; without: MILEPOST_RUNNER_URL, or the house's.")]
Key = Annotated[str, typer.Option(help="API key; better in MILEPOST_API_KEY than here.")]
Named = Annotated[str, typer.Argument(help="Name of a connection.")]


def _service(url: str, key: str) -> Any:
    from milepost_devstack.connecting.asking import Connections  # noqa: PLC0415
    from milepost_devstack.reaching import access  # noqa: PLC0415

    environ = environment.with_env_file(os.environ, Path(".env"))
    return Connections(*access(StateFolder(home_from(environ)), environ, url, key, "playbook_runner"))


def _out(document: Any) -> None:
    print(json.dumps(document))
    sys.stdout.flush()


@crm_app.command("list")
def list_connections(url: Url = "", key: Key = "", as_json: AsJson = False) -> None:
    """List connections, and what keeps one from being written to."""
    from milepost_devstack.connecting import showing  # noqa: PLC0415

    found = _service(url, key).listed()
    _out(found) if as_json else showing.show_list(found)


@crm_app.command("connect")
def connect(
    file: Annotated[Path, typer.Argument(help="JSON: name, kind, settings, secrets.")],
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Make a connection from a file, so that its secrets are on no command line."""
    from milepost_devstack.connecting import showing  # noqa: PLC0415

    made = _service(url, key).connect(file)
    _out(made) if as_json else showing.show_made(made)


@crm_app.command("setup")
def setup(named: Named, url: Url = "", key: Key = "", as_json: AsJson = False) -> None:
    """Make the properties that a CRM needs, then tell it of every account's health; may be repeated."""
    from milepost_devstack.connecting import showing  # noqa: PLC0415

    done = _service(url, key).set_up(named)
    _out(done) if as_json else showing.show_set_up(done)


@crm_app.command("told")
def told(named: Named, url: Url = "", key: Key = "", as_json: AsJson = False) -> None:
    """Tell which accounts a CRM did not take, and why."""
    from milepost_devstack.connecting import showing  # noqa: PLC0415

    found = _service(url, key).told(named)
    _out(found) if as_json else showing.show_told(found)
