"""The small forms that every part of a playbook document is made of: names, texts, bands, local times, who.

It never knows a part of the document, and never raises: what is wrong is noted in the section's list.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import time
from typing import Final, cast, get_args

from milepost_core.model.problems import ModelProblem, nearest_word
from milepost_core.model.section import Section
from milepost_core.playbooks.document import Band

__all__ = [
    "ADDRESS_FORM", "BANDS", "CHANNEL_FORM", "FIELD_FORM", "MOST_FIELDS", "MOST_NAME", "MOST_TEXT", "NAME_FORM",
    "READER_FORM", "TIME_FORM", "WHO_FORM", "WORD_FORM", "bands", "chain", "chosen", "event_types", "fields",
    "long_text", "name", "names", "one_line", "problem", "reader", "time_of", "who",
]  # fmt: skip

MOST_TEXT: Final = 64 * 1024
MOST_NAME: Final = 64
MOST_FIELDS: Final = 50
_MOST_WORDS: Final = 100
_MOST_CHAIN: Final = 5
_LINE_ENDS: Final = "\r\n\v\f\x00\x85\u2028\u2029"
NAME_FORM: Final = "[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?"
WORD_FORM: Final = "[A-Za-z0-9][A-Za-z0-9_.-]{0,99}"
FIELD_FORM: Final = "[A-Za-z][A-Za-z0-9_]{0,99}"
CHANNEL_FORM: Final = "[CDG][A-Z0-9]{8,20}"
"""Slack's id of a channel, group or talk: names change, and Slack answers no question about a channel by its name."""
TIME_FORM: Final = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
ADDRESS_FORM: Final = "[^@\\s]{1,64}@[^@\\s]{1,255}"
"""What tells an address from a role; whether mail can go there is for the runner to say."""
WHO_FORM: Final = f"owner|role:{WORD_FORM}|{ADDRESS_FORM}"
READER_FORM: Final = f"{WHO_FORM}|attribute:{FIELD_FORM}"
"""Whom a mail may go to: somebody of ours, or the customer's whose address an attribute of the account holds."""
BANDS: Final = get_args(Band)


def problem(pointer: str, code: str, message: str, expected: str = "") -> ModelProblem:
    """Return a mistake of a kind that has a code."""
    return ModelProblem(pointer, message, expected, code=code)


def name(section: Section, key: str, default: str | None = None) -> str:
    """Return an id or the name of one: lower-case words with hyphens."""
    found = section.text(key) if default is None else section.text(key, default)
    if found and found != default and not re.fullmatch(NAME_FORM, found):
        section.note(key, f"{found[:60]!r} is no id", "lower-case letters, digits and inner hyphens, at most 64")
        return ""
    return found


def names(section: Section, key: str) -> tuple[str, ...]:
    """Return a list of ids, which may be left out."""
    if not section.has(key):
        section.take(key)
        return ()
    found = section.texts(key)
    for one in found:
        if not re.fullmatch(WORD_FORM, one):
            section.note(key, f"{one[:60]!r} is no id", "letters, digits, -, _ and .")
    return found[:_MOST_WORDS]


def long_text(section: Section, key: str, most: int = MOST_TEXT, *, required: bool = True) -> str:
    """Return a text of at most `most` characters, as it is written."""
    found = section.text(key) if required else section.text(key, "")
    if required and found and not found.strip():
        section.note(key, "is blank", "a text")
    if len(found) > most:
        section.problems.append(
            problem(section.at(key), "too_long", f"has {len(found)} characters", f"at most {most} of them")
        )
    return found[:most]


def one_line(section: Section, key: str, most: int, *, required: bool = True) -> str:
    """Return a text of one line: what goes into a header or a heading."""
    found = long_text(section, key, most, required=required)
    if any(sign in found.strip("\n") for sign in _LINE_ENDS):
        section.problems.append(problem(section.at(key), "header_injection", "is more than one line", "one line"))
    return found


def chosen(section: Section, key: str, words: Iterable[str], *, required: bool = True) -> tuple[str, ...]:
    """Return some of these words, each once."""
    if not section.has(key):
        section.take(key)
        if required:
            section.note("", f"{key!r} is missing", f"{key}: a list of words")
        return ()
    known, found = list(words), section.texts(key)
    for one in found:
        if one not in known:
            section.note(key, f"{one[:60]!r} is not known", f"one of {', '.join(known)}", nearest_word(one, known))
    return tuple(dict.fromkeys(one for one in found if one in known))


def bands(section: Section, key: str, *, required: bool = True) -> tuple[Band, ...]:
    """Return bands by their words."""
    return cast(tuple[Band, ...], chosen(section, key, BANDS, required=required))


def event_types(section: Section, key: str) -> tuple[str, ...]:
    """Return event types; one that nobody knows yet may be meant, so only their form is looked at."""
    found = section.texts(key)
    for one in found:
        if not re.fullmatch(WORD_FORM, one):
            section.note(key, f"{one[:60]!r} is no event type", "words with dots, as in ticket.opened")
    return tuple(dict.fromkeys(found[:_MOST_WORDS]))


def time_of(section: Section, key: str, default: time | None = None) -> time | None:
    """Return a local time of day written as HH:MM, quoted; YAML makes a number of sixties of a bare one."""
    value = section.take(key)
    if value is None:
        return default
    if isinstance(value, str) and re.fullmatch(TIME_FORM, value):
        return time(int(value[:2]), int(value[3:]))
    section.note(key, f"{value!r:.60} is no time of day", "'HH:MM' in quotes, from '00:00' to '23:59'")
    return default


def who(section: Section, key: str, default: str | None = None) -> str:
    """Return one person: `owner`, `role:<word>` or an address."""
    found = section.text(key) if default is None else section.text(key, default)
    _check_who(section, key, found)
    return found


def reader(section: Section, key: str, default: str) -> str:
    """Return whom a mail goes to: one person as `who` reads it, or `attribute:<name>`."""
    found = section.text(key, default)
    if found and not re.fullmatch(READER_FORM, found):
        section.note(key, f"{found[:60]!r} names nobody", "owner, role:<word>, attribute:<name> or an address")
    return found


def chain(section: Section, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """Return persons in the order in which they are asked for; the first one that is found takes it."""
    if not section.has(key):
        section.take(key)
        return default
    found = section.texts(key)
    for one in found:
        _check_who(section, key, one)
    if len(found) > _MOST_CHAIN:
        section.note(key, f"names {len(found)} of them", f"at most {_MOST_CHAIN}")
    return found[:_MOST_CHAIN]


def _check_who(section: Section, key: str, found: str) -> None:
    if found and not re.fullmatch(WHO_FORM, found):
        section.note(key, f"{found[:60]!r} names nobody", "owner, role:<word> or an address")


def fields(section: Section, key: str) -> tuple[tuple[str, str], ...]:
    """Return a mapping of names to templates, as pairs in the order in which they are written."""
    value = section.take(key)
    if not isinstance(value, Mapping) or not value:
        section.note(key, "says no field", "a mapping of at least one name to a text")
        return ()
    part = Section(value, section.at(key), section.problems)
    if len(part.keys()) > MOST_FIELDS:
        section.note(key, f"has {len(part.keys())} fields", f"at most {MOST_FIELDS}")
    found = [(one, long_text(part, one)) for one in part.keys()[:MOST_FIELDS]]
    for one, _ in found:
        if not re.fullmatch(FIELD_FORM, one):
            part.note(one, f"{one[:60]!r} is no name of a field", "letters, digits and _")
    return tuple(found)
