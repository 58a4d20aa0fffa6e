"""What the API shows of playbooks as documents; it holds no rule and no statement."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

PlaybookState = Literal["draft", "active", "paused", "retired"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class PlaybookSummary(_Frozen):
    """The version of a playbook that is in force (active or paused), or the newest one when none is."""

    id: str
    version: int
    name: str
    purpose: str
    state: PlaybookState
    activated_at: datetime | None
    versions: list[int] = Field(description="The numbers of all versions.")


class PlaybookList(_Frozen):
    """Every playbook that is kept."""

    data: list[PlaybookSummary]
    next_cursor: None = None


class PlaybookView(PlaybookSummary):
    """One version with its whole document; `audience` is whom it is for, as a sentence.

    `fault` is why the scoring API cannot be asked what it waits for; null while it can.
    """

    author: str
    created_at: datetime
    audience: str | None
    fault: str | None = None
    document: dict[str, Any]


class VersionView(_Frozen):
    """One version: `draft` was never in force, `retired` was."""

    version: int
    state: PlaybookState
    author: str
    created_at: datetime
    activated_at: datetime | None


class VersionList(_Frozen):
    """Every version that was ever kept, oldest first."""

    data: list[VersionView]
    next_cursor: None = None


class Finding(_Frozen):
    """Something wrong, or doubtful, with its place; line and column count from 1."""

    line: int
    column: int
    pointer: str
    code: str
    detail: str


class LintAnswer(_Frozen):
    """`mistakes`: for these it could not be kept; `warnings`: what it may not mean as it says it."""

    valid: bool
    mistakes: list[Finding]
    warnings: list[Finding]


class KeptAnswer(_Frozen):
    """What a document became; `new` is false when it was kept before, as it is."""

    id: str
    version: int
    name: str
    new: bool
    warnings: list[Finding]


class DifferenceView(_Frozen):
    """One place where two versions differ; lists whose members have ids are led through by these."""

    pointer: str
    kind: Literal["added", "removed", "changed", "moved"]
    before: Any
    after: Any
    sentence: str


class DiffAnswer(_Frozen):
    """What the later version says otherwise."""

    id: str
    from_version: int
    to_version: int
    differences: list[DifferenceView]


class Release(BaseModel):
    """What becomes of open runs of other versions: they stay on theirs, move to this one, or stop."""

    model_config = ConfigDict(extra="forbid")
    in_flight: Literal["stay", "move", "stop"] = "stay"


class ReleasedView(_Frozen):
    """The version that is in force now, and what became of the open runs of the others.

    `warnings`: connections that it names and there are not; after a rollback nobody looks.
    """

    playbook: PlaybookView
    stayed: int
    moved: int
    stopped: int
    warnings: list[Finding]
