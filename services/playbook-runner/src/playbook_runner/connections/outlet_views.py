"""What the API shows and takes of outlets and of what CRMs were told; no secret is ever in an answer but a new one."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from playbook_runner.connections.outlet_shapes import Kind

Name = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,60}[a-z0-9])?$", examples=["our-hubspot"])]
Rate = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


class NewOutletBody(_Asked):
    """A connection to make.

    `hubspot`: settings `portal_id`; secrets `token`, or `client_id`, `client_secret`, `refresh_token`. `salesforce`:
    settings `organization_id`, `client_id`, `username`; secrets `private_key` or `client_secret`. `slack`: secrets
    `token`. `webhook`: settings `url`; a secret is made up and shown this once unless one is given.
    """

    name: Name
    kind: Kind
    settings: dict[str, Any] = Field(default_factory=dict)
    secrets: dict[str, Any] = Field(default_factory=dict, repr=False)
    rate_per_s: Rate | None = None


class OutletChange(_Asked):
    """What to change; what is left out stays. Settings are merged key by key, secrets replaced as a whole."""

    name: Name | None = None
    settings: dict[str, Any] | None = None
    secrets: dict[str, Any] | None = Field(default=None, repr=False)
    rate_per_s: Rate | None = None
    active: bool | None = None

    @property
    def values(self) -> dict[str, Any]:
        """What was given; a null lifts the rate and changes nothing else."""
        given = self.model_dump(exclude_unset=True)
        return {name: value for name, value in given.items() if value is not None or name == "rate_per_s"}


class OutletView(_Frozen):
    """A connection as its owner sees it; `off_because` is why the last write to a CRM, of health or by a step, was
    refused as a whole."""

    id: UUID
    name: str
    kind: Kind
    settings: dict[str, Any]
    rate_per_s: float | None
    active: bool
    writes_health: bool
    off_because: str
    created_at: datetime
    changed_at: datetime
    secret: str | None = None


class OutletList(_Frozen):
    """Every outlet, by name."""

    data: list[OutletView]
    next_cursor: None = None


class SetUp(_Frozen):
    """What a set-up did: each property, field or grant with `made` or `there`, and how many accounts will be told."""

    outlet: OutletView
    properties: dict[str, str]
    accounts: int


class Told(_Frozen):
    """What a CRM was last told of one account; `error` is why the last write of it was refused."""

    account_id: UUID
    record_id: str
    wrote_at: datetime | None
    due_at: datetime | None
    attempts: int
    error: str


class Shared(_Frozen):
    """A record to which several accounts lead: it is told of the one that Milepost has known longest, `told_of`.

    `account_ids` are the first of them in that order, twenty at most.
    """

    record_id: str
    told_of: UUID
    accounts: int
    account_ids: list[UUID]


class ToldList(_Frozen):
    """Accounts whose last write was refused or waits for another try, the oldest first; how many wait in all.

    `shared`: records of which several accounts would tell, so that all but one are silent.
    """

    waiting: int
    refused: int
    data: list[Told]
    shared: list[Shared]
