"""The words of `milepost send` on the command line; the work is done elsewhere."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from milepost_devstack import environment
from milepost_devstack.options import AsJson
from milepost_devstack.state import StateFolder, home_from

MOST = 100


def send(  # noqa: PLR0913, PLR0917 - one parameter for each option
    source: Annotated[str, typer.Argument(help="A provider, such as hubspot.")],
    sample: Annotated[str, typer.Argument(help="A sample, such as ticket-escalated; without: list them.")] = "",
    connection: Annotated[str, typer.Option(help="Id or name of the connection; without: the only one.")] = "",
    company: Annotated[
        str, typer.Option(help="Whose it is: a reference such as hubspot:7:42, an id there, or any word.")
    ] = "",
    times: Annotated[int, typer.Option(min=1, max=MOST, help="How often; each is a delivery of its own.")] = 1,
    url: Annotated[str, typer.Option(help="Address of ingest; without: MILEPOST_INGEST_URL, or the house's.")] = "",
    key: Annotated[str, typer.Option(help="Administrator's key; better in MILEPOST_API_KEY than here.")] = "",
    as_json: AsJson = False,
) -> None:
    """Send a test delivery as the provider would, signed by the connection's secret, and tell what became of it.

    It goes over the network to the connection's webhook URL, and what it says counts: without --company, for a test
    company that is nobody's. Exit status 1 unless all of it was taken and understood.
    """
    from milepost_devstack.reaching import access  # noqa: PLC0415
    from milepost_devstack.rehearsing import running, showing  # noqa: PLC0415

    environ = environment.with_env_file(os.environ, Path(".env"))
    state = StateFolder(home_from(environ))
    with running.ingest(*access(state, environ, url, key)) as service:
        if not sample:
            listed = service.samples(source)
            print(json.dumps(listed)) if as_json else showing.show_samples(listed)
            return
        order = running.Order(source, sample, connection, company, times)
        report = running.run(service, order, running.scoring(state, service))
    print(json.dumps(report.document())) if as_json else showing.show(report)
    sys.stdout.flush()
    raise typer.Exit(0 if report.is_well() else 1)
