"""The words of `milepost model` on the command line; the work is done elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from milepost_devstack.modelling import asking
from milepost_devstack.modelling.kind import MODELS
from milepost_devstack.options import AsJson, Key, out
from milepost_devstack.shelving import command
from milepost_devstack.shelving.command import Named

model_app = typer.Typer(help="Score models: check, keep, compare, put in charge.", no_args_is_help=True)
Url = Annotated[str, typer.Option(help=MODELS.address)]

command.add_looking(model_app, MODELS)


@model_app.command("push")
def push(
    file: Annotated[Path, typer.Argument(help="A score model in YAML or JSON.")],
    note: Annotated[str, typer.Option(help="What the version is for.")] = "",
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Keep a model as a new version; it judges nobody until it is activated."""
    command.push(command.shelf(MODELS, url, key), file, as_json, **({"note": note} if note else {}))


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

    judging = asking.activate(command.shelf(MODELS, url, key), named, reason, retire or [])
    out(judging) if as_json else showing.show_line_up(judging)


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

    judging = asking.retire(command.shelf(MODELS, url, key), named, reason)
    out(judging) if as_json else showing.show_line_up(judging)


command.add_diff(model_app, MODELS)
