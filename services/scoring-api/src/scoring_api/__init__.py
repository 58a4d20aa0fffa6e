"""Milepost's scores: records what happened, judges accounts by score models, and answers with reasons."""
