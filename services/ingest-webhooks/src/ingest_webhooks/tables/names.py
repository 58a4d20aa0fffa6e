"""Whose it is: accounts, the references that lead to them, and persons who were erased.

It never reads or writes a row.
"""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA
from sqlmodel import SQLModel

from ingest_webhooks.tables.schema import METADATA
from milepost_runtime.columns import (
    NOW,
    STAMP,
    LaneColumns,
    may,
    must,
    primary,
)


class Account(SQLModel, table=True):
    """A customer; an account that was merged away names its survivor."""

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = primary(sa.Uuid)
    created_at: datetime = must(STAMP, NOW)
    merged_into: UUID | None = may(sa.Uuid)


class Reference(SQLModel, table=True):
    """A name of an account, or of a thing of an account (a contact, a ticket), and where it leads by now, if anywhere.

    `own_id` is where a name of an account leads unless a link says otherwise: to the account that it opened (`opened`)
    or that took its own one over.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.Index(None, "account_id"), sa.Index(None, "own_id"))
    reference: str = primary(sa.Text)
    account_id: UUID | None = may(sa.Uuid)
    linked_at: datetime = must(STAMP)
    own_id: UUID | None = may(sa.Uuid)
    opened: bool = must(sa.Boolean, "false")


class ReferenceLink(SQLModel, table=True):
    """What was told once of where a reference belongs: the set of these words is its history.

    `author` and `reason` are of words by hand.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "reference_link"
    __table_args__ = (
        sa.CheckConstraint("kind in ('link', 'primary', 'removed', 'same', 'hint', 'hand', 'unhand')", name="kind"),
        sa.Index(None, "target"),
    )
    reference: str = primary(sa.Text)
    target: str = primary(sa.Text)
    at: datetime = primary(STAMP)
    kind: str = primary(sa.Text)
    told_at: datetime = must(STAMP, NOW)
    delivery_id: UUID | None = may(sa.Uuid)
    author: str = must(sa.Text, "''")
    reason: str = must(sa.Text, "''")


class Erasure(LaneColumns, table=True):
    """A person whom we were asked to forget; `names` are known until that is done, then only what was done.

    `left_alone` are kept bodies that named the person and could not be read.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.Index(None, "next_at", "id", postgresql_where=sa.text("next_at is not null")),)
    id: UUID = primary(sa.Uuid)
    names: list[str] = must(sa.ARRAY(sa.Text), "'{}'")
    author: str = must(sa.Text)
    reason: str = must(sa.Text, "''")
    asked_at: datetime = must(STAMP, NOW)
    done_at: datetime | None = may(STAMP)
    events: int = must(sa.Integer, "0")
    deliveries: int = must(sa.Integer, "0")
    left_alone: int = must(sa.Integer, "0")


class ErasedPerson(SQLModel, table=True):
    """A keyed digest of a name of somebody who was forgotten: by it later events about the person are dropped."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "erased_person"
    digest: bytes = primary(BYTEA)
    erasure_id: UUID = must(sa.Uuid)
