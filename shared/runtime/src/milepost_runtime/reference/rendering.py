"""The reference as HTML; the only module of the runtime that imports Jinja, so it is itself imported late."""

import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from milepost_runtime.reference.contract import Reference


def render(page: Reference, style: str, icon: str, home: str) -> str:
    """Return the page; `style` and `icon` are addresses beside it, `home` leads to the service's screens or is empty.

    Every text of the contract is escaped; a name that the template lacks is an error, not a gap.
    """
    environment = Environment(
        loader=PackageLoader("milepost_runtime.reference"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"coded": coded, "paragraphs": paragraphs, "heading": heading}
    return environment.get_template("reference.html").render(page=page, style=style, icon=icon, home=home)


def coded(text: str) -> Markup:
    """Return a text with its `back-quoted` parts as code; everything is escaped."""
    parts = text.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(p) if n % 2 else escape(p) for n, p in enumerate(parts))


def paragraphs(text: str) -> list[str]:
    """Return a text at its empty lines; single line ends are the author's editor's, not the reader's."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]


def heading(text: str) -> str:
    """Return a name with a capital at its start."""
    return text[:1].upper() + text[1:]
