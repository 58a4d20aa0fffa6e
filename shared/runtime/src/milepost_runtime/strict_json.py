"""Reads JSON strictly: what two parsers could understand differently is refused; it never keeps anything."""

import json
import re
from typing import Any

MAX_DEPTH = 64
MAX_KEYS = 2_000
MAX_VALUES = 20_000
MAX_DIGITS = 40
_MANY_DIGITS = re.compile(rf"[0-9]{{{MAX_DIGITS + 1}}}")
# Every digit as a nought: finding a long run in it is twenty times as fast as a pattern over the body.
_NOUGHTS = bytes(48 if 48 <= code <= 57 else 32 for code in range(256))
_LONG_RUN = b"0" * (MAX_DIGITS + 1)
# Possessive and content with a string that never ends, so that it stays linear on hostile text.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+\\?(?:"|\Z)', re.DOTALL)
_BLANK = " \t\r\n"


class BadBody(Exception):
    """The body is no JSON that every reader understands alike; `code` names the rule."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def read_json(body: bytes, max_values: int = MAX_VALUES) -> Any:
    """Return the document.

    Raises BadBody with one of bad_encoding, bad_json, duplicate_key, too_deep, too_wide, number_too_long.
    """
    text = _text_of(body)
    if _LONG_RUN in body.translate(_NOUGHTS):
        _check_numbers(text)
    if text.count(",") > max_values:
        _check_width(text, max_values)
    document = _decoded(text, _DECODER)
    if _members_of(document) != _names_in(text):
        document = _decoded(text, _CAREFUL)
    return document


def _names_in(text: str) -> int:
    """Return how many members a text names, if it is written as nearly everybody writes it; else -1.

    A name ends with a quote, and right behind it stands the colon. With blanks behind quotes, or colons behind quotes
    inside of strings, counting tells nothing, and the text has to be read member by member.
    """
    if '" ' in text or '"\n' in text or '"\t' in text or '"\r' in text:
        return -1
    return text.count('":')


def _decoded(text: str, decoder: json.JSONDecoder) -> Any:
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as error:
        raise BadBody("bad_json", f"no valid JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise BadBody("too_deep", f"nested deeper than {MAX_DEPTH}") from None


def _members_of(document: Any) -> int:
    """Return the number of members of all objects; raises BadBody for what is too deep or too wide."""
    level = [document] if isinstance(document, dict | list) else []
    depth = members = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise BadBody("too_deep", f"nested deeper than {MAX_DEPTH}")
        inner: list[Any] = []
        for node in level:
            values: Any = node
            if type(node) is dict:
                members += len(node)
                if len(node) > MAX_KEYS:
                    raise BadBody("too_wide", f"an object has more than {MAX_KEYS} keys")
                values = node.values()
            inner += [value for value in values if type(value) is dict or type(value) is list]
        level = inner
    return members


def _text_of(body: bytes) -> str:
    if body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise BadBody("bad_encoding", "the body starts with a byte order mark; send plain UTF-8")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadBody("bad_encoding", f"no valid UTF-8 at byte {error.start}") from None
    if not text.strip(_BLANK):
        raise BadBody("bad_json", "the body is empty")
    if "\0" in text:
        raise BadBody("bad_encoding", "the body holds zero bytes; send plain UTF-8")
    return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise BadBody("duplicate_key", "an object names the same key twice")
    return result


def _no_constant(name: str) -> Any:
    raise BadBody("bad_json", f"{name} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
_CAREFUL = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)


def _check_numbers(text: str) -> None:
    if _MANY_DIGITS.search(_STRING.sub("", text)):
        raise BadBody("number_too_long", f"a number has more than {MAX_DIGITS} digits")


def _check_width(text: str, max_values: int) -> None:
    if _STRING.sub("", text).count(",") > max_values:
        raise BadBody("too_wide", f"more than {max_values} values")
