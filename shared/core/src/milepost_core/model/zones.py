"""The time zones in which a model may count calendar days; it never counts one.

Only names that say the same to everybody: what is short for an offset (CET, MET) is read with summer time by some and
without by others, and `localtime` is another place on every machine.
"""

from functools import cache
from typing import Final
from zoneinfo import available_timezones

from milepost_core.model.problems import nearest_word
from milepost_core.model.section import Section

__all__ = ["ZONE_FORM", "is_zone", "parse_zone"]

_UTC: Final = "UTC"
_AREAS: Final = (
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
)  # fmt: skip
ZONE_FORM: Final = f"{_UTC}|(?:{'|'.join(_AREAS)})/[A-Za-z0-9_+/-]+"
"""How the name of such a zone is written."""


def parse_zone(section: Section) -> str:
    """The zone under ``timezone``: UTC, or an area and a city of it."""
    name = section.text("timezone", _UTC)
    known = _names()
    if name in known or not name:
        return name or _UTC
    near = nearest_word(name, known, section.problems)
    section.note("timezone", f"{name[:60]!r} is no time zone that means the same everywhere",
                 "UTC, or an area and a city such as Europe/Berlin", near)  # fmt: skip
    return _UTC


def is_zone(name: str) -> bool:
    """Tell whether a name is UTC or such an area and city."""
    return name in _names()


@cache
def _names() -> frozenset[str]:
    return frozenset({_UTC, *(name for name in available_timezones() if name.partition("/")[0] in _AREAS)})
