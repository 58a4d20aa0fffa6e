"""The words of `milepost playbook` on the command line; the work is done elsewhere."""

import json
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from milepost_devstack import environment
from milepost_devstack.state import StateFolder, home_from

playbook_app = typer.Typer(help="Playbooks: check, keep, compare, put in force.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Url = Annotated[str, typer.Option(help="Address of the playbook API; without: MILEPOST_RUNNER_URL, or the house's.")]
Key = Annotated[str, typer.Option(help="API key; better in MILEPOST_API_KEY than here.")]
Named = Annotated[str, typer.Argument(help="ID, or ID@N for a version.")]
Name = Annotated[str, typer.Argument(help="ID of a playbook.")]


class InFlight(StrEnum):
    """What becomes of open runs of other versions."""

    STAY = "stay"
    MOVE = "move"
    STOP = "stop"


Runs = Annotated[InFlight, typer.Option("--in-flight", help="Open runs of other versions: stay, move here, or stop.")]


def _service(url: str, key: str) -> Any:
    from milepost_devstack.directing.asking import Playbooks  # noqa: PLC0415
    from milepost_devstack.reaching import access  # noqa: PLC0415

    environ = environment.with_env_file(os.environ, Path(".env"))
    return Playbooks(*access(StateFolder(home_from(environ)), environ, url, key, "playbook_runner"))


def _out(document: Any) -> None:
    print(json.dumps(document))
    sys.stdout.flush()


def _show_state(found: dict[str, Any], as_json: bool) -> None:
    from milepost_devstack.directing import showing  # noqa: PLC0415

    _out(found) if as_json else showing.show_state(found)


@playbook_app.command("lint")
def lint(
    files: Annotated[list[Path], typer.Argument(help="Playbooks in YAML or JSON.")], as_json: AsJson = False
) -> None:
    """Tell every mistake and warning with file, line and column; nothing has to run.

    Exit status 1 when a file is no playbook or cannot be read; warnings alone are no failure.
    """
    from milepost_devstack.modelling import looking, showing  # noqa: PLC0415

    findings = looking.look([str(path) for path in files], "playbook_runner.linting")
    _out(findings) if as_json else showing.show_findings(findings, "playbook")
    sys.stdout.flush()
    raise typer.Exit(0 if all(one.get("valid") for one in findings) else 1)


@playbook_app.command("schema")
def schema() -> None:
    """Print the JSON Schema of playbooks, for editors."""
    from milepost_core.playbooks.schema import document_schema  # noqa: PLC0415

    print(json.dumps(document_schema(), indent=1))


@playbook_app.command("list")
def list_playbooks(url: Url = "", key: Key = "", as_json: AsJson = False) -> None:
    """List the playbooks that are kept, with their versions and which are in force."""
    from milepost_devstack.directing import showing  # noqa: PLC0415

    found = _service(url, key).listed()
    _out(found) if as_json else showing.show_list(found)


@playbook_app.command("show")
def show(named: Named, url: Url = "", key: Key = "", as_json: AsJson = False) -> None:
    """Print a playbook as its author wrote it; without a version the one in force, else the newest."""
    service = _service(url, key)
    if as_json:
        _out(service.document(named))
    else:
        print(service.text(named), end="")


@playbook_app.command("push")
def push(
    file: Annotated[Path, typer.Argument(help="A playbook in YAML or JSON.")],
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Keep a playbook as a new version; it is a draft until it is activated."""
    from milepost_devstack.directing import showing  # noqa: PLC0415

    kept = _service(url, key).push(file)
    _out(kept) if as_json else showing.show_kept(kept, file)


@playbook_app.command("activate")
def activate(
    named: Named, in_flight: Runs = InFlight.STAY, url: Url = "", key: Key = "", as_json: AsJson = False
) -> None:
    """Put a version in force; without a version, let a paused playbook go on."""
    _show_state(_service(url, key).activate(named, in_flight.value), as_json)


@playbook_app.command("pause")
def pause(name: Name, url: Url = "", key: Key = "", as_json: AsJson = False) -> None:
    """Pause a playbook; its open runs wait."""
    _show_state(_service(url, key).pause(name), as_json)


@playbook_app.command("rollback")
def rollback(
    name: Name, in_flight: Runs = InFlight.STAY, url: Url = "", key: Key = "", as_json: AsJson = False
) -> None:
    """Put the version in force again that was there before; once more takes it back."""
    _show_state(_service(url, key).rollback(name, in_flight.value), as_json)


@playbook_app.command("diff")
def diff(
    before: Annotated[str, typer.Argument(help="ID@N.")],
    after: Annotated[str, typer.Argument(help="ID@M, or M.")],
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Tell what a version says otherwise than another, a sentence for each difference."""
    from milepost_devstack.modelling import showing  # noqa: PLC0415

    found = _service(url, key).diff(before, after)
    _out(found) if as_json else showing.show_differences(found)
