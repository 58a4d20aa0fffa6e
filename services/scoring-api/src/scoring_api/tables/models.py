"""The policy: score models as documents, who activated them when, and the peers they compare with; it reads no row."""

from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from milepost_runtime.columns import NOW, STAMP, must, primary
from scoring_api.tables.schema import METADATA


class ModelVersion(SQLModel, table=True):
    """A score model as a document; a version never changes, a change is a new version.

    `text` is the document as its author wrote it (YAML), `digest` the SHA-256 of its content in hex.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "model_version"
    model_id: str = primary(sa.Text)
    version: int = primary(sa.Integer)
    title: str = must(sa.Text)
    document: dict[str, Any] = must(JSONB)
    text: str = must(sa.Text)
    digest: str = must(sa.Text)
    author: str = must(sa.Text)
    note: str = must(sa.Text, "''")
    shipped: bool = must(sa.Boolean, "false")
    created_at: datetime = must(STAMP, NOW)


class Activation(SQLModel, table=True):
    """The change log of who judges: rows are only ever added, and the newest of a model id says whether it is active.

    The newest id over all is the number of the line-up. `at` is when the word was given.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.Index(None, "model_id", "id"),)
    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))
    at: datetime = must(STAMP, NOW)
    model_id: str = must(sa.Text)
    version: int = must(sa.Integer)
    active: bool = must(sa.Boolean)
    author: str = must(sa.Text)
    reason: str = must(sa.Text, "''")


class Cohort(SQLModel, table=True):
    """The peers of one model version at one moment, kept so that every percentile and median can be read again.

    `tables`: signal → group → its size and 101 quantiles (or the values, if they are no more); `medians`: signal →
    median points over all accounts.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.Index(None, "model_id", "model_version", "as_of"),)
    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))
    model_id: str = must(sa.Text)
    model_version: int = must(sa.Integer)
    as_of: datetime = must(STAMP)
    accounts: int = must(sa.BigInteger)
    tables: dict[str, Any] = must(JSONB)
    medians: dict[str, Any] = must(JSONB)
