"""The feed `ingest.event` as other services read it, and the plain event that anyone may post.

It never carries a provider's raw body, and it never says what an event is worth: that is the score model's business.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any
from unicodedata import category
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainValidator,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from milepost_contracts.references import Malformed, canonical

FEED = "ingest.event"

# Types that speak about the book-keeping of accounts; they are no behaviour of a customer. Only Milepost tells them:
# in the feed they carry the source OWN_SOURCE, which no sender has, and readers believe no other.
ACCOUNT_LINKED = "account.linked"
ACCOUNT_UNLINKED = "account.unlinked"
ACCOUNT_MERGED = "account.merged"
EVENT_RETRACTED = "event.retracted"
PERSON_ERASED = "person.erased"
BOOK_KEEPING = (ACCOUNT_LINKED, ACCOUNT_UNLINKED, ACCOUNT_MERGED, EVENT_RETRACTED, PERSON_ERASED)
OWN_SOURCE = "milepost"
# A word of a person counts with its author, its reason and its end: who has a key to give it says it where it is asked
# for all three, and nobody else does.
PULSE_GIVEN = "pulse.given"
OWN_TYPES = (*BOOK_KEEPING, PULSE_GIVEN)

# What names a thing is short, so that every index downstream can hold it.
NAME_LENGTH = 255
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _tellable(kind: str) -> str:
    if kind in BOOK_KEEPING:
        raise ValueError("told by Milepost alone")
    if kind == PULSE_GIVEN:
        raise ValueError("told by Milepost alone; a person gives a pulse with POST /accounts/{account}/pulse")
    return kind


def _as_compared(reference: str) -> str:
    """Ids of ours, domains and Salesforce's ids can be written in several ways, and there is one to compare them by."""
    try:
        found = canonical(reference)
    except Malformed as error:
        raise PydanticCustomError("bad_reference", "{why}", {"why": str(error)}) from None
    if len(found) > NAME_LENGTH:
        raise ValueError(f"at most {NAME_LENGTH} characters, also as it is compared")
    return found


def _is_rfc_3339(value: Any) -> Any:
    """A number could be seconds or milliseconds, so only text says when something happened."""
    if not isinstance(value, str) or _RFC_3339.fullmatch(value) is None:
        raise PydanticCustomError("bad_time", "expected a text as RFC 3339 writes it, such as 2026-03-02T09:30:00Z")
    return value


def _readable(name: str) -> str:
    """A name is something that a person can see and a database can hold."""
    if name.isascii() and name.isprintable() and not name.isspace():
        return name
    if "\0" in name or any(category(letter) == "Cs" for letter in name):
        raise PydanticCustomError("bad_string", "expected a text without U+0000 and without half characters")
    if all(category(letter)[0] in "CZ" for letter in name):
        raise PydanticCustomError("bad_string", "expected a text that can be seen")
    return name


Name = Annotated[str, StringConstraints(min_length=1, max_length=NAME_LENGTH), AfterValidator(_readable)]
# The type of an event that somebody else than Milepost may tell.
EventType = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$", max_length=100),
    AfterValidator(_tellable),
]
AccountReference = Annotated[
    str,
    StringConstraints(
        pattern=r"^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[a-z][a-z0-9_]{0,31}:\S(.*\S)?)$",
        max_length=NAME_LENGTH,
    ),
    AfterValidator(_readable),
    AfterValidator(_as_compared),
]


def _within_the_calendar(moment: datetime) -> datetime:
    """The first and the last hours of the calendar have no instant in UTC."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("bad_time", "expected an instant between the years 1 and 9999 in UTC") from None


Moment = Annotated[AwareDatetime, BeforeValidator(_is_rfc_3339), AfterValidator(_within_the_calendar)]


def _read_value(value: Any) -> float | str | None:
    """A number or a text of up to 4096 characters; a truth value is neither."""
    if value is None or (isinstance(value, str) and len(value) <= 4096):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        if abs(value) < 1e300:
            return float(value) + 0.0  # there is one nought
        raise PydanticCustomError("out_of_range", "expected a number between -1e300 and 1e300")
    if isinstance(value, str):
        raise PydanticCustomError("bad_string", "expected a text of up to 4096 characters")
    raise PydanticCustomError("wrong_type", "expected a finite number, or a text of up to 4096 characters")


Value = Annotated[float | str | None, PlainValidator(_read_value, json_schema_input_type=float | str | None)]


class EventRow(BaseModel):
    """One published row; readers take rows in the order of `id`.

    `occurred_at` is when it happened (never later than five minutes after it was received; where that changed the
    sender's word, `properties.original_occurred_at` keeps it), `recorded_at` when Milepost knew it. `event_id` is
    stable over repetitions of the same fact. `account.linked` says in `value_text` that a reference leads to the
    account from now on, `account.unlinked` that it no longer does; `account.merged` on an account that is gone names
    its survivor there. All of them count only with the source `milepost`.

    `supersedes` is the `event_id` of a row of the same account (or of one that was merged into it) in whose place
    this one counts from its `recorded_at` on; `event.retracted`, from `milepost` too, takes that row back and says
    nothing itself. Each row is superseded at most once.

    Of several rows that speak of one thing the newest counts: that with the latest `occurred_at`, of one instant that
    with the greatest `sequence`, where that is null `event_id`, byte by byte. `sequence` begins with the source's own
    order if it has one. Of several starts that counts which was said last: at `told_at`, where the sender told no such
    moment at `recorded_at`.

    `person.erased` says that somebody asked to be forgotten: nobody may know any more who acted, or whom it was about,
    in the account's events that `properties.event_ids` names.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    id: int
    event_id: str
    account_id: UUID
    type: str
    occurred_at: datetime
    recorded_at: datetime
    actor: str | None = None
    role: str | None = None
    item: str | None = None
    value: float | None = None
    value_text: str | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    source: str
    connection_id: UUID | None = None
    delivery_id: UUID | None = None
    correlation_id: str = ""
    supersedes: str | None = None
    told_at: datetime | None = None
    sequence: str | None = None


# The columns of the published table in the order of EventRow, for readers that select by name.
COLUMNS = (
    "id, event_id, account_id, type, occurred_at, recorded_at, actor, role, item, value, value_text, "
    "properties, source, connection_id, delivery_id, correlation_id, supersedes, told_at, sequence"
)


class PlainEvent(BaseModel):
    """What happened to whom and when, in our words; unknown types are kept, those that only Milepost tells are refused.

    `id` is the sender's own and makes repetition harmless. `account` is our id or a reference such as
    `hubspot:<portal>:<company>`, `domain:acme.com` (in any case, with or without `www.`) or `external:<any>`.
    `occurred_at` is text as RFC 3339 writes it, with its offset.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: Name
    type: EventType
    account: AccountReference
    occurred_at: Moment
    actor: Name | None = None
    role: Name | None = None
    item: Name | None = None
    value: Value = None
    properties: dict[Name, JsonValue] = Field(default_factory=dict, max_length=200)


class EventsAccepted(BaseModel):
    """How many of the posted events were new, and how many were known already.

    `conflicts` came under a known id and said something else: they are kept aside, the first word stays.
    """

    model_config = ConfigDict(frozen=True)

    accepted: int
    duplicates: int
    conflicts: int = 0
