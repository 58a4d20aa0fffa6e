"""What the scoring API answers about score models: which there are, who judges, what a change of one changes."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from milepost_contracts.health import Band, ModelRef
from milepost_contracts.wholes import Whole

_Account = Annotated[UUID, Field(strict=False)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class VersionView(_Frozen):
    """One kept version of a model; it never changes. `digest` is of what it says: comments do not count."""

    version: int
    title: str
    in_charge: bool
    shipped: bool
    author: str
    note: str
    created_at: datetime
    digest: str


class ModelSummary(_Frozen):
    """A score model; `applies_to` and `precedence` are of the version in charge, else of the newest one."""

    id: str
    title: str
    in_charge: int | None = Field(description="The version that judges; null: none of them")
    versions: tuple[int, ...]
    applies_to: dict[str, list[Any]] = Field(description="Attributes and their values; empty: all other accounts")
    precedence: int
    shipped: bool


class ModelList(_Frozen):
    """All score models; `line_up` grows with every word on who judges."""

    data: tuple[ModelSummary, ...]
    line_up: int


class ModelVersions(ModelSummary):
    """A score model with its versions, oldest first."""

    history: tuple[VersionView, ...]


class Finding(_Frozen):
    """A mistake or a warning, with its place in the text; line and column count from 1."""

    line: int
    column: int
    pointer: str
    message: str
    expected: str
    nearest: str | None


class LintAnswer(_Frozen):
    """What is wrong with a document (then it cannot be kept), and what it may not mean as it says it."""

    valid: bool
    mistakes: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


class KeptAnswer(_Frozen):
    """A version that is kept now; `new` is false when this content was kept before under this number."""

    id: str
    version: int
    title: str
    new: bool
    warnings: tuple[Finding, ...]


class Reasoned(_Frozen):
    """Why; the change log keeps it."""

    model_config = ConfigDict(
        strict=True, json_schema_extra={"examples": [{"reason": "agreed in the quarterly review"}]}
    )

    reason: str = Field(min_length=1, max_length=1000, pattern=r"\S", examples=["agreed in the quarterly review"])


_Retired = Annotated[
    tuple[str, ...], Field(strict=False, max_length=50, description="Ids of models that stop judging with it")
]


class ActivateRequest(Reasoned):
    """Why, and which models give way at the same moment."""

    retire: _Retired = ()


class LineUpView(_Frozen):
    """Who judges now; `marked` accounts are due because of this change."""

    line_up: int
    changed: bool
    marked: int
    in_charge: tuple[ModelSummary, ...]


class ActivationView(_Frozen):
    """One word on who judges; `before`: the version that was put in charge last before it."""

    id: int
    at: datetime
    model: ModelRef
    title: str
    active: bool
    before: int | None
    author: str
    reason: str


class ActivationPage(_Frozen):
    """The change log, newest first; `next_cursor` is null on the last page."""

    data: tuple[ActivationView, ...]
    next_cursor: str | None


class DifferenceView(_Frozen):
    """One difference; `pointer` leads through lists by id: `/signals/active_seats/weight`."""

    pointer: str
    kind: str = Field(description="added, removed, changed or moved")
    before: Any
    after: Any
    sentence: str


class DiffAnswer(_Frozen):
    """What one version says otherwise than another."""

    id: str
    from_version: int
    to_version: int
    differences: tuple[DifferenceView, ...]


class PreviewRequest(_Frozen):
    """Whom to judge: these accounts, or so many of all; and which models would give way, as for activating."""

    model_config = ConfigDict(strict=True, json_schema_extra={"examples": [{"limit": 100}]})

    accounts: tuple[_Account, ...] | None = Field(default=None, strict=False, min_length=1, max_length=500)
    limit: Whole = Field(default=200, ge=1, le=500, description="How many accounts to try, when none are named")
    retire: _Retired = ()


class Judgement(_Frozen):
    """A score by one model; the band is the plain one, without waiting times and a person's word."""

    model: ModelRef
    score: float | None
    band: Band


class PreviewRow(_Frozen):
    """One account as it is judged now and as it would be."""

    account_id: UUID
    name: str
    before: Judgement
    after: Judgement


class Move(_Frozen):
    """How many accounts go from one band to another."""

    before: Band
    after: Band
    accounts: int


class PreviewAnswer(_Frozen):
    """What would change if this version judged; nothing is stored.

    `tried` accounts were looked at, `taken` of them would be judged by it.
    """

    as_of: datetime
    tried: int
    taken: int
    moves: tuple[Move, ...]
    accounts: tuple[PreviewRow, ...]
