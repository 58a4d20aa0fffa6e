"""Reads numbers and moments as providers write them; it keeps nothing."""

import math
import re
from datetime import UTC, datetime
from typing import Any

from ingest_webhooks.words.rules import Rule
from ingest_webhooks.words.shapes import Broken, instant_of_milliseconds

# Ten digits are seconds until the year 2286; more are milliseconds.
_SECONDS_DIGITS = 10
# The range of a plain event's value.
NUMBER_LIMIT = 1e300
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
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
    """Return a number as JSON or a spreadsheet writes one, whole ones exactly; raises Broken."""
    if _NUMBER.fullmatch(text) is None:
        raise Broken("the value is no number")
    number = float(text)
    if not abs(number) < NUMBER_LIMIT:
        raise Broken("the value is no number between -1e300 and 1e300")
    if _WHOLE.fullmatch(text):
        return int(text)
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
