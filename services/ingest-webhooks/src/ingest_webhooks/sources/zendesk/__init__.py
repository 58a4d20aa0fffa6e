"""Zendesk: tickets by event subscriptions and triggers."""
