"""Milepost's outreach: starts, advances and stops playbooks when the health of an account changes."""
