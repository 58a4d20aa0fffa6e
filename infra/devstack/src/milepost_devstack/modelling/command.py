"""The words of `milepost model` on the command line; the work is done elsewhere."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from milepost_devstack import environment
from milepost_devstack.state import StateFolder, home_from

model_app = typer.Typer(help="Score models: check, keep, compare, put in charge.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Url = Annotated[str, typer.Option(help="Address of scoring; without: MILEPOST_SCORING_URL, or the house's.")]
Key = Annotated[str, typer.Option(help="API key; better in MILEPOST_API_KEY than here.")]
Named = Annotated[str, typer.Argument(help="ID, or ID@N for a version.")]


def _service(url: str, key: str) -> Any:
    from milepost_devstack.modelling.asking import Models  # noqa: PLC0415
    from milepost_devstack.reaching import access  # noqa: PLC0415

    environ = environment.with_env_file(os.environ, Path(".env"))
    return Models(*access(StateFolder(home_from(environ)), environ, url, key, "scoring_api"))


def _out(document: Any) -> None:
    print(json.dumps(document))
    sys.stdout.flush()


@model_app.command("lint")
def lint(
    files: Annotated[list[Path], typer.Argument(help="Score models in YAML or JSON.")], as_json: AsJson = False
) -> None:
    """Tell every mistake and warning with file, line and column; nothing has to run.

    Exit status 1 when a file is no score model or cannot be read; warnings alone are no failure.
    """
    from milepost_devstack.modelling import looking, showing  # noqa: PLC0415

    findings = looking.look([str(path) for path in files])
    _out(findings) if as_json else showing.show_findings(findings)
    sys.stdout.flush()
    raise typer.Exit(0 if all(one.get("valid") for one in findings) else 1)


@model_app.command("schema")
def schema() -> None:
    """Print the JSON Schema of score models, for editors."""
    from milepost_core.model.schema import document_schema  # noqa: PLC0415

    print(json.dumps(document_schema(), indent=1))


@model_app.command("list")
def list_models(url: Url = "", key: Key = "", as_json: AsJson = False) -> None:
    """List the models that are kept, with their versions and which judge."""
    from milepost_devstack.modelling import showing  # noqa: PLC0415

    found = _service(url, key).listed()
    _out(found) if as_json else showing.show_list(found)


@model_app.command("show")
def show(named: Named, url: Url = "", key: Key = "", as_json: AsJson = False) -> None:
    """Print a model as its author wrote it; without a version the one in charge, else the newest."""
    service = _service(url, key)
    if as_json:
        _out(service.document(named))
    else:
        print(service.text(named), end="")


@model_app.command("push")
def push(
    file: Annotated[Path, typer.Argument(help="A score model in YAML or JSON.")],
    note: Annotated[str, typer.Option(help="What the version is for.")] = "",
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Keep a model as a new version; it judges nobody until it is activated."""
    from milepost_devstack.modelling import showing  # noqa: PLC0415

    kept = _service(url, key).push(file, note)
    _out(kept) if as_json else showing.show_kept(kept, file)


@model_app.command("activate")
def activate(
    named: Named,
    reason: Annotated[str, typer.Option(help="Why; the change log keeps it.")],
    retire: Annotated[list[str] | None, typer.Option(help="A model that gives way; repeat for more.")] = None,
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Put a version in charge; all accounts that it concerns are due at once."""
    from milepost_devstack.modelling import showing  # noqa: PLC0415

    judging = _service(url, key).activate(named, reason, retire or [])
    _out(judging) if as_json else showing.show_line_up(judging)


@model_app.command("retire")
def retire(
    named: Annotated[str, typer.Argument(help="ID of a model.")],
    reason: Annotated[str, typer.Option(help="Why; the change log keeps it.")],
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Put a model out of charge; its accounts go to those that are left."""
    from milepost_devstack.modelling import showing  # noqa: PLC0415

    judging = _service(url, key).retire(named, reason)
    _out(judging) if as_json else showing.show_line_up(judging)


@model_app.command("diff")
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
