"""What the bad inputs share with the tests of the front door."""

from support.front_door import admin_key, bench, settings

__all__ = ["admin_key", "bench", "settings"]
