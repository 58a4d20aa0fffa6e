"""The words of `milepost crm` on the command line; the work is done elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from milepost_devstack.calling import Service
from milepost_devstack.connecting.asking import PATIENCE_S, Connections
from milepost_devstack.options import RUNNER_ADDRESS, AsJson, Key, out, reached

crm_app = typer.Typer(help="CRMs, Slack, webhooks: connect, set up, see what CRMs did not take.", no_args_is_help=True)

Url = Annotated[str, typer.Option(help=RUNNER_ADDRESS)]
Named = Annotated[str, typer.Argument(help="Name of a connection.")]


def _connections(url: str, key: str) -> Connections:
    place = reached("playbook_runner", url, key)
    return Connections(Service(*place, "the playbook API", "playbook-runner", PATIENCE_S))


@crm_app.command("list")
def list_connections(url: Url = "", key: Key = "", as_json: AsJson = False) -> None:
    """List connections, and what keeps one from being written to."""
    from milepost_devstack.connecting import showing  # noqa: PLC0415

    found = _connections(url, key).listed()
    out(found) if as_json else showing.show_list(found)


@crm_app.command("connect")
def connect(
    file: Annotated[Path, typer.Argument(help="JSON: name, kind, settings, secrets.")],
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Connect a CRM, Slack or a webhook from a file, so that its secrets are on no command line."""
    from milepost_devstack.connecting import showing  # noqa: PLC0415

    made = _connections(url, key).connect(file)
    out(made) if as_json else showing.show_made(made)


@crm_app.command("setup")
def setup(named: Named, url: Url = "", key: Key = "", as_json: AsJson = False) -> None:
    """Make the properties that a CRM needs, then tell it of every account's health; may be repeated."""
    from milepost_devstack.connecting import showing  # noqa: PLC0415

    done = _connections(url, key).set_up(named)
    out(done) if as_json else showing.show_set_up(done)


@crm_app.command("told")
def told(named: Named, url: Url = "", key: Key = "", as_json: AsJson = False) -> None:
    """Tell which accounts a CRM did not take, and why."""
    from milepost_devstack.connecting import showing  # noqa: PLC0415

    found = _connections(url, key).told(named)
    out(found) if as_json else showing.show_told(found)
