"""The tables of the schema `scoring`, as they stand at head; it never reads or writes a row.

Every key of a table that speaks of an account starts with `account_id`: it is the distribution key.
"""

from scoring_api.tables import accounts, models, people, records, scores
from scoring_api.tables.schema import METADATA

__all__ = ["METADATA", "accounts", "models", "people", "records", "scores"]
