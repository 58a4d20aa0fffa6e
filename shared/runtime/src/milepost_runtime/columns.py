"""Column sets that the plumbing needs in a service's tables; it defines no table of its own."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, MetaData, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from milepost_runtime.database import Schema

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


STAMP = DateTime(timezone=True)
NOW = "clock_timestamp()"


def metadata(schema: Schema) -> MetaData:
    """Return a MetaData of the service's own, so that tables of two services never meet in one registry."""
    return MetaData(schema=schema.name, naming_convention=NAMING)


def instant(*, nullable: bool = False, default: str | None = None, **more: Any) -> Any:
    """Return the field of an aware instant; `default` is an SQL expression such as `clock_timestamp()`."""
    return Field(
        default=None if nullable else ...,
        sa_type=DateTime(timezone=True),
        sa_column_kwargs={"nullable": nullable} | ({"server_default": text(default)} if default else {}),
        **more,
    )


def primary(kind: Any) -> Any:
    """Return the field of a primary key that its writer makes."""
    return Field(sa_column=Column(kind, primary_key=True, autoincrement=False))


def must(kind: Any, default: str | None = None) -> Any:
    """Return a field that is never null; `default` is an SQL expression that the server fills in."""
    return Field(sa_column=Column(kind, nullable=False, server_default=None if default is None else text(default)))


def may(kind: Any) -> Any:
    """Return a field that may be null."""
    return Field(default=None, sa_column=Column(kind, nullable=True))


class LaneColumns(SQLModel):
    """A row that is work: when it is due (null: never), held until when, how often it brought a worker down."""

    next_at: datetime | None = instant(nullable=True)
    lease_until: datetime | None = instant(nullable=True)
    fence: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0"), "nullable": False})
    crashes: int = Field(
        default=0, sa_type=SmallInteger, sa_column_kwargs={"server_default": text("0"), "nullable": False}
    )


class CursorColumns(LaneColumns):
    """How far a reader has come in a feed; insert the row with `next_at = '-infinity'`, it stays due for ever."""

    feed: str = Field(primary_key=True, sa_type=Text)
    position: int = Field(
        default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0"), "nullable": False}
    )


class ApiKeyColumns(SQLModel):
    """An API key as a service knows it: hashed, scoped, expiring."""

    id: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    secret_hash: bytes = Field(sa_type=LargeBinary)
    scopes: list[str] = Field(sa_type=ARRAY(Text))
    created_at: datetime = instant(default="clock_timestamp()")
    expires_at: datetime | None = instant(nullable=True)
    revoked_at: datetime | None = instant(nullable=True)
    last_used_at: datetime | None = instant(nullable=True)


class IdempotencyColumns(SQLModel):
    """A request that its caller has named: digests of the name and of what was asked, and the sealed answer.

    `subject` is the thing that the answer shows, where it can be taken away again.
    """

    key: bytes = Field(primary_key=True, sa_type=LargeBinary)
    content: bytes = Field(sa_type=LargeBinary)
    answer: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    subject: str | None = Field(default=None, sa_type=Text, nullable=True)
    created_at: datetime = instant(default="clock_timestamp()")
