"""The words of `milepost restate` on the command line; the work is done by the scoring service."""

import json
import sys
from typing import Annotated

import typer

from milepost_devstack.options import AsJson, reached


def restate(  # noqa: PLR0913, PLR0917 - one parameter for each option
    from_day: Annotated[str, typer.Option("--from", help="First day, such as 2026-03-02; without: 90 days.")] = "",
    to_day: Annotated[str, typer.Option("--to", help="Last day; without: today.")] = "",
    every: Annotated[int, typer.Option(min=1, max=31, help="Every so many days.")] = 1,
    model: Annotated[str, typer.Option(help="ID@N, any version that is kept; without: the models in charge.")] = "",
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for the end.")] = False,
    url: Annotated[str, typer.Option(help="Address of scoring; without: MILEPOST_SCORING_URL, or the house's.")] = "",
    key: Annotated[str, typer.Option(help="API key with the scope models; better in MILEPOST_API_KEY.")] = "",
    as_json: AsJson = False,
) -> None:
    """Compute past scores anew by today's records, beside what was known on the day, and follow the work.

    Ctrl-C stops following; the work goes on. Exit status 1 when it failed or was cancelled.
    """
    from milepost_devstack.restating import following  # noqa: PLC0415

    where = reached("scoring_api", url, key)
    wanted = following.wanted(from_day, to_day, every, model)
    row = following.follow(where, wanted, wait=not detach, quiet=as_json)
    print(json.dumps(row)) if as_json else following.show(row)
    sys.stdout.flush()
    raise typer.Exit(1 if row["state"] in ("failed", "cancelled") else 0)
