"""Intercom: conversations, tickets and companies."""
