"""The words that a score model brings along for people: labels, units, templates, hints on what to do.

It never fills a template in (`explanation` does) and never checks one (`parsing` has).
"""

from dataclasses import dataclass

__all__ = ["Broad", "Counted", "Summary", "Texts"]


@dataclass(frozen=True, slots=True)
class Counted:
    """A unit or template that may read differently beside the figure 1."""

    other: str
    one: str | None = None

    def beside(self, shown: str) -> str:
        """The words to put beside a figure as it is shown: ``1`` takes the singular where there is one."""
        return self.one if self.one is not None and shown in ("1", "-1") else self.other


@dataclass(frozen=True, slots=True)
class Texts:
    """The words shown to people about a signal."""

    label: str
    unit: Counted
    target: str
    good: Counted | None
    bad: Counted | None
    next_step: str | None
    format: str
    guide: str | None = None
    """Where the next step is explained to whoever takes it: an address or the name of a guide."""
    playbook: str | None = None
    """The id of the playbook that takes the next step."""
    target_points: float = 100.0
    """From so many points of its curve on, a value meets the target."""
    ask_again: str | None = None
    """The next step for a value that meets the target, and loses points by its age alone."""


@dataclass(frozen=True, slots=True)
class Broad:
    """When trouble counts as broad: at least ``dimensions`` of them score below ``below`` points.

    Then ``next_step`` comes before the steps of single signals.
    """

    dimensions: int
    below: float
    next_step: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The sentence about a whole account by its band, with placeholders; None: the plain one."""

    green: str | None = None
    yellow: str | None = None
    red: str | None = None
    unknown: str | None = None

    def of(self, band: str) -> str | None:
        """The template for a band, by its word."""
        return {"green": self.green, "yellow": self.yellow, "red": self.red}.get(band, self.unknown)
