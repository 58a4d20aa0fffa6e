"""The words on the command line that all kinds of documents have in common; the work is done elsewhere."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from milepost_devstack.calling import Service
from milepost_devstack.options import AsJson, Key, out, reached
from milepost_devstack.shelving.asking import Shelf
from milepost_devstack.shelving.kinds import Kind

Named = Annotated[str, typer.Argument(help="ID, or ID@N for a version.")]


def shelf(kind: Kind, url: str, key: str) -> Shelf:
    """Return the documents of a kind where the options say, or in the house. Raises NotReached."""
    return Shelf(kind, Service(*reached(kind.service, url, key), kind.api, kind.process))


def add_looking(app: typer.Typer, kind: Kind) -> None:
    """Add `lint`, `schema`, `list` and `show`."""
    _add_lint(app, kind)
    _add_schema(app, kind)
    _add_list(app, kind)
    _add_show(app, kind)


def _add_lint(app: typer.Typer, kind: Kind) -> None:
    def lint(
        files: Annotated[list[Path], typer.Argument(help=f"{kind.full_name.capitalize()}s in YAML or JSON.")],
        as_json: AsJson = False,
    ) -> None:
        from milepost_devstack.shelving import looking, showing  # noqa: PLC0415

        findings = looking.look([str(path) for path in files], kind.reader)
        out(findings) if as_json else showing.show_findings(findings, kind.full_name)
        sys.stdout.flush()
        raise typer.Exit(0 if all(one.get("valid") for one in findings) else 1)

    says = "Tell every mistake and warning with file, line and column; nothing has to run."
    ends = f"Exit status 1 when a file is no {kind.full_name} or cannot be read; warnings alone are no failure."
    app.command("lint", help=f"{says}\n\n{ends}")(lint)


def _add_schema(app: typer.Typer, kind: Kind) -> None:
    def schema() -> None:
        print(json.dumps(kind.schema(), indent=1))

    app.command("schema", help=f"Print the JSON Schema of {kind.full_name}s, for editors.")(schema)


def _add_list(app: typer.Typer, kind: Kind) -> None:
    def listed(
        url: Annotated[str, typer.Option(help=kind.address)] = "", key: Key = "", as_json: AsJson = False
    ) -> None:
        from milepost_devstack.consoles import show_table  # noqa: PLC0415

        found = shelf(kind, url, key).listed()
        out(found) if as_json else show_table(kind.columns, map(kind.row, found["data"]))

    app.command("list", help=f"List the {kind.name}s that are kept, with their versions and {kind.listed_with}.")(
        listed
    )


def _add_show(app: typer.Typer, kind: Kind) -> None:
    def show(
        named: Named,
        url: Annotated[str, typer.Option(help=kind.address)] = "",
        key: Key = "",
        as_json: AsJson = False,
    ) -> None:
        kept = shelf(kind, url, key)
        if as_json:
            out(kept.document(named))
        else:
            print(kept.text(named), end="")

    which = f"without a version the one {kind.in_use}, else the newest"
    app.command("show", help=f"Print a {kind.name} as its author wrote it; {which}.")(show)


def push(kept: Shelf, file: Path, as_json: bool, **params: str) -> None:
    """Keep a file as a version, and print what it became."""
    from milepost_devstack.shelving import showing  # noqa: PLC0415

    done = kept.push(file, params)
    out(done) if as_json else showing.show_kept(done, file, kept.kind)


def add_diff(app: typer.Typer, kind: Kind) -> None:
    """Add `diff`."""

    def diff(
        before: Annotated[str, typer.Argument(help="ID@N.")],
        after: Annotated[str, typer.Argument(help="ID@M, or M.")],
        url: Annotated[str, typer.Option(help=kind.address)] = "",
        key: Key = "",
        as_json: AsJson = False,
    ) -> None:
        from milepost_devstack.shelving import showing  # noqa: PLC0415

        found = shelf(kind, url, key).diff(before, after)
        out(found) if as_json else showing.show_differences(found)

    says = "Tell what a version says otherwise than another, a sentence for each difference."
    app.command("diff", help=says)(diff)
