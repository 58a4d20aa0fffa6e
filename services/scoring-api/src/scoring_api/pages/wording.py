"""Figures and moments in words, as people read them; it never reads a clock of its own."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
NARROW = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class BandWords:
    """A band's name for people, and the words of what it asks for."""

    word: str
    meaning: str


BANDS = {
    "red": BandWords("At risk", "needs a person now"),
    "yellow": BandWords("Watch", "worth a look this week"),
    "green": BandWords("On track", "nothing to do"),
    "unknown": BandWords("Unknown", "too little data to say"),
}
_CODES = re.compile(r"\b(?:green|yellow|red)\b", re.IGNORECASE)
_HYPHEN_MINUS = re.compile(r"(?<!\w)-(?=\d)")
# The order in which bands ask for attention.
BAND_ORDER = ("red", "yellow", "unknown", "green")
TRENDS = {"rising": "rising", "steady": "steady", "falling": "falling", "unknown": "trend not known yet"}


def number(value: float | None, places: int = 1) -> str:
    """Return the figure with a real minus sign and no negative zero; a dash where there is none."""
    if value is None:
        return NONE
    text = f"{abs(value):,.{places}f}"
    return MINUS + text if value < 0 and float(text.replace(",", "")) else text


def signed(value: float | None, places: int = 1) -> str:
    """Return the figure with its sign: `+3.2`, a real minus, and a plain `0.0` without one."""
    text = number(value, places)
    if value is None or text.startswith(MINUS) or not float(text.replace(",", "")):
        return text
    return "+" + text


def plain(value: float | str | None) -> str:
    """Return a raw input as people write it: whole numbers whole, others with at most two places."""
    if value is None:
        return NONE
    if isinstance(value, str):
        return value
    shown = number(value, 2)
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def percent(share: float | None) -> str:
    """Return a share of 1 in whole percent."""
    return NONE if share is None else f"{number(share * 100, 0)}{NARROW}%"


def ago(then: datetime, now: datetime) -> str:
    """Return how long ago a moment was, in its largest whole unit; a moment ahead by clock skew is `just now`."""
    seconds = (now - then).total_seconds()
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {word}{'' if count == 1 else 's'} ago"
    return "just now"


def until(then: datetime, now: datetime) -> str:
    """Return when a day comes or came, in whole days: `today`, `in 3 days`, `4 days ago`."""
    days = (then.astimezone(UTC).date() - now.astimezone(UTC).date()).days
    if days == 0:
        return "today"
    unit = "day" if abs(days) == 1 else "days"
    return f"in {days} {unit}" if days > 0 else f"{-days} {unit} ago"


def moment(at: datetime) -> str:
    """Return an absolute moment in UTC, to the minute."""
    return f"{day(at)}, {at.astimezone(UTC):%H:%M} UTC"


def day(at: datetime) -> str:
    """Return a calendar day in UTC, with its year."""
    return f"{at.astimezone(UTC).day} {at.astimezone(UTC):%b %Y}"


def short_day(at: datetime) -> str:
    """Return a calendar day in UTC without its year, for axes."""
    return f"{at.astimezone(UTC).day} {at.astimezone(UTC):%b}"


def machine(at: datetime) -> str:
    """Return a moment as RFC 3339 in UTC, for `datetime` attributes and JSON."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def count(amount: int, one: str, many: str | None = None) -> str:
    """Return `1 account`, `4 accounts`."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def span(days: float) -> str:
    """Return a duration in days, whole where it is whole."""
    if days <= 0:
        return "at once"
    return count(int(days), "day") if days == int(days) else f"{number(days)} days"


def spaced_days(start: datetime, end: datetime, steps: int) -> list[datetime]:
    """Return `steps` + 1 moments from start to end, evenly spaced."""
    size: timedelta = (end - start) / steps
    return [start + size * step for step in range(steps + 1)]


def sentence(text: str) -> str:
    """Return a text as a sentence in a list: first letter large, a real minus before figures, no full stop."""
    text = _HYPHEN_MINUS.sub(MINUS, text.strip())
    return text[:1].upper() + text[1:].removesuffix(".")


def in_words(text: str) -> str:
    """Return a text that names bands by their codes with the words that the pages use."""
    return _CODES.sub(lambda found: f"“{BANDS[found[0].lower()].word}”", text)
