"""Scores of earlier moments: recalled, retold, restated, compared."""
