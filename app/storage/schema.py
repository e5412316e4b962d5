"""Migrations, run by the product itself when it starts."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from app.storage.errors import SchemaTooNew

MIGRATIONS_FOLDER = Path(__file__).resolve().parents[2] / "migrations"
_MIGRATION_LOCK = 7_305_809_202_611  # any number, the same in all processes


@cache
def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_FOLDER).replace("%", "%%"))
    return config


@cache
def known_revisions() -> tuple[str, ...]:
    """Every revision that this version has a script for, newest first."""
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    return tuple(script.revision for script in scripts)


def expected_revision() -> str:
    """The schema that this version of the product works with."""
    return known_revisions()[0]


def present_revision(connection: Connection) -> str:
    """The schema that the database has, empty before the first migration."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    found = connection.execute(text("SELECT version_num FROM alembic_version"))
    return found.scalar_one_or_none() or ""


def migrate(connection: Connection) -> None:
    """Brings the schema to `expected_revision` within the connection's transaction.

    Raises:
        SchemaTooNew: the database knows a revision that this version has no script for.
    """
    if connection.dialect.name == "postgresql":  # two processes that start at once take turns
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    present = present_revision(connection)
    if present == expected_revision():
        return
    if present and present not in known_revisions():
        raise SchemaTooNew(
            f"The database has schema {present}, made by a newer version of Shardplan; this "
            f"version knows schemas up to {expected_revision()}. Start the newer version, or "
            "restore a backup from before the upgrade."
        )
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    finally:
        del config.attributes["connection"]
