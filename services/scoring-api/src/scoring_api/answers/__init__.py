"""Answers about accounts as they stand: read, listed, matched, kept ready in memory."""
