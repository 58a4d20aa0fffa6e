"""Where commands find a service and what lets them in; it asks nobody."""

from collections.abc import Mapping

from milepost_devstack.environment import given
from milepost_devstack.refusal import Refusal
from milepost_devstack.state import StateFolder


class NotReached(Refusal):
    """There is no service to talk to; the message says how to name one."""


def access(state: StateFolder, environ: Mapping[str, str], url: str, key: str) -> tuple[str, str]:
    """Return address and key of ingest: as asked for, else from the environment, else of the running house.

    Raises NotReached when either is missing.
    """
    endpoints = state.endpoints() or {}
    url = url or given(environ, "INGEST_URL") or endpoints.get("ingest_webhooks", "")
    key = key or given(environ, "API_KEY") or endpoints.get("admin_key", "")
    if not url or not key:
        raise NotReached(
            f"no house is up in {state.home}: start it with 'milepost up', or say --url and --key"
            " (or MILEPOST_INGEST_URL and MILEPOST_API_KEY)."
        )
    return url, key
