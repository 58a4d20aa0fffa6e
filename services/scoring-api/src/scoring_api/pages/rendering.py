"""Turns views into HTML: one Jinja environment, assets under names that change with their content."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from scoring_api.pages import people, quoting, wording

MEDIA_TYPES = {"css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
FILTERS = (
    "number", "signed", "plain", "percent", "ago", "until", "moment", "day", "machine", "count", "span", "sentence",
    "in_words",
)  # fmt: skip


@dataclass(frozen=True)
class Asset:
    """A file that pages refer to, ready to send."""

    path: str
    media_type: str
    content: bytes


def load_assets() -> dict[str, Asset]:
    """Return the package's static files by name, each under a path that contains its content's digest."""
    found = {}
    for item in sorted(files("scoring_api.pages").joinpath("static").iterdir(), key=lambda one: one.name):
        content = item.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:16]
        media = MEDIA_TYPES[item.name.rpartition(".")[2]]
        found[item.name] = Asset(f"/app/static/{digest}/{item.name}", media, content)
    return found


def _environment(assets: Mapping[str, Asset]) -> Environment:
    environment = Environment(
        loader=PackageLoader("scoring_api.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {name: getattr(wording, name) for name in FILTERS}
    environment.filters |= {"typed": quoting.typed, "told": quoting.told, "flat": quoting.flat, "prose": quoting.prose}
    environment.globals |= {"bands": wording.BANDS, "words": people.WORDS, "asset": lambda name: assets[name].path}
    return environment


@dataclass
class Renderer:
    """Renders pages; keeps templates compiled and assets in memory."""

    assets: dict[str, Asset] = field(default_factory=load_assets)

    def __post_init__(self) -> None:
        self._environment = _environment(self.assets)

    def render(self, template: str, **values: Any) -> str:
        """Return a page as HTML. Every value is escaped; a name that is missing is an error, not a gap."""
        defaults: dict[str, Any] = {"signed_in": True, "session": False, "here": ""}
        return self._environment.get_template(template).render(**(defaults | values))
