"""Decides by a mapping what a provider's fact means in our words; pure, it reads no clock and no store."""

from ingest_webhooks.mapping.applying import find_rule, take

__all__ = ["find_rule", "take"]
