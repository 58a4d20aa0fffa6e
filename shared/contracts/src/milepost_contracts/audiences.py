"""The question who is meant: a condition as it travels, the facts of an account, and what the scoring API answers.

It never decides whether a condition holds: that is the law in `milepost_core.playbooks.conditions`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictStr,
    StringConstraints,
    Tag,
    model_validator,
)

from milepost_contracts.health import HealthDigest
from milepost_core.playbooks.conditions import (
    ASKING,
    LISTING,
    MOST_DEPTH,
    MOST_NUMBER,
    MOST_PARTS,
    MOST_VALUES,
    MOST_WORD,
    ORDERING,
    SUBJECT,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Fact,
    Facts,
    Not,
    Operator,
    depth_of,
    tests_of,
)

MOST_ACCOUNTS: Final = 1_000
MOST_SUBJECTS: Final = 200
_Number = Annotated[StrictFloat, Field(gt=-MOST_NUMBER, lt=MOST_NUMBER)]
_Scalar = StrictBool | _Number | Annotated[StrictStr, Field(max_length=MOST_WORD)]
Subject = Annotated[str, StringConstraints(pattern=f"^(?:{SUBJECT.pattern})$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


class Test(_Frozen):
    """One fact compared: `value` is a list for `in` and `not_in`, and nothing for `known` and `unknown`."""

    subject: Subject
    operator: Operator = "eq"
    value: _Scalar | Annotated[tuple[_Scalar, ...], Field(min_length=1, max_length=MOST_VALUES)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "Test":
        wanted = "a list" if self.operator in LISTING else "no value" if self.operator in ASKING else "one value"
        given = "a list" if isinstance(self.value, tuple) else "no value" if self.value is None else "one value"
        if wanted != given:
            raise ValueError(f"{self.operator} takes {wanted}, not {given}")
        if self.operator in ORDERING and isinstance(self.value, bool):
            raise ValueError("yes and no have no order")
        return self


class All(_Frozen):
    """Every part holds."""

    all: tuple["ConditionView", ...]


class Any_(_Frozen):
    """Some part holds."""

    any: tuple["ConditionView", ...]


class Not_(_Frozen):
    """The part does not hold."""

    not_: "ConditionView" = Field(alias="not")


def _tag(value: Any) -> str:
    if isinstance(value, BaseModel):
        return type(value).__name__
    keys = value if isinstance(value, Mapping) else ()
    return "All" if "all" in keys else "Any_" if "any" in keys else "Not_" if "not" in keys else "Test"


ConditionView = Annotated[
    Annotated[All, Tag("All")]
    | Annotated[Any_, Tag("Any_")]
    | Annotated[Not_, Tag("Not_")]
    | Annotated[Test, Tag("Test")],
    Discriminator(_tag),
]
"""`{all: […]}`, `{any: […]}`, `{not: …}` or `{subject, operator, value}`."""
for _part in (All, Any_, Not_):
    _part.model_rebuild()


def as_condition(view: All | Any_ | Not_ | Test) -> Condition:
    """Return a condition as the law knows it."""
    match view:
        case All():
            return AllOf(tuple(as_condition(part) for part in view.all))
        case Any_():
            return AnyOf(tuple(as_condition(part) for part in view.any))
        case Not_():
            return Not(as_condition(view.not_))
        case Test():
            value = view.value
            values = value if isinstance(value, tuple) else () if value is None else (value,)
            return Compare(view.subject, view.operator, values)


def as_wire(condition: Condition) -> dict[str, Any]:
    """Return a condition as it travels; the inverse of `as_condition`."""
    match condition:
        case AllOf(parts):
            return {"all": [as_wire(part) for part in parts]}
        case AnyOf(parts):
            return {"any": [as_wire(part) for part in parts]}
        case Not(part):
            return {"not": as_wire(part)}
        case Compare(subject, operator, values):
            said = {"subject": subject, "operator": operator}
            value = list(values) if operator in LISTING else next(iter(values), None)
            return said if value is None else said | {"value": value}


class Question(_Frozen):
    """Who is meant, and what is to be told of them.

    Without `accounts` the whole book is asked, page by page in the order of account ids, after `after`. `answers` says
    of whom there is an answer: of those for whom the condition holds, or of all.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "condition": {"all": [{"subject": "score", "operator": "lt", "value": 40}]},
                    "subjects": ["score", "attribute.arr"],
                }
            ]
        }
    )

    condition: ConditionView = All(all=())
    accounts: tuple[UUID, ...] | None = Field(None, min_length=1, max_length=MOST_ACCOUNTS)
    subjects: tuple[Subject, ...] = Field((), max_length=MOST_SUBJECTS)
    answers: str = Field("holds", pattern="^(holds|all)$")
    after: UUID | None = None
    limit: int = Field(MOST_ACCOUNTS, ge=1, le=MOST_ACCOUNTS)

    @model_validator(mode="after")
    def _bounded(self) -> "Question":
        condition = as_condition(self.condition)
        if len(tests_of(condition)) > MOST_PARTS or depth_of(condition) > MOST_DEPTH:
            raise ValueError(f"a condition has at most {MOST_PARTS} tests and is at most {MOST_DEPTH} deep")
        return self


class FactView(_Frozen):
    """What is known about a subject; a `value` of null: nothing, and `why` says why."""

    value: StrictBool | StrictFloat | StrictStr | None = None
    why: str = ""


class Match(_Frozen):
    """One account: whether the condition holds (null: it cannot be known), and the facts that were asked for."""

    account: UUID
    holds: bool | None
    facts: dict[str, FactView] = {}

    def known(self) -> Facts:
        """Return the facts as the law knows them."""
        return {subject: Fact(one.value, one.why) for subject, one in self.facts.items()}


class Matches(_Frozen):
    """The answer: in words, as of when, and of whom; `after` asks for the next page (null: that was the last).

    A page may hold few, or nobody, and not be the last: of the whole book only a part is looked at for each answer.
    `unknown` names accounts that were asked for and have no score.
    """

    model_config = ConfigDict(extra="ignore")

    sentence: str
    at: datetime
    data: tuple[Match, ...]
    unknown: tuple[UUID, ...] = ()
    after: UUID | None = None


def facts_of(health: HealthDigest, attributes: Mapping[str, Any] | None = None) -> dict[str, Fact]:
    """Return every fact that a health document holds, and the account's attributes where they are given.

    It says nothing of `days_since`, and without attributes nothing of them: the scoring API knows those, too
    (`POST /audiences/match`).
    """
    account = health.account
    plain: dict[str, Any] = {
        "score": health.score, "band": health.effective_band.band, "change_7d": health.trend.change_7d,
        "change_28d": health.trend.change_28d, "confidence": health.confidence.value, "stage": account.stage,
        "segment": account.segment, "owner": account.owner, "age_days": account.age_days,
        "journey": health.milestones.journey,
    }  # fmt: skip
    found = {subject: _fact(value) for subject, value in plain.items()}
    found |= {f"signal.{one.signal}": Fact(None, one.why) for one in health.missing}
    for driver in health.drivers:
        found[f"signal.{driver.signal}"] = _fact(driver.value)
        found[f"points.{driver.signal}"] = Fact(driver.points)
    found |= {f"dimension.{one.id}": _fact(one.score, "too little of it was observed") for one in health.dimensions}
    found |= {f"milestone.{one.id}": Fact(one.state) for one in health.milestones.items}
    found |= {f"gate.{one.id}": Fact(True) for one in health.gates}
    return found | attributes_of(attributes)


def attributes_of(attributes: Mapping[str, Any] | None) -> dict[str, Fact]:
    """Return the facts that an account's attributes are."""
    return {f"attribute.{name}": _fact(value) for name, value in (attributes or {}).items()}


def _fact(value: Any, why: str = "nothing has been said about it") -> Fact:
    if value is None:
        return Fact(None, why)
    if isinstance(value, bool | str):
        return Fact(value)
    if isinstance(value, int | float):
        return Fact(float(value))
    return Fact(None, "it is not one value")
