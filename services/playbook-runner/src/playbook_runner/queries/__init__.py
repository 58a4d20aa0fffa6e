"""Every SQL statement of the runner; nothing here commits, and nothing else here speaks SQL."""
