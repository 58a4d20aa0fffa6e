"""Runs of playbooks: what starts them, how they go on, wait and wake, what they ask for, how they end."""
