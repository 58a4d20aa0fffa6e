"""Shows what people and providers typed: isolated from the text around, without direction controls, never endless.

It never changes what is stored, compared or sent in a form.
"""

import re
from typing import Final

from markupsafe import Markup

NAME: Final = 120
SENTENCE: Final = 400
WHOLE: Final = 1000
ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"
# Embeddings, overrides and isolates can break out of <bdi>: a stray "pop" would end the isolation that it makes.
_CONTROLS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
# What separates paragraphs for the bidirectional algorithm ends every isolation too; to readers it is a space.
_BREAKS: Final = re.compile("[\n\r\x1c-\x1e\x85\u2028\u2029]+")


def flat(text: str | None, most: int = NAME) -> str:
    """Return a typed text for a title or an attribute: no direction controls, at most so many characters."""
    calm = _BREAKS.sub(" ", _CONTROLS.sub("", text or ""))
    return calm if len(calm) <= most else calm[: most - 1].rstrip() + ELLIPSIS


def typed(text: str | None, most: int = NAME) -> Markup:
    """Return a typed text for a page, isolated; a clipped one carries more of itself, at most 1,000 characters."""
    shown, whole = flat(text, most), flat(text, WHOLE)
    if shown == whole:
        return Markup("<bdi>{}</bdi>").format(shown)
    return Markup('<bdi title="{}">{}</bdi>').format(whole, shown)


def told(text: str | None) -> Markup:
    """Return a whole sentence that may hold typed values, in the same way."""
    return typed(text, SENTENCE)


def prose(text: str) -> Markup:
    """Return a whole text that somebody wrote, line by line, each isolated like a name."""
    lines = (Markup("<bdi>{}</bdi>").format(_CONTROLS.sub("", line)) for line in _BREAKS.split(text))
    return Markup("<br>").join(lines)
