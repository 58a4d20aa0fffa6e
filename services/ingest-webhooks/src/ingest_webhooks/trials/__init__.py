"""Trying out: what a payload would become, and what a provider would send; nothing of it is kept."""
