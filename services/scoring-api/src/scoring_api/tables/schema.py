"""The registry of this service's tables; it defines none."""

from milepost_runtime.columns import metadata
from scoring_api.settings import SCHEMA

METADATA = metadata(SCHEMA)
