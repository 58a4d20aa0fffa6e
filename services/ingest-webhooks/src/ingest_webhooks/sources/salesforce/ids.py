"""Salesforce's ids and our names for its records; it reads no message."""

from milepost_contracts.references import salesforce_id as id18

__all__ = ["ACCOUNT_PREFIX", "KINDS", "id18", "reference"]

# The first three characters of an id say what it is an id of.
ACCOUNT_PREFIX = "001"
KINDS = {"003": "Contact", "500": "Case", "006": "Opportunity", "701": "Campaign"}


def reference(organisation: str, kind: str, record_id: str) -> str:
    """Return our name of a record; that of an account names an account."""
    if kind == "Account":
        return f"salesforce:{organisation}:{record_id}"
    return f"salesforce:{organisation}:{kind.lower()}:{record_id}"
