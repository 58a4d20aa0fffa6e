"""Signals: one set-based statement a model measures a batch of accounts as of given moments.

Live scoring, restatement and the silence sweep all ask by this statement; it never judges what it measures.
"""

from scoring_api.queries.signals.measuring import Compiler, measure

__all__ = ["Compiler", "measure"]
