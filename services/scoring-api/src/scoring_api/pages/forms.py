"""Forms of the screens: from typed fields to a request, and back with a word beside each field that is wrong."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

Wanted = TypeVar("Wanted", bound=BaseModel)
NUMBERS: Final = frozenset({"days", "score", "value"})
# Numbers as people write them; a program would also take 1_0 for ten.
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?")
_WORDS: Final = {
    "missing": "This is needed.",
    "string_too_short": "This is needed.",
    "string_too_long": "At most {max_length} characters.",
    "greater_than": "More than {gt:g}.",
    "greater_than_equal": "At least {ge:g}.",
    "less_than": "Less than {lt:g}.",
    "less_than_equal": "At most {le:g}.",
    "float_type": "A number.",
    "finite_number": "A number.",
    "literal_error": "Choose one of these.",
}


@dataclass(frozen=True)
class Typed:
    """What was typed into one form, and what is wrong with it by field; of other forms nothing was typed."""

    form: str = ""
    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    errors: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def value(self, form: str, name: str, otherwise: str = "") -> str:
        """Return what stands in a field."""
        return self.values.get(name, otherwise) if form == self.form else otherwise

    def error(self, form: str, name: str) -> str:
        """Return what is wrong with a field, empty if nothing is."""
        return self.errors.get(name, "") if form == self.form else ""

    def wrong(self, form: str) -> bool:
        """Tell whether this form was sent and could not be taken."""
        return form == self.form and bool(self.errors)


NOTHING_TYPED: Final = Typed()


class FormRefused(Exception):
    """A form that cannot be taken as it was filled in."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("a form cannot be taken")
        self.errors = errors


def read(wanted: type[Wanted], values: Mapping[str, str]) -> Wanted:
    """Return the request that a form makes; fields left empty are not given. Raises FormRefused."""
    known = wanted.model_fields.keys() - {"author"}
    given = {name: _number(name, text) for name, text in values.items() if name in known and text.strip()}
    try:
        return wanted.model_validate(given)
    except ValidationError as error:
        raise FormRefused({str(one["loc"][0]): _said(one) for one in error.errors()}) from None


def _number(name: str, text: str) -> str | float:
    if name not in NUMBERS:
        return text
    return float(text) if _NUMBER.fullmatch(text.strip()) else text


def _said(error: Any) -> str:
    """Return a sentence for people; what our own rules say is one already."""
    words = _WORDS.get(error["type"])
    if words is not None:
        return words.format(**error.get("ctx", {}))
    text = str(error["msg"])
    ended = text if text.endswith("?") else f"{text.removesuffix('.')}."
    return f"{ended[:1].upper()}{ended[1:]}"
