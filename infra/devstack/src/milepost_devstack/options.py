"""Options that commands have in common, and what they mean; it asks nobody."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from milepost_devstack import environment
from milepost_devstack.reaching import access
from milepost_devstack.state import StateFolder, home_from

RUNNER_ADDRESS = "Address of the playbook API; without: MILEPOST_RUNNER_URL, or the house's."

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Key = Annotated[str, typer.Option(help="API key; better in MILEPOST_API_KEY than here.")]


def reached(service: str, url: str, key: str) -> tuple[str, str]:
    """Return address and key of a service from options, the environment, `.env` or the house. Raises NotReached."""
    environ = environment.with_env_file(os.environ, Path(".env"))
    return access(StateFolder(home_from(environ)), environ, url, key, service)


def out(document: Any) -> None:
    """Print an answer for programs, on one line and at once."""
    print(json.dumps(document))
    sys.stdout.flush()
