"""A company of sixty customers with a past, sent through the front doors as real providers would send it.

Reading order: company (who the customers are), diary and behaviour (what each did, day by day), delivering (how it is
signed and sent), playing (the order of it all). It never writes to a table of a service.
"""

from milepost_devstack.demo.playing import DemoFailed, Played, play

__all__ = ["DemoFailed", "Played", "play"]
