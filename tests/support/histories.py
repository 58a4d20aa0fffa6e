"""Tells an account's history to the feed as ingest would: the shipped translation of worked examples, for tests too."""

from scoring_api.verifying.telling import SOURCE, Told, events_of, new_account, tell

__all__ = ["SOURCE", "Told", "events_of", "new_account", "tell"]
