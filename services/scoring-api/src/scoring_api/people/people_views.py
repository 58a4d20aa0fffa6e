"""What people say above a score on the wire: overrides and pulses, and how every word of theirs is read.

It decides nothing. Every text here is plain text: it may hold line breaks, no other control characters, and is shown
as it is.
"""

import difflib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from unicodedata import bidirectional, category
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, StringConstraints
from pydantic_core import PydanticCustomError

from milepost_contracts.events import Moment
from milepost_contracts.health import Band

BANDS: Final = ("green", "yellow", "red")
PULSE_WORDS: Final = {"good": 85.0, "fair": 50.0, "poor": 15.0}
PULSE_DAYS: Final = 90
NOTE_LENGTH: Final = 5000
REASON_LENGTH: Final = 1000
AUTHOR_LENGTH: Final = 200
# They make letters stand in another order than they were typed; no script needs them, or whoever shows it adds its own.
_TURNS: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})

# Nothing that controls or breaks a line, and something beside blanks.
SIGNATURE_FORM: Final = r"^[^\x00-\x1f\x7f-\xa0]*[^\x00-\x20\x7f-\xa0][^\x00-\x1f\x7f-\xa0]*$"
_SIGNED: Final = re.compile(SIGNATURE_FORM.removeprefix("^").removesuffix("$"))

OverrideState = Literal["active", "ended", "replaced", "expired"]
PulseState = Literal["stands", "older", "expired", "taken_back"]


def near_word(word: str, known: Sequence[str]) -> str:
    """Return the known word that was probably meant as half a sentence, else all known words."""
    near = difflib.get_close_matches(word.lower(), known, n=1)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"


def _calm(text: Any) -> Any:
    """One way to break lines, and no blanks around; done first, so that browsers' two-letter breaks count as one."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip() if isinstance(text, str) else text


def _plain(calm: str) -> str:
    """Nothing that a terminal, a page or a mail would obey instead of show."""
    if any(category(letter) in ("Cc", "Cs") and letter not in "\n\t" for letter in calm):
        raise PydanticCustomError("bad_string", "expected plain text, without control characters")
    if any(bidirectional(letter) in _TURNS for letter in calm):
        raise PydanticCustomError("bad_string", "expected plain text, without characters that turn its direction")
    if all(category(letter)[0] in "CZ" for letter in calm):
        raise PydanticCustomError("bad_string", "expected a text that can be seen")
    return calm


def _signature(name: str) -> str:
    calm = name.strip()
    if not _SIGNED.fullmatch(name) or not calm.isprintable():
        raise PydanticCustomError("bad_string", "expected a name that can be printed on one line")
    return calm


def _band(word: str) -> str:
    if word not in BANDS:
        raise PydanticCustomError("unknown_band", "no such band: {hint}", {"hint": near_word(word[:50], BANDS)})
    return word


def _feeling(value: Any) -> float:
    """A number from 0 to 100, or one of three words for one."""
    if isinstance(value, str):
        if value not in PULSE_WORDS:
            hint = near_word(value[:50], tuple(PULSE_WORDS))
            raise PydanticCustomError("unknown_word", "expected 0 to 100 or a word: {hint}", {"hint": hint})
        return PULSE_WORDS[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("wrong_type", "expected a number from 0 to 100, or good, fair or poor")
    if not 0 <= value <= 100:
        raise PydanticCustomError("out_of_range", "expected a number from 0 to 100")
    return float(value)


Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=REASON_LENGTH), AfterValidator(_plain), BeforeValidator(_calm)
]
Text = Annotated[
    str, StringConstraints(min_length=1, max_length=NOTE_LENGTH), AfterValidator(_plain), BeforeValidator(_calm)
]
Signature = Annotated[
    str,
    StringConstraints(min_length=1, max_length=AUTHOR_LENGTH),
    AfterValidator(_signature),
    Field(json_schema_extra={"pattern": SIGNATURE_FORM}),
]
Author = Annotated[
    Signature | None, Field(description="Who says so, when an app speaks for people; the key's name when left out")
]
Until = Annotated[Moment, Field(strict=False)]
BandWord = Annotated[
    str, StringConstraints(max_length=100), AfterValidator(_band), Field(json_schema_extra={"enum": list(BANDS)})
]
Feeling = Annotated[float, PlainValidator(_feeling, json_schema_input_type=float | Literal["good", "fair", "poor"])]


class Wire(BaseModel):
    """A shape on the wire: what a person said or is answered, with nothing beside it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, from_attributes=True)


class Asked(Wire):
    """What a person asks for: taken as it is written, nothing is turned into something else."""

    model_config = ConfigDict(strict=True)


def _said(*names: str) -> dict[str, Any]:
    """The schema of a shape that says all of these; null is as good as left out."""
    return {"required": list(names), "properties": {name: {"not": {"type": "null"}} for name in names}}


class OverrideRequest(Asked):
    """A band or a score to act on instead of the computed one, why, and until when: 30 days at most."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"band": "yellow", "reason": "their migration was agreed with us; it ends next week", "days": 10}
            ],
            "allOf": [
                {"oneOf": [_said("band"), _said("score")]},
                {"oneOf": [_said("expires_at"), _said("days")]},
            ],
        }
    )

    band: BandWord | None = None
    score: float | None = Field(None, description="0 to 100; the model's thresholds make it a band")
    reason: Reason
    expires_at: Until | None = Field(None, description="Either this or `days`")
    days: float | None = Field(None, gt=0, le=30, description="So many days from now")
    author: Author = None


class EndRequest(Asked):
    """Why something ends before its time."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "the migration is over"}]})

    reason: Reason | None = None
    author: Author = None


class PulseRequest(Asked):
    """How an account feels to a person: 0 (lost) to 100 (delighted), or good (85), fair (50), poor (15).

    It stands until `expires_at`, or for so many days (90 when nothing is said, an hour at least, a year at most); then
    it stops counting by itself. Whether it counts while it stands is the model's business.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"value": "fair", "reason": "their lead was short in the last call", "days": 30}],
            "not": _said("expires_at", "days"),
        }
    )

    value: Feeling
    reason: Reason
    expires_at: Until | None = Field(None, description="Either this or `days`")
    days: float | None = Field(None, gt=0, le=365)
    author: Author = None


class AccountName(Wire):
    """An account in a list of what people said."""

    id: UUID
    name: str


class OverrideView(Wire):
    """An override: who said what until when, and how it ended."""

    id: UUID
    account_id: UUID
    band: Band | None
    score: float | None
    reason: str
    author: str
    told_by: str
    created_at: datetime
    expires_at: datetime
    state: OverrideState
    ended_at: datetime | None
    ended_by: str | None
    ended_because: str | None


class AccountOverrides(Wire):
    """The override in force, if there is one, and all there were, the newest first (at most 200)."""

    account_id: UUID
    current: OverrideView | None
    history: tuple[OverrideView, ...]


class OverrideRow(Wire):
    """An override in the list over all accounts."""

    account: AccountName
    override: OverrideView


class OverridePage(Wire):
    """One page of overrides, the newest first."""

    data: tuple[OverrideRow, ...]
    next_cursor: str | None


class OverrideMonth(Wire):
    """How many of the accounts of a month were overridden in it; `share` of 1."""

    month: str = Field(description="2026-03, by UTC")
    accounts: int
    overridden: int
    share: float | None


class Outcome(Wire):
    """What became of a group of accounts in the span; `churned_share` of 1."""

    accounts: int
    churned: int
    renewed: int
    neither: int
    churned_share: float | None


class Outcomes(Wire):
    """Overridden against not overridden accounts; `raised` and `lowered` say which way people moved the model's word.

    Of overridden accounts what happened after the override counts. An account that was moved both ways is in both.
    """

    overridden: Outcome
    raised: Outcome
    lowered: Outcome
    not_overridden: Outcome


class OverrideStatistics(Wire):
    """How often people overrule the model, and what became of those accounts: for the quarterly review."""

    model_config = ConfigDict(populate_by_name=True)

    start: datetime = Field(validation_alias="from", serialization_alias="from")
    end: datetime = Field(validation_alias="to", serialization_alias="to")
    months: tuple[OverrideMonth, ...]
    outcomes: Outcomes


class PulseView(Wire):
    """A person's word on an account; of those that have not ended the newest one stands.

    What stands counts if the model that judges the account weighs it. `counts` is null until the score was told anew
    after the word was given; `why` says why it does not count, or not yet.
    """

    id: str
    account_id: UUID
    value: float | None
    reason: str
    author: str
    told_by: str
    given_at: datetime
    expires_at: datetime | None
    taken_back_at: datetime | None
    state: PulseState
    counts: bool | None
    why: str = Field(description="Empty when it counts")


class AccountPulses(Wire):
    """The pulse that stands, if there is one, and all that were given, the newest first (at most 200)."""

    account_id: UUID
    current: PulseView | None
    history: tuple[PulseView, ...]
