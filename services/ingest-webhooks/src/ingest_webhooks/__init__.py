"""Milepost's front door: verifies, keeps and relays what other systems tell of accounts."""
