"""The words of `milepost import` on the command line; the work is done elsewhere."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from milepost_devstack.options import AsJson, Key, reached
from milepost_devstack.refusal import Refusal

_PLAIN = "events.csv, .tsv, .jsonl, .ndjson (each may end in .gz) or .parquet."


def bring_in(  # noqa: PLR0913, PLR0917 - one parameter for each option
    file: Annotated[Path, typer.Argument(help=_PLAIN)],
    name: Annotated[str, typer.Option(help="What to call the import; without: the name of the file.")] = "",
    sender: Annotated[str, typer.Option(help="Whose ids the events carry; without: the name of the key.")] = "",
    account_column: Annotated[str, typer.Option(help="The column that names the account.")] = "",
    account_prefix: Annotated[str, typer.Option(help="Goes in front of account names, such as external:")] = "",
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--map", help="COLUMN=FIELD, COLUMN=properties.NAME (with :number to make it one), COLUMN= for none."
        ),
    ] = None,
    fixed: Annotated[list[str] | None, typer.Option("--set", help="FIELD=VALUE that all rows have.")] = None,
    others: Annotated[str, typer.Option(help="Columns that name no field: refuse, properties, ignore.")] = "refuse",
    encoding: Annotated[str, typer.Option(help="Of a CSV file without a byte order mark.")] = "utf-8",
    delimiter: Annotated[str, typer.Option(help="Of a CSV file; without: what its first line has most of.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would become of the lines; store none.")] = False,
    rejects: Annotated[Path | None, typer.Option(help="Write refused lines with their reasons to this file.")] = None,
    url: Annotated[str, typer.Option(help="Address of ingest; without: MILEPOST_INGEST_URL, or the house's.")] = "",
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Bring history in from a file: events with their own times, once each, however often it is tried.

    Stopped half-way, the same command goes on where it was. Exit status 1 when not all of it could be taken.
    """
    from milepost_devstack.importing import reporting, running  # noqa: PLC0415
    from milepost_devstack.importing.columns import wishes  # noqa: PLC0415

    wanted = wishes(column or (), fixed or (), account_column, account_prefix, others)
    order = running.Order(file, name, sender, dry_run, wanted, encoding, delimiter, rejects, as_json)
    report = running.run(order, *reached("ingest_webhooks", url, key))
    if as_json:
        more = {"brought_in_before": report.before, "rejects": report.first, "broken_off": report.broken_off or None}
        print(json.dumps({**report.row, **more}))
    else:
        reporting.show(report.row, report.first, before=report.before)
    sys.stdout.flush()
    if report.broken_off:
        raise Refusal(f"{report.broken_off}. What stands before that is settled; get the whole file and bring that in.")
    raise typer.Exit(1 if report.row["rejected"] or report.row["conflicts"] else 0)
