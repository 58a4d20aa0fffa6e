"""Decides by a mapping what a provider's fact means in our words; pure, it reads no clock and no store."""

from ingest_webhooks.mapping.applying import Found, find_rule, locate, take
from ingest_webhooks.mapping.linting import Remark, lint

__all__ = ["Found", "Remark", "find_rule", "lint", "locate", "take"]
