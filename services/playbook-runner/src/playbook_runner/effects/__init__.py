"""Effects: calls that leave under a key, at most once; their pace, their doubts, their dead letters."""
