"""Holds a sender to so many requests a second, by a bucket that refills; each process counts for itself."""

import time


class TooFast(Exception):
    """The sender goes faster than its connection allows; `seconds` from now it may send again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"send again in {seconds:.1f} s")
        self.seconds = seconds


class Pace:
    """A bucket that holds one second's worth of requests, at least one, and is full at first."""

    def __init__(self, rate_per_second: float) -> None:
        self.rate = rate_per_second
        self._most = max(1.0, rate_per_second)
        self._left = self._most
        self._at = time.monotonic()

    def take(self) -> None:
        """Count one request; raises TooFast when the bucket is empty."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self.rate)
        self._at = now
        if self._left < 1.0:
            raise TooFast((1.0 - self._left) / self.rate)
        self._left -= 1.0
