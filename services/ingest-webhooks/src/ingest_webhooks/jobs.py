"""The lanes that this service's worker drains; the work itself is in the use cases."""

from collections.abc import Sequence

from ingest_webhooks.service import Service
from milepost_runtime.lanes import Lane


def lanes(service: Service) -> Sequence[Lane]:
    """Return every lane of the service."""
    return (service.relaying.lane, service.replaying.lane, service.housekeeping.lane, service.erasing.lane)
