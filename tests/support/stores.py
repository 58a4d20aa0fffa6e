"""Databases for tests, cloned from one migrated template; nothing is dropped before the cluster itself goes."""

import itertools

import asyncpg

from milepost_devstack.stores import EmbeddedPostgres

TEMPLATE = "milepost_template"
_numbers = itertools.count(1)


class Databases:
    """Hands out databases of one cluster."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self._postgres = postgres

    async def create_template(self) -> str:
        """Make the empty template and return its URL."""
        return await self._create(TEMPLATE, "template1")

    async def clone(self) -> str:
        """Return the URL of a new copy of the template."""
        return await self._create(f"milepost_{next(_numbers)}", TEMPLATE)

    async def empty(self) -> str:
        """Return the URL of a new database without any schema of ours."""
        return await self._create(f"empty_{next(_numbers)}", "template1")

    async def _create(self, name: str, template: str) -> str:
        connection = await asyncpg.connect(self._postgres.url("postgres"))
        try:
            await connection.execute(f'create database "{name}" template "{template}" strategy file_copy')
        finally:
            await connection.close()
        return self._postgres.url(name)
