"""A room of the plumbing's own: the lanes of these tests belong to no service."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from support.stores import Databases

from milepost_devstack.stores import EmbeddedPostgres
from milepost_runtime.database import Pool, Schema, open_pool

ROOM = Schema(name="plumbing", role="milepost_plumbing", package="milepost_runtime")
TABLES = """
create schema plumbing authorization milepost_plumbing;
create table plumbing.parcel (
  id bigint primary key, payload text not null default '', outcome text,
  next_at timestamptz, lease_until timestamptz, fence bigint not null default 0, crashes smallint not null default 0);
create index on plumbing.parcel (next_at, id) where next_at is not null;
create table plumbing.news (id bigint generated always as identity primary key, text text not null);
create table plumbing.cursor (
  feed text primary key, position bigint not null default 0,
  next_at timestamptz, lease_until timestamptz, fence bigint not null default 0, crashes smallint not null default 0);
alter table plumbing.parcel owner to milepost_plumbing;
alter table plumbing.news owner to milepost_plumbing;
alter table plumbing.cursor owner to milepost_plumbing;
"""


@pytest.fixture(scope="module")
async def plumbing(postgres: EmbeddedPostgres) -> AsyncIterator[Pool]:
    """A pool on an empty database with one lane, one feed and one cursor."""
    url = await Databases(postgres).empty()
    admin = await asyncpg.connect(url)
    if not await admin.fetchval("select exists(select from pg_roles where rolname = 'milepost_plumbing')"):
        await admin.execute("create role milepost_plumbing")
    await admin.execute(TABLES)
    await admin.close()
    async with await open_pool(url, ROOM, process="test", size=10) as pool:
        yield pool
