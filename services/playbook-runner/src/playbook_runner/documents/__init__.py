"""Playbooks as documents: checked, kept in versions, listed, compared, tried out."""
