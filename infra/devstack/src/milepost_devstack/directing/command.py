"""The words of `milepost playbook` on the command line; the work is done elsewhere."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from milepost_devstack.directing import asking
from milepost_devstack.directing.kind import PLAYBOOKS
from milepost_devstack.options import AsJson, Key, out
from milepost_devstack.shelving import command
from milepost_devstack.shelving.command import Named

playbook_app = typer.Typer(help="Playbooks: check, keep, compare, put in force.", no_args_is_help=True)
Url = Annotated[str, typer.Option(help=PLAYBOOKS.address)]
Name = Annotated[str, typer.Argument(help="ID of a playbook.")]


class InFlight(StrEnum):
    """What becomes of open runs of other versions."""

    STAY = "stay"
    MOVE = "move"
    STOP = "stop"


Runs = Annotated[InFlight, typer.Option("--in-flight", help="Open runs of other versions: stay, move here, or stop.")]


def _show_state(found: dict[str, Any], as_json: bool) -> None:
    from milepost_devstack.directing import showing  # noqa: PLC0415

    out(found) if as_json else showing.show_state(found)


command.add_looking(playbook_app, PLAYBOOKS)


@playbook_app.command("push")
def push(
    file: Annotated[Path, typer.Argument(help="A playbook in YAML or JSON.")],
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Keep a playbook as a new version; it is a draft until it is activated."""
    command.push(command.shelf(PLAYBOOKS, url, key), file, as_json)


@playbook_app.command("activate")
def activate(
    named: Named, in_flight: Runs = InFlight.STAY, url: Url = "", key: Key = "", as_json: AsJson = False
) -> None:
    """Put a version in force; without a version, let a paused playbook go on."""
    _show_state(asking.activate(command.shelf(PLAYBOOKS, url, key), named, in_flight.value), as_json)


@playbook_app.command("pause")
def pause(name: Name, url: Url = "", key: Key = "", as_json: AsJson = False) -> None:
    """Pause a playbook; its open runs wait."""
    _show_state(asking.pause(command.shelf(PLAYBOOKS, url, key), name), as_json)


@playbook_app.command("rollback")
def rollback(
    name: Name, in_flight: Runs = InFlight.STAY, url: Url = "", key: Key = "", as_json: AsJson = False
) -> None:
    """Put the version in force again that was there before; once more takes it back."""
    _show_state(asking.rollback(command.shelf(PLAYBOOKS, url, key), name, in_flight.value), as_json)


command.add_diff(playbook_app, PLAYBOOKS)
