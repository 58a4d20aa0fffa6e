"""What tests of the front door share; it lives in `support.front_door`, as the bad inputs use it as well."""

from support.front_door import (
    BATCHES,
    SAMPLES,
    SECRET,
    Bench,
    admin_key,
    batch,
    bench,
    change,
    linked,
    prop,
    settings,
)

__all__ = [
    "BATCHES",
    "SAMPLES",
    "SECRET",
    "Bench",
    "admin_key",
    "batch",
    "bench",
    "change",
    "linked",
    "prop",
    "settings",
]
