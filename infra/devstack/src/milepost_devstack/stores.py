"""The two stores of a house that runs on one machine, as tests and the supervisor start them.

Never serves production: there, two URLs point at servers of the owner's.
"""

from milepost_devstack.binaries import find_postgres, find_valkey
from milepost_devstack.initialising import StoreFailed
from milepost_devstack.postgres import EmbeddedPostgres
from milepost_devstack.valkey import EmbeddedValkey

__all__ = ["EmbeddedPostgres", "EmbeddedValkey", "StoreFailed", "find_postgres", "find_valkey"]
