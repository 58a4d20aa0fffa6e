"""Draft a migration from the difference between a service's tables and its migrated schema; never applies one."""

import re
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from milepost_devstack.house import MILEPOST
from milepost_devstack.refusal import Refusal
from milepost_runtime.database import Schema, head_revision
from milepost_runtime.migrations import engine, names_of
from milepost_runtime.settings import normalise_postgres_url

_FRAME = '''"""{message}."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{down}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema from {down} to {revision}."""
    {upgrade}


def downgrade() -> None:
    """Go back to {down}."""
    {downgrade}
'''


class NotDrafted(Refusal):
    """No migration can be drafted; the message says why."""


def schema_of(service: str) -> Schema:
    """The schema of a service, by the service's or the schema's name. Raises NotDrafted."""
    for schema in MILEPOST.schemas:
        if service in (schema.name, schema.package, schema.package.replace("_", "-")):
            return schema
    names = ", ".join(schema.package.replace("_", "-") for schema in MILEPOST.schemas)
    raise NotDrafted(f"there is no service '{service}': make revision service=… m='…' with one of {names}.")


async def draft(url: str, schema: Schema, message: str, folder: Path | None = None) -> Path:
    """Write the next migration of `schema` (into its package, or `folder`); returns its path. Raises NotDrafted.

    It is a draft: whoever asked for it reads it before it goes in.
    """
    slug = re.sub(r"[^a-z0-9]+", "_", message.lower()).strip("_")[:60]
    if not slug:
        raise NotDrafted("say what it does: make revision service=… m='add the owner of an account'.")
    down = head_revision(schema)
    revision = f"{int(down) + 1:04d}"
    source = engine(normalise_postgres_url(url))
    try:
        async with source.connect() as connection:
            upgrade, downgrade = await connection.run_sync(_difference, schema)
    finally:
        await source.dispose()
    versions = folder or Path(str(files(schema.package).joinpath("migrations", "versions")))
    path = versions / f"{revision}_{slug}.py"
    text = _FRAME.format(
        message=message.strip(". "), revision=revision, down=down, upgrade=upgrade, downgrade=downgrade
    )
    path.write_text(text, encoding="utf-8")
    return path


def _difference(connection: Connection, schema: Schema) -> tuple[str, str]:
    metadata = import_module(f"{schema.package}.tables").METADATA
    context = MigrationContext.configure(
        connection,
        opts={
            "include_schemas": True,
            "include_name": names_of(connection, schema),
            "version_table_schema": schema.name,
            "target_metadata": metadata,
        },
    )
    script = produce_migrations(context, metadata)
    if script.upgrade_ops is None or script.upgrade_ops.is_empty():
        raise NotDrafted(f"the tables of {schema.name} equal its migrated schema: nothing to draft.")
    assert script.downgrade_ops is not None
    return _code(script.upgrade_ops), _code(script.downgrade_ops)


def _code(operations: Any) -> str:
    return render_python_code(operations).strip()
