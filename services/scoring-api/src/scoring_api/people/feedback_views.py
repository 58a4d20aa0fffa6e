"""What people write about an account on the wire: notes, doubts, answers, and whom to forget; it decides nothing."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, StringConstraints

from milepost_contracts.health import Band, ModelRef
from scoring_api.people.people_views import AccountName, Asked, Author, BandWord, Signature, Text, Wire

Visibility = Literal["internal", "partner", "customer"]
FeedbackVerdict = Literal["agreed", "explained", "data_fixed", "model_changed"]
FeedbackState = Literal["open", "answered"]


class ScoreThen(Wire):
    """The score as it stood when something was said; nulls where there was none yet."""

    score: float | None
    band: Band | None
    as_of: datetime | None


class NoteRequest(Asked):
    """What is worth knowing about an account, and who may read it; plain text."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "Asked for a second training in March.", "visibility": "internal"}]}
    )

    text: Text
    visibility: Visibility = "internal"
    author: Author = None


class FeedbackRequest(Asked):
    """This score looks wrong, because …; the signal that misleads and the band expected instead, if known."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"because": "their seats are counted twice", "signal": "active_seats", "expected_band": "green"}
            ]
        }
    )

    because: Text
    signal: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    expected_band: BandWord | None = None
    author: Author = None


class AnswerRequest(Asked):
    """What came of it: agreed (and not mended yet), explained (the score is right), data_fixed, model_changed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"verdict": "data_fixed", "answer": "The seats are counted once since yesterday."}]
        }
    )

    verdict: FeedbackVerdict
    answer: Text
    author: Author = None


class NoteView(Wire):
    """A note with the score as it stood then."""

    id: UUID
    account_id: UUID
    text: str
    visibility: Visibility
    author: str
    told_by: str
    created_at: datetime
    then: ScoreThen


class NotePage(Wire):
    """One page of notes, the newest first."""

    data: tuple[NoteView, ...]
    next_cursor: str | None


class FeedbackAnswer(Wire):
    """What the owner answered."""

    verdict: FeedbackVerdict
    text: str
    author: str
    at: datetime


class FeedbackView(Wire):
    """Somebody's word that a score looks wrong, whose turn it is, and the answer."""

    id: UUID
    account: AccountName
    because: str
    signal: str | None
    expected_band: Band | None
    author: str
    told_by: str
    owner: str
    state: FeedbackState
    created_at: datetime
    then: ScoreThen
    model: ModelRef | None
    answer: FeedbackAnswer | None


class FeedbackPage(Wire):
    """One page of feedback, what waits longest first; `open` counts all that waits under the same owner."""

    data: tuple[FeedbackView, ...]
    open: int
    next_cursor: str | None


class AccountFeedback(Wire):
    """The feedback on one account's score with its answers, the newest first (at most 100)."""

    account_id: UUID
    data: tuple[FeedbackView, ...]


class ErasureRequest(Asked):
    """Somebody to forget, by one name: a mail address, or what people sign with."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"person": "leaver@acme.example"}]})

    person: Annotated[Signature, StringConstraints(min_length=2)]


class ErasureDone(Wire):
    """How many accounts something was said of that named the person; it names nobody."""

    accounts: int
