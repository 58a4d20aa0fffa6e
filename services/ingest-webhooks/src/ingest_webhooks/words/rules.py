"""The shape of a mapping: which topic of a provider becomes which event of ours; it applies nothing.

A mapping is an object from topics to rules. A topic is the provider's word for what happened; `invoice.*` stands for
every topic that begins so, `*` for any.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from milepost_contracts.events import EventType

Template = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Topic = Annotated[str, StringConstraints(pattern=r"^(\*|\S(.*\S)?)$", min_length=1, max_length=255)]
FieldPath = Annotated[str, StringConstraints(pattern=r"^[^\s{}]([^{}]*[^\s{}])?$", max_length=255)]


class Rule(BaseModel):
    """What one fact becomes.

    `attribute` alone sets one attribute of the account, `attributes` several. `type` makes an event. `account`, `item`,
    `role`, `actor`, `value`, `at` and `properties` are templates: `{value}` is what changed, `{property}` the last
    part of the topic, `{object}` the reference of the changed thing, `{a.b.0.c}` a field of the delivered document. A
    template that is one field and nothing else keeps the field's kind (a number stays a number); a template with a
    field that is missing or null leaves its target out. `account` replaces the source's own idea of whose it is.

    `reads` says what the value is, `translate` replaces values (lower case) before anything else. `when` picks another
    rule by the value of `by` (a field's path; left out: what changed), compared in lower case, `*` for any other; an
    empty value is picked by `""`. `also` are further events of the same fact. `ignore` leaves it alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    attribute: Template | None = None
    attributes: dict[Template, Template] = Field(default_factory=dict, max_length=50)
    type: EventType | None = None
    account: Template | None = None
    item: Template | None = None
    role: Template | None = None
    actor: Template | None = None
    value: Template | None = None
    at: Template | None = None
    properties: dict[Template, Template] = Field(default_factory=dict, max_length=50)
    reads: Literal["text", "number", "date"] = "text"
    translate: dict[str, str] = Field(default_factory=dict, max_length=500)
    by: FieldPath | None = None
    when: "dict[str, Rule]" = Field(default_factory=dict, max_length=500)
    also: "tuple[Rule, ...]" = Field(default=(), max_length=20)
    ignore: bool = False

    @model_validator(mode="after")
    def _says_one_thing(self) -> "Rule":
        said = (self.attribute is not None, bool(self.attributes), self.type is not None, bool(self.when), self.ignore)
        if sum(said) != 1:
            raise ValueError("give exactly one of attribute, attributes, type, when or ignore")
        return self


class MappingDocument(BaseModel):
    """A connection's own rules, by topic; a source's defaults fill what they leave open."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: dict[Topic, Rule] = Field(default_factory=dict, max_length=1_000)
