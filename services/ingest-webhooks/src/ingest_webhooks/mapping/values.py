"""Reads numbers and moments as providers write them; it keeps nothing."""

import math
import re
from datetime import UTC, datetime
from typing import Any

from ingest_webhooks.rules import Rule
from ingest_webhooks.shapes import Broken, instant_of_milliseconds

# Ten digits are seconds until the year 2286; more are milliseconds.
_SECONDS_DIGITS = 10
_STAMP = re.compile(r"-?[0-9]{1,20}")
_FRACTION = re.compile(r"(\.[0-9]{6})[0-9]+")


def read_value(rule: Rule, value: Any) -> Any:
    """Return the changed value as the rule reads it, None when it was cleared; raises Broken for no number or date."""
    if not isinstance(value, str):
        return value
    word = rule.translate.get(value.strip().lower(), value).strip()
    if not word:
        return None
    match rule.reads:
        case "number":
            return number_of(word)
        case "date":
            return instant_of(word).isoformat()
        case _:
            return word


def number_of(text: str) -> float:
    """Return a finite number; raises Broken."""
    try:
        number = float(text)
    except ValueError:
        raise Broken("the value is no number") from None
    if not math.isfinite(number):
        raise Broken("the value is no finite number")
    return int(number) if number.is_integer() else number


def instant_of(value: Any) -> datetime:
    """Return the moment that a value names: ISO 8601 (UTC without an offset), epoch seconds or milliseconds.

    Numbers of up to ten digits are seconds. Raises Broken.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return _of_number(value)
    if isinstance(value, str):
        word = value.strip()
        if _STAMP.fullmatch(word):
            return _of_number(int(word))
        try:
            # Some write nanoseconds; microseconds are all that we hold.
            moment = datetime.fromisoformat(_FRACTION.sub(r"\1", word))
        except ValueError:
            raise Broken("the value is no date") from None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    raise Broken("the value is no date")


def _of_number(number: float) -> datetime:
    seconds = len(str(abs(int(number)))) <= _SECONDS_DIGITS
    return instant_of_milliseconds(round(number * 1000) if seconds else int(number))
