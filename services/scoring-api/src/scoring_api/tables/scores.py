"""Scores: when to look again, what was found, what was published, and the past told anew; it reads no row."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlmodel import Field, SQLModel

from milepost_runtime.columns import NOW, STAMP, LaneColumns, may, must, primary
from scoring_api.tables.schema import METADATA


class Rescoring(LaneColumns, table=True):
    """One row an account: when to look again, and why; `late` if history waits to be scored.

    `marked` grows with each mark, so none is lost.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.Index(None, "next_at", "account_id", postgresql_where=sa.text("next_at is not null")),)
    account_id: UUID = primary(sa.Uuid)
    marked: int = must(sa.BigInteger, "0")
    cause: str = must(sa.Text, "'silence'")
    late: bool = must(sa.Boolean, "false")
    correlation_id: str = must(sa.Text, "''")


class Chore(LaneColumns, table=True):
    """A piece of housekeeping, due again and again."""

    metadata: ClassVar[sa.MetaData] = METADATA
    name: str = primary(sa.Text)


class Snapshot(SQLModel, table=True):
    """A score as it was computed, with every figure behind it; rows are only ever added, and lose the names of people
    who are forgotten, their hash staying what it was.

    `readings` is all that went in beside the model and the peers, `detail` what came out: the row suffices to tell the
    whole document of that moment again. `inputs_hash` is the SHA-256 of the inputs with the moment, the model and
    `cohort_id`, the peers that percentiles and medians were read from. `feed_behind` is how far the feed that had come
    by `as_of` was ahead of what was read of it; with 0, records as visible at `as_of` measure the same again.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = primary(sa.Uuid)
    as_of: datetime = primary(STAMP)
    computed_at: datetime = must(STAMP)
    model_id: str = must(sa.Text)
    model_version: int = must(sa.Integer)
    score: float | None = may(sa.Double)
    display: float | None = may(sa.Double)
    band: str = must(sa.Text)
    effective_band: str = must(sa.Text)
    coverage: float = must(sa.Double)
    confidence: float = must(sa.Double)
    inputs_hash: str = must(sa.Text)
    readings: dict[str, Any] = must(JSONB)
    detail: dict[str, Any] = must(JSONB)
    lineup: int = must(sa.BigInteger, "0")
    cohort_id: int | None = may(sa.BigInteger)
    override_id: UUID | None = may(sa.Uuid)
    correlation_id: str = must(sa.Text, "''")
    feed_behind: int = must(sa.BigInteger, "0")


class Standing(SQLModel, table=True):
    """Where an account's band stands: committed band, pending move, and what was last published.

    `content_digest` is of the document without its moments: the same again says nothing new.
    `lineup` numbers the models that were in charge; `journey` and `milestones` are the states last published.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = primary(sa.Uuid)
    band: str | None = may(sa.Text)
    pending_direction: str | None = may(sa.Text)
    pending_since: datetime | None = may(STAMP)
    effective_band: str = must(sa.Text)
    published_score: float | None = may(sa.Double)
    display: float | None = may(sa.Double)
    content_digest: str = must(sa.Text)
    snapshot_as_of: datetime = must(STAMP)
    as_of: datetime = must(STAMP)
    lineup: int = must(sa.BigInteger, "0")
    journey: str | None = may(sa.Text)
    milestones: dict[str, Any] = must(JSONB, "'{}'")
    stale: bool = must(sa.Boolean, "false")


# For names that begin alike, byte by byte.
_NEAR_NAME: Any = sa.func.lower(sa.literal_column("name")).label("near")


class HealthDocument(SQLModel, table=True):
    """The answer to `GET /accounts/{id}/health`, ready to send; the columns beside it are for lists."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "health_document"
    __table_args__ = (
        sa.Index(None, "urgency", "account_id"),
        sa.Index("ix_health_document_by_band", "effective_band", "urgency", "account_id"),
        sa.Index("ix_health_document_by_owner", "owner", "urgency", "account_id"),
        sa.Index("ix_health_document_by_segment", "segment", "urgency", "account_id"),
        sa.Index("ix_health_document_by_score", sa.text("coalesce(score, 101)"), "account_id"),
        sa.Index("ix_health_document_by_score_down", sa.text("coalesce(score, -1)"), "account_id"),
        sa.Index("ix_health_document_by_name", sa.text("lower(name)"), "account_id"),
        sa.Index("ix_health_document_near_name", _NEAR_NAME, postgresql_ops={"near": "text_pattern_ops"}),
        sa.Index("ix_health_document_by_change", sa.text("coalesce(change_28d, 101)"), "account_id"),
        sa.Index("ix_health_document_by_change_down", sa.text("coalesce(change_28d, -101)"), "account_id"),
        sa.Index(None, "computed_at", "account_id"),
    )
    account_id: UUID = primary(sa.Uuid)
    body: bytes = must(BYTEA)
    etag: str = must(sa.Text)
    score: float | None = may(sa.Double)
    band: str = must(sa.Text)
    effective_band: str = must(sa.Text)
    stage: str | None = may(sa.Text)
    segment: str | None = may(sa.Text)
    owner: str | None = may(sa.Text)
    name: str = must(sa.Text)
    computed_at: datetime = must(STAMP)
    as_of: datetime = must(STAMP)
    fresh_until: datetime = must(STAMP)
    change_28d: float | None = may(sa.Double)
    top_reason: str = must(sa.Text, "''")
    confidence_word: str = must(sa.Text)
    model_id: str = must(sa.Text)
    journey: str | None = may(sa.Text)
    urgency: float = must(sa.Double)


class StaleAnswer(SQLModel, table=True):
    """An answer about an account, or by a reference, that nobody may give from memory any more.

    Triggers write it with the change itself: `written_by` is the transaction, so that no commit is read past. It may be
    lost in a crash, as every memory of an answer is then.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "stale_answer"
    __table_args__ = (sa.Index(None, "written_by"), {"prefixes": ["UNLOGGED"]})
    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))
    account_id: UUID | None = may(sa.Uuid)
    reference: str | None = may(sa.Text)
    told_at: datetime = must(STAMP, NOW)
    written_by: int = must(sa.BigInteger, "((pg_current_xact_id())::text)::bigint")


class Change(SQLModel, table=True):
    """The published feed `scoring.change`: ids become visible in their order.

    `subject` names what moved if it is not the score: a milestone, an input that fell silent.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.Index(None, "account_id", "id"),)
    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))
    account_id: UUID = must(sa.Uuid)
    kind: str = must(sa.Text)
    from_band: str | None = may(sa.Text)
    to_band: str = must(sa.Text)
    from_score: float | None = may(sa.Double)
    to_score: float | None = may(sa.Double)
    cause: str = must(sa.Text)
    model_id: str = must(sa.Text)
    model_version: int = must(sa.Integer)
    as_of: datetime = must(STAMP)
    computed_at: datetime = must(STAMP)
    snapshot_as_of: datetime = must(STAMP)
    correlation_id: str = must(sa.Text, "''")
    subject: str | None = may(sa.Text)
    detail: dict[str, Any] = must(JSONB, "'{}'")


class RestatedPoint(SQLModel, table=True):
    """A day's score as today's records and one model tell it; not what was known on that day.

    `raw_score` is the exact score before gates.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "restated_point"
    account_id: UUID = primary(sa.Uuid)
    model_id: str = primary(sa.Text)
    model_version: int = primary(sa.Integer)
    day: date = primary(sa.Date)
    as_of: datetime = must(STAMP)
    score: float | None = may(sa.Double)
    band: str = must(sa.Text)
    raw_score: float | None = may(sa.Double)


class Restatement(LaneColumns, table=True):
    """A piece of the past that somebody asked to be told anew: the lane works on it batch by batch and says how far.

    `done_upto` is the last account that is done, in the order of their ids. Without a model those judge that were in
    charge when it was asked for: the line-up of the number `lineup`.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.Index(None, "next_at", "id", postgresql_where=sa.text("next_at is not null")),)
    id: UUID = primary(sa.Uuid)
    from_day: date = must(sa.Date)
    to_day: date = must(sa.Date)
    every_days: int = must(sa.Integer, "1")
    model_id: str | None = may(sa.Text)
    model_version: int | None = may(sa.Integer)
    lineup: int = must(sa.BigInteger)
    state: str = must(sa.Text, "'waiting'")
    done_upto: UUID | None = may(sa.Uuid)
    accounts: int = must(sa.BigInteger, "0")
    accounts_done: int = must(sa.BigInteger, "0")
    points: int = must(sa.BigInteger, "0")
    reason: str = must(sa.Text, "''")
    requested_by: str = must(sa.Text, "''")
    requested_at: datetime = must(STAMP, NOW)
    started_at: datetime | None = may(STAMP)
    moved_at: datetime | None = may(STAMP)
    ended_at: datetime | None = may(STAMP)
