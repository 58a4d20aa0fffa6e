"""Has files looked through by the reader of the service that they are for, started by name; nothing has to run."""

import json
import os
import subprocess
from collections.abc import Sequence
from typing import Any

from milepost_devstack.house import PYTHON
from milepost_devstack.refusal import Refusal

_PATIENCE_S = 120.0


class NotLooked(Refusal):
    """The reader did not answer."""


def look(files: Sequence[str], program: str) -> list[dict[str, Any]]:
    """Return the findings of each file, in their order, by the module of a service. Raises NotLooked."""
    try:
        done = subprocess.run(  # noqa: S603 - a program of ours, and file names as arguments of their own
            [*PYTHON, program, *files],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            env=dict(os.environ),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotLooked(f"the files were not looked through within {_PATIENCE_S:g} seconds.") from error
    found = [json.loads(line) for line in done.stdout.splitlines()]
    if len(found) != len(files):
        raise NotLooked(f"the files could not be looked through: {done.stderr.strip()[-300:]}")
    return found
