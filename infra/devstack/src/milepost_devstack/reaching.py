"""Where commands find a service and what lets them in; it asks nobody."""

from collections.abc import Mapping

from milepost_devstack.environment import given
from milepost_devstack.refusal import Refusal
from milepost_devstack.state import StateFolder


class NotReached(Refusal):
    """There is no service to talk to; the message says how to name one."""


_SETTINGS = {"ingest_webhooks": "INGEST_URL", "scoring_api": "SCORING_URL", "playbook_runner": "RUNNER_URL"}


def access(
    state: StateFolder, environ: Mapping[str, str], url: str, key: str, service: str = "ingest_webhooks"
) -> tuple[str, str]:
    """Return address and key of a service: as asked for, else from the environment, else of the running house.

    Raises NotReached when either is missing.
    """
    endpoints, setting = state.endpoints() or {}, _SETTINGS[service]
    url = url or given(environ, setting) or endpoints.get(service, "")
    key = key or given(environ, "API_KEY") or endpoints.get("admin_key", "")
    if not url or not key:
        raise NotReached(
            f"no house is up in {state.home}: start it with 'milepost up', or say --url and --key"
            f" (or MILEPOST_{setting} and MILEPOST_API_KEY)."
        )
    return url, key
