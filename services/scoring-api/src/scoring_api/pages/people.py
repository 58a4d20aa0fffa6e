"""What people said of an account, ready for the template; it asks no store."""

from dataclasses import dataclass

from milepost_contracts.health import HealthDocument
from scoring_api.pages.forms import NOTHING_TYPED, Typed
from scoring_api.people.feedback_views import AccountFeedback, FeedbackView, NotePage
from scoring_api.people.people_views import AccountOverrides, AccountPulses, Outcomes, OverridePage, OverrideStatistics

VISIBILITIES = {"internal": "Us only", "partner": "Us and partners", "customer": "Also the customer"}
VERDICTS = {
    "agreed": "Agreed, and not mended yet",
    "explained": "The score is right, and this is why",
    "data_fixed": "The data was wrong and is mended",
    "model_changed": "The model was changed",
}
OVERRIDE_STATES = {"active": "in force", "ended": "ended", "replaced": "replaced", "expired": "over"}
PULSE_STATES = {"stands": "stands", "older": "a newer one stands", "expired": "over", "taken_back": "taken back"}
WORDS = {"visibility": VISIBILITIES, "verdict": VERDICTS, "override": OVERRIDE_STATES, "pulse": PULSE_STATES}
GROUPS = (
    ("overridden", "Overridden"),
    ("raised", "Of these, moved up"),
    ("lowered", "Of these, moved down"),
    ("not_overridden", "Left to the model"),
)


@dataclass(frozen=True)
class PeoplePart:
    """The part of an account's page that people fill."""

    writes: bool
    signed_as: str
    overrides: AccountOverrides
    pulses: AccountPulses
    notes: NotePage
    feedback: AccountFeedback
    signals: tuple[tuple[str, str], ...]
    typed: Typed

    def typed_about(self, milestone: str) -> Typed:
        """Return what was typed into the form of one milestone."""
        return self.typed if self.typed.values.get("milestone") == milestone else NOTHING_TYPED

    def label(self, signal: str) -> str:
        """Return a signal's name for people; its id where the score has it no more."""
        return dict(self.signals).get(signal, signal)


@dataclass(frozen=True)
class Inbox:
    """The page of doubts that wait for an answer."""

    doubts: tuple[FeedbackView, ...]
    state: str
    owner: str
    owners: tuple[str, ...]
    waiting: int
    next: str | None
    writes: bool
    signed_as: str
    typed: Typed


@dataclass(frozen=True)
class Overruled:
    """The page of overrides over all accounts, with the figures of the review."""

    listed: OverridePage
    active: bool
    next: str | None
    review: OverrideStatistics

    @property
    def groups(self) -> tuple[tuple[str, int, int, int, float | None], ...]:
        """Each group of the review: its name, accounts, churned, renewed, share churned."""
        found: Outcomes = self.review.outcomes
        rows = ((words, getattr(found, name)) for name, words in GROUPS)
        return tuple((words, one.accounts, one.churned, one.renewed, one.churned_share) for words, one in rows)


def signals_of(document: HealthDocument) -> tuple[tuple[str, str], ...]:
    """Return id and label of every signal that the score names, by label."""
    named = {one.signal: one.label for one in document.drivers}
    named |= {one.signal: one.label for one in (*document.missing, *document.pending)}
    return tuple(sorted(named.items(), key=lambda pair: pair[1].lower()))
